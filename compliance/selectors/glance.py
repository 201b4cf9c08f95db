"""What every page knows of a program's compliance: the state shown, in one query (ux.md, The compliance banner).

Computed live from the same facts as `standing.find` and by the same rules; only the reading is folded.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benefits.lib.coverage import Configured, Coverage
from benefits.lib.multirange import to_spans
from benefits.models import Benefit, BenefitStatus
from compliance.lib.appeals import Appeal as AppealRule
from compliance.lib.appeals import holding_appeal
from compliance.lib.policy import Policy, PolicyHistory
from compliance.lib.runs import Run
from compliance.lib.state import State
from compliance.models import Appeal as AppealRow
from compliance.models import AppealState, Decision, Notice, Protection
from compliance.selectors import policies, standing
from compliance.selectors.facts import Facts, Ground
from members.lib import prepared
from members.models import Program, ProgramStatus
from members.selectors import setup_guide

# Protections, the exemption of the instant, appeals with their state, notices with what this person did about each, the
# coverage, and the periods that have had a run with a mark of all policy versions, by which a process knows them again.
MORE = """
select 'protection', from_at, until_at, null::date, null::bigint, cause::text, null::text[], null::tstzmultirange,
    null::timestamptz[], null::timestamptz[]
from compliance_protection where merchant_id = %(merchant)s
union all
select 'exemption', from_at, until_at, null, null, reason, null, null, null, null
from compliance_exemption where merchant_id = %(merchant)s and from_at <= %(at)s and until_at > %(at)s
    and (ended_at is null or ended_at > %(at)s)
union all
select 'appeal', filed_at, case when ended_at <= %(at)s then ended_at end, due_on, id, public_id, array[state],
    null, null, null
from compliance_appeal where merchant_id = %(merchant)s and filed_at <= %(at)s
union all
select 'notice', sent_at, danger_at, for_run_on, days_before, public_id, array(
    select channel || ' ' || event from compliance_receipt r
    where r.merchant_id = n.merchant_id and r.notice_id = n.id and r.user_id = %(user)s
), null, null, null from compliance_notice n where merchant_id = %(merchant)s
union all
select 'coverage', null, null, null, doubts, kind, null, in_force, configured_at, force_from
from benefits_coverage where merchant_id = %(merchant)s
union all
select 'ground', null, null, null, null, md5(string_agg(p::text, '|' order by number)),
    array(select period::text from compliance_run), null, null, null from compliance_policy p
order by 2, 5 desc nulls last, 6
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A notice and what one person did about it: "popup seen", "inbox acknowledged"."""

    notice: Notice
    done: frozenset[str]

    def has(self, channel: str, event: str) -> bool:
        """Whether the person did that."""
        return f"{channel} {event}" in self.done


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeal:
    """What the banner says of a pending appeal."""

    reference: str
    decision_by: dt.date


@dataclass(slots=True, kw_only=True)
class Glance:
    """A program at an instant as one person sees it.

    facts: None for a draft and a cleared program, and before the platform is installed. run: the one that threatens
    it, also while its merchant has it closed. told: notices with this person's receipts, oldest first. steps_left: of
    the set-up guide, for a draft. decision: the one that cleared it.
    """

    at: dt.datetime
    program: Program
    state: State
    facts: Facts | None = None
    told: list[Told] = field(default_factory=list)
    exemption: str | None = None
    decision: Decision | None = None
    steps_left: int = 0
    appeal: Appeal | None = None

    @property
    def policy(self) -> Policy | None:
        """The policy in force; None for a draft and a cleared program, which need none."""
        return None if self.facts is None else self.facts.policy

    @property
    def is_cleared(self) -> bool:
        """Closed by a clearance, whether it is appealed or not."""
        return self.program.status == ProgramStatus.CLEARED

    @property
    def is_held(self) -> bool:
        """Whether the pending appeal holds the program out of the run that threatens it; also when none does."""
        run, facts = self.run, self.facts
        if run is None or facts is None:
            return True
        return holding_appeal(facts.appeals, run.at, run.version.policy) is not None

    @property
    def run(self) -> Run | None:
        """The run that threatens the program."""
        return None if self.facts is None else self.facts.threat

    @property
    def present(self) -> list[Told]:
        """The notices that announce the threatening run, oldest first."""
        run = self.run
        return [] if run is None else [each for each in self.told if each.notice.for_run_on == run.on]

    @property
    def is_threatened(self) -> bool:
        """At risk or in its final notice: the states in which notices are put before people."""
        return self.state in (State.AT_RISK, State.FINAL_NOTICE)

    @property
    def protection(self) -> Protection | None:
        """The protection that a restoration gave and that reaches furthest."""
        rows = [] if self.facts is None else self.facts.protections
        return max(
            (row for row in rows if row.cause == "restored"), key=lambda row: row.until_at, default=None
        )


def look(*, program: Program, user_id: int | None, at: dt.datetime) -> Glance:
    """A program at an instant. One query where this process knows the policy versions already, one more where not; two
    for a cleared program, four for a draft's guide."""
    if program.status == ProgramStatus.DRAFT:
        guide = setup_guide.tasks(program=program, at=at, has_benefit=has_benefit(merchant_id=program.pk))
        return Glance(at=at, program=program, state=State.DRAFT, steps_left=setup_guide.left(guide))
    if program.status == ProgramStatus.CLEARED:
        appeal = pending_appeal(merchant_id=program.pk)
        state = State.CLEARED if appeal is None else State.APPEALING
        return Glance(at=at, program=program, state=state, decision=clearing(program=program), appeal=appeal)
    rows = prepared.fetch_all(MORE, {"merchant": program.pk, "at": at, "user": user_id})
    known = _ground(next(row for row in rows if row[0] == "ground"))
    if known is None:
        return Glance(at=at, program=program, state=State(program.status))
    found = _facts(program, at, known, rows)
    assert found.facts is not None
    found.state = standing.state_of(found.facts)
    return found


