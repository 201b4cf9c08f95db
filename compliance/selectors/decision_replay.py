"""Decisions recomputed from stored history and the policy of the day, fact by fact beside what was written down.

Nothing is read from the decision itself nor from stored standings: benefits come from their revisions, the life and
a closing from closures, the rest from notices, appeals, protections and exemptions as they were known before the run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from compliance.lib import decide as rule
from compliance.lib import rules
from compliance.lib.danger import Gap
from compliance.lib.policy import PolicyHistory
from compliance.lib.runs import Run
from compliance.models import Decision, HoldOut, Undo, UndoOutcome
from compliance.models import Run as RunRow
from compliance.selectors import facts, policies
from compliance.selectors.facts import Facts
from members.lib.refusals import NotFound
from members.models import Closure, Merchant, ProgramStatus

NAMES = (
    "outcome",
    "reason",
    "policy",
    "first_opened_on",
    "opened_at",
    "was_closed",
    "episode_began_at",
    "danger_at",
    "safe_again_at",
    "uncovered_since",
    "exempt_until",
    "appeal_filed_at",
    "protected_until",
    "notice_at",
    "last_warned_at",
    "held_out_at",
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of a decision: as written down, and as recomputed."""

    name: str
    stored: Any
    replayed: Any

    @property
    def is_equal(self) -> bool:
        """Whether both say the same."""
        return self.stored == self.replayed


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision recomputed. `facts` are always all of `NAMES`, in that order.

    rules: the reading of the rules that decided (`compliance.lib.rules`), and by which it is recomputed. A reading that
    this code does not know is not compared: `facts` is empty then.
    """

    run_id: int
    period: str
    merchant_id: int
    rules: int
    facts: tuple[Fact, ...]

    @property
    def is_comparable(self) -> bool:
        """Whether this code knows the reading that decided."""
        return rules.is_known(self.rules)

    @property
    def differing(self) -> list[Fact]:
        """The facts that are not what was written down."""
        return [fact for fact in self.facts if not fact.is_equal]

    @property
    def is_equal(self) -> bool:
        """Whether it was compared and every fact is what was written down."""
        return self.is_comparable and not self.differing


def find(*, run: str, program: str) -> Replay:
    """The replay of one program (its shop's short name) at the run of a period. Works as platform.

    Raises NotFound where there is no such run, shop or decision.
    """
    row = RunRow.objects.select_related("policy").filter(period=run).first()
    if row is None:
        raise NotFound(_("There is no run of “%(period)s”; write it like 2024-06.") % {"period": run})
    merchant = Merchant.objects.filter(slug=program).first()
    if merchant is None:
        raise NotFound(_("There is no merchant “%(name)s”.") % {"name": program})
    decision = Decision.objects.filter(run_id=row.pk, merchant_id=merchant.pk).first()
    if decision is None:
        raise NotFound(_("The run of %(period)s decided nothing about this program.") % {"period": run})
    return replay(row, [decision])[0]


def replay(row: RunRow, decisions: Collection[Decision]) -> list[Replay]:
    """Replays of some decisions of one run, by merchant. A constant number of queries."""
    known = policies.history().known_before(row.at)
    found = {each.merchant_id: each for each in as_it_was([d.merchant_id for d in decisions], known, row)}
    run = Run(row.period, row.run_on, row.at, known.at(row.at))
    held_out = _held_out(row.period, [d.merchant_id for d in decisions])
    return [
        Replay(
            row.pk,
            row.period,
            each.merchant_id,
            each.rules,
            _compared(each, found.get(each.merchant_id), run, held_out.get(each.merchant_id)),
        )
        for each in sorted(decisions, key=lambda decision: decision.merchant_id)
    ]


def as_it_was(merchant_ids: Collection[int], known: PolicyHistory, row: RunRow) -> list[Facts]:
    """The facts of programs as the run might know them, however their present rows read."""
    ids = sorted(merchant_ids)
    ground = facts.Ground(history=known)
    found = facts.load(ids, ground=ground, at=row.at, before=row.at)
    coverages = facts.told_anew(ids, row.at)
    closures = _closures(ids, row.at)
    cleared_before = _cleared_before(ids, row)
    for each in found:
        each.coverages = coverages.get(each.merchant_id, ())
        each.opened_at = each.first_opened_at
        each.status = ProgramStatus.OPEN
        for closure in closures.get(each.merchant_id, []):
            if closure.to_at is None or closure.to_at >= row.at:
                is_own = closure.kind == "closed" or not any(
                    at >= closure.from_at for at in cleared_before.get(each.merchant_id, [])
                )
                each.status = ProgramStatus.CLOSED if is_own else ProgramStatus.CLEARED
            elif closure.ended_by == "reopened":
                each.opened_at = closure.to_at  # a reopening after a clearance is the one new life there is
    return found


def _closures(ids: Collection[int], at: dt.datetime) -> dict[int, list[Closure]]:
    found: dict[int, list[Closure]] = {}
    for row in Closure.objects.filter(merchant_id__in=list(ids), from_at__lt=at).order_by("from_at"):
        found.setdefault(row.merchant_id, []).append(row)
    return found


def _cleared_before(ids: Collection[int], row: RunRow) -> dict[int, list[dt.datetime]]:
    """When earlier runs cleared each program: one that its merchant had closed keeps the beginning of that closure,
    so only this tells a program still closed by its merchant from one that a run had cleared."""
    earlier = dict(RunRow.objects.filter(at__lt=row.at).values_list("id", "at"))
    rows = Decision.objects.filter(run_id__in=list(earlier), merchant_id__in=list(ids), outcome="cleared")
    undone = Undo.objects.filter(merchant_id__in=list(ids), outcome=UndoOutcome.CLOSED)
    taken_back = set(undone.values_list("run_id", "merchant_id"))
    found: dict[int, list[dt.datetime]] = {}
    for run_id, merchant_id in rows.values_list("run_id", "merchant_id"):
        if (run_id, merchant_id) in taken_back:
            continue
        found.setdefault(merchant_id, []).append(earlier[run_id])
    return found


def _held_out(period: str, ids: Collection[int]) -> dict[int, dt.datetime]:
    """When each was held out of the run of a period, of those that were when it began."""
    rows = HoldOut.objects.filter(period=period, merchant_id__in=list(ids), lifted_at=None)
    return dict(rows.values_list("merchant_id", "held_at"))


def _compared(
    stored: Decision, found: Facts | None, run: Run, held_out_at: dt.datetime | None
) -> tuple[Fact, ...]:
    if not rules.is_known(stored.rules):
        return ()
    replayed = {} if found is None else facts_decided(found, run, held_out_at, stored.rules)
    return tuple(Fact(name, _stored(stored, name), replayed.get(name)) for name in NAMES)


def _stored(row: Decision, name: str) -> Any:
    return row.policy_id if name == "policy" else getattr(row, name)


def facts_decided(
    found: Facts, run: Run, held_out_at: dt.datetime | None = None, revision: int = rules.REVISION
) -> dict[str, Any]:
    """What the rules decide of a program at a run, every fact by name; {} where they make no decision."""
    assessed = found.assessment
    gap = None if assessed.danger_at is None else Gap(assessed.danger_at, assessed.safe_again_at)
    decision = rule.decide(
        rule.Facts(
            status=rule.Status(found.status),
            first_opened_on=found.first_opened_on,
            gap=gap,
            episode_began_at=found.episode_began_at,
            is_exempt=found.exempt_until is not None,
            protected_until=found.protected_until,
            held_out_at=held_out_at,
            appeals=found.appeals,
            warnings=[facts.sent(row) for row in found.notices],
        ),
        run,
        revision,
    )
    if decision is None:
        return {}
    seen = decision.evidence
    return {
        "outcome": decision.outcome.value,
        "reason": decision.reason.value,
        "policy": seen.policy_version,
        "first_opened_on": found.first_opened_on,
        "opened_at": found.opened_at,
        "was_closed": found.status == ProgramStatus.CLOSED,
        "episode_began_at": found.episode_began_at,
        "danger_at": seen.danger_at,
        "safe_again_at": seen.safe_again_at,
        "uncovered_since": assessed.uncovered_since,
        "exempt_until": found.exempt_until,
        "appeal_filed_at": seen.appeal_filed_at,
        "protected_until": seen.protected_until,
        "notice_at": seen.notice_at,
        "last_warned_at": seen.last_warned_at,
        "held_out_at": seen.held_out_at,
    }