def has_benefit(*, merchant_id: int) -> bool:
    """Whether a benefit was ever published."""
    return Benefit.objects.of(merchant_id).exclude(status=BenefitStatus.DRAFT).exists()


def pending_appeal(*, merchant_id: int) -> Appeal | None:
    """The oldest appeal that is being reviewed. One query."""
    row = AppealRow.objects.of(merchant_id).filter(state=AppealState.OPEN).order_by("filed_at", "id").first()
    return None if row is None else Appeal(reference=row.public_id, decision_by=row.due_on)


def clearing(*, program: Program) -> Decision | None:
    """The decision that cleared a program, with its run. One query."""
    if program.closed_at is None:
        return None
    rows = Decision.objects.filter(
        merchant_id=program.pk, run__at=program.closed_at, outcome="cleared"
    ).select_related("run")
    return rows.first()


_versions: tuple[str, PolicyHistory] | None = (
    None  # those last read, with their mark: they are the same for all
)


def _ground(row: tuple[Any, ...]) -> Ground | None:
    """Every policy version and the periods that have had a run; None before the installation. A query where the
    versions are not those that this process read last."""
    global _versions
    mark, done = row[5], row[6]
    if mark is None:
        return None
    known = _versions
    if known is None or known[0] != mark:
        known = _versions = (mark, policies.history())
    return Ground(history=known[1], done=frozenset(done))


def _facts(program: Program, at: dt.datetime, known: Ground, rows: Sequence[tuple[Any, ...]]) -> Glance:
    assert program.opened_at is not None and program.first_opened_at is not None  # a constraint of the table
    facts = Facts(
        merchant_id=program.pk,
        status=program.status,
        opened_at=program.opened_at,
        first_opened_at=program.first_opened_at,
        closed_at=program.closed_at,
        coverages=tuple(
            sorted((_coverage(row) for row in rows if row[0] == "coverage"), key=lambda each: each.key)
        ),
        ground=known,
        at=at,
    )
    found = Glance(at=at, program=program, state=State.OPEN, facts=facts)
    for what, first, second, day, days, word, done, *_coverage_of in rows:
        if what == "protection":
            row = Protection(merchant_id=program.pk, from_at=first, until_at=second, cause=word)
            facts.protections.append(row)
        elif what == "appeal":
            upheld = second is not None and done == [AppealState.UPHELD]
            facts.appeals.append(AppealRule(filed_at=first, ended_at=second, upheld=upheld, number=days))
            if second is None:
                found.appeal = found.appeal or Appeal(reference=word, decision_by=day)
        elif what == "exemption":
            facts.exempt_until = max(second, facts.exempt_until or second)
            found.exemption = word
        elif what == "notice":
            notice = Notice(
                merchant_id=program.pk,
                public_id=word,
                sent_at=first,
                danger_at=second,
                for_run_on=day,
                days_before=days,
            )
            facts.notices.append(notice)
            found.told.append(Told(notice, frozenset(done)))
    return found


def _coverage(row: tuple[Any, ...]) -> Coverage:
    """A row of coverage as the pure rule's value."""
    doubts, kind, in_force, configured_at, force_from = row[4], row[5], row[7], row[8], row[9]
    pairs = zip(configured_at, force_from, strict=True)
    return Coverage(kind, to_spans(in_force), tuple(Configured(*pair) for pair in pairs), doubts)
