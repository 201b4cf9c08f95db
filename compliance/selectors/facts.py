"""The facts of programs as a job or a page may know them, loaded set-based and judged by the pure rules.

A job due at an instant knows what was done before it (`before`), nothing done at it or later, also when it is made
up late; a page (`before` None) knows everything recorded so far.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from benefits.lib.coverage import Coverage, program_coverage
from benefits.lib.spans import Spans
from benefits.models import BenefitRevision
from benefits.models import Coverage as CoverageRow
from benefits.selectors.coverage import as_coverage, as_rule
from compliance.lib import danger, warnings
from compliance.lib.appeals import Appeal, holding_appeal
from compliance.lib.calendar import platform_date
from compliance.lib.outline import Outline, outline
from compliance.lib.policy import Policy, PolicyHistory
from compliance.lib.runs import Run
from compliance.models import Appeal as AppealRow
from compliance.models import AppealState, Exemption, Notice, Protection, ProtectionCause
from compliance.models import Run as RunRow
from members.models import Program, ProgramStatus

_INSTANT = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is the same for every program: the policy versions known and the periods that have had a run."""

    history: PolicyHistory
    done: frozenset[str] = frozenset()

    @property
    def newest(self) -> int:
        """The highest version number known."""
        return max(version.number for version in self.history.versions)


def ground(history: PolicyHistory, *, before: dt.datetime | None = None) -> Ground:
    """The ground of a job due at `before`, or of a page. One query beside the history given."""
    known = history if before is None else history.known_before(before)
    return Ground(history=known, done=frozenset(RunRow.objects.values_list("period", flat=True)))


@dataclass
class Facts:
    """One opened program at an instant. `warnings`: of every run and life, oldest first."""

    merchant_id: int
    status: str
    opened_at: dt.datetime
    first_opened_at: dt.datetime
    closed_at: dt.datetime | None
    coverages: tuple[Coverage, ...]
    ground: Ground
    at: dt.datetime
    protections: list[Protection] = field(default_factory=list)
    exempt_until: dt.datetime | None = None
    notices: list[Notice] = field(default_factory=list)
    unseen_at: dt.datetime | None = None
    appeals: list[Appeal] = field(default_factory=list)

    @property
    def has_pending_appeal(self) -> bool:
        """Any pending one, also one that holds the program out of no run."""
        return any(each.ended_at is None for each in self.appeals)

    @property
    def appeal_filed_at(self) -> dt.datetime | None:
        """When the appeal was filed that holds the program out of a run at this instant."""
        found = holding_appeal(self.appeals, self.at, self.policy)
        return None if found is None else found.filed_at

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.ground.history.at(self.at).policy

    @property
    def first_opened_on(self) -> dt.date:
        """Platform day of the first opening."""
        return platform_date(self.first_opened_at)

    @property
    def protected_until(self) -> dt.datetime | None:
        """The end of the protection that reaches furthest."""
        return max((row.until_at for row in self.protections), default=None)

    @property
    def restored_until(self) -> dt.datetime | None:
        """The end of the protection that a restoration after a clearance gave."""
        found = (row.until_at for row in self.protections if row.cause == ProtectionCause.RESTORED)
        return max(found, default=None)

    @property
    def episode_began_at(self) -> dt.datetime:
        """The later of the present life's beginning and the last restoration or upheld appeal."""
        return max([self.opened_at, *(row.from_at for row in self.protections)])

    @cached_property
    def ahead(self) -> Spans:
        """The instants at which rule 2 holds."""
        return danger.uncovered_ahead(self.coverages, self.ground.history, self.at)

    @cached_property
    def assessment(self) -> danger.Assessment:
        """Danger date, and since when nothing qualified."""
        return danger.assess(self.coverages, self.ground.history, self.opened_at, self.at, self.ahead)

    @property
    def outline(self) -> Outline | None:
        """The coverage in one line; None also where something stored of the program is not to be known yet."""
        return None if self.unseen_at is not None else outline(self.coverages, self.policy, self.at)

    @cached_property
    def threat(self) -> Run | None:
        """The run that threatens the program while it is open."""
        return danger.threatening_run(
            self.ahead,
            self.ground.history,
            self.at,
            opened_at=self.opened_at,
            first_opened_on=self.first_opened_on,
            protected_until=self.protected_until,
            is_exempt=self.exempt_until is not None,
            done=self.ground.done,
        )

    @cached_property
    def episode(self) -> list[warnings.SentWarning]:
        """The warnings of the present at-risk episode, oldest first."""
        danger_at = self.assessment.danger_at
        if danger_at is None:
            return []
        return warnings.episode([sent(row) for row in self.notices], danger_at, self.episode_began_at)

    @property
    def due_at(self) -> dt.datetime | None:
        """The first later instant at which what is stored of these facts changes by itself."""
        unseen = None if self.unseen_at is None else max(self.unseen_at, self.at + _INSTANT)
        changes = [self.assessment.due_at, self.exempt_until, unseen]
        return min((at for at in changes if at is not None), default=None)


def sent(row: Notice) -> warnings.SentWarning:
    """A notice as the pure rules read it."""
    return warnings.SentWarning(
        days_before=row.days_before, sent_at=row.sent_at, for_run_on=row.for_run_on, danger_at=row.danger_at
    )


def load(
    merchant_ids: Collection[int], *, ground: Ground, at: dt.datetime, before: dt.datetime | None = None
) -> list[Facts]:
    """The facts of the opened programs among some merchants, by merchant. A constant number of queries."""
    ids = sorted(merchant_ids)
    programs = Program.objects.filter(merchant_id__in=ids).exclude(status=ProgramStatus.DRAFT)
    coverages, unseen = _coverages(ids, before)
    protections = _protections(ids, before, unseen)
    exemptions = _exemptions(ids, at, before, unseen)
    appeals = _appeals(ids, at, before, unseen)
    notices = _by_merchant(
        Notice.objects.filter(merchant_id__in=ids).order_by("sent_at", "-days_before", "id")
    )
    return [
        Facts(
            merchant_id=program.pk,
            status=program.status,
            opened_at=program.opened_at,
            first_opened_at=program.first_opened_at,
            closed_at=program.closed_at,
            coverages=coverages.get(program.pk, ()),
            ground=ground,
            at=at,
            protections=protections.get(program.pk, []),
            exempt_until=exemptions.get(program.pk),
            notices=notices.get(program.pk, []),
            unseen_at=unseen.get(program.pk),
            appeals=appeals.get(program.pk, []),
        )
        for program in programs.order_by("merchant_id")
        if program.opened_at is not None and program.first_opened_at is not None
    ]


def _by_merchant(rows: Iterable) -> dict[int, list]:
    found: dict[int, list] = {}
    for row in rows:
        found.setdefault(row.merchant_id, []).append(row)
    return found


def _see_later(unseen: dict[int, dt.datetime], merchant_id: int, at: dt.datetime) -> None:
    """Note the first instant at which something becomes known that is not yet."""
    unseen[merchant_id] = min(at, unseen.get(merchant_id, at))


def _protections(
    ids: Collection[int], before: dt.datetime | None, unseen: dict[int, dt.datetime]
) -> dict[int, list[Protection]]:
    found: dict[int, list[Protection]] = {}
    for row in Protection.objects.filter(merchant_id__in=list(ids)).order_by("from_at", "id"):
        if before is None or row.from_at < before:
            found.setdefault(row.merchant_id, []).append(row)
        else:
            _see_later(unseen, row.merchant_id, row.from_at)
    return found


def _appeals(
    ids: Collection[int], at: dt.datetime, before: dt.datetime | None, unseen: dict[int, dt.datetime]
) -> dict[int, list[Appeal]]:
    """The appeals filed so far, as they stand: one that ends later is pending."""
    found: dict[int, list[Appeal]] = {}
    for row in AppealRow.objects.filter(merchant_id__in=list(ids)).order_by("filed_at", "id"):
        if not _is_known(row.filed_at, at, before):
            _see_later(unseen, row.merchant_id, row.filed_at)
            continue
        has_ended = row.ended_at is not None and _is_known(row.ended_at, at, before)
        if row.ended_at is not None and not has_ended:
            _see_later(unseen, row.merchant_id, row.ended_at)
        found.setdefault(row.merchant_id, []).append(appeal_as_rule(row) if has_ended else as_pending(row))
    return found


def as_pending(row: AppealRow) -> Appeal:
    """An appeal that is not decided yet, as the pure rules read it."""
    return Appeal(filed_at=row.filed_at, number=row.pk)


def appeal_as_rule(row: AppealRow) -> Appeal:
    """An appeal as the pure rules read it."""
    return Appeal(
        filed_at=row.filed_at,
        ended_at=row.ended_at,
        upheld=row.state == AppealState.UPHELD,
        number=row.pk,
    )


def _exemptions(
    ids: Collection[int], at: dt.datetime, before: dt.datetime | None, unseen: dict[int, dt.datetime]
) -> dict[int, dt.datetime]:
    """Until when each merchant is exempt, for those that are exempt at the instant."""
    found: dict[int, dt.datetime] = {}
    for row in Exemption.objects.filter(merchant_id__in=list(ids), until_at__gt=at):
        for change in (row.from_at, row.ended_at):
            if change is not None and not _is_known(change, at, before):
                _see_later(unseen, row.merchant_id, change)
        is_lifted = row.ended_at is not None and _is_known(row.ended_at, at, before)
        if _is_known(row.from_at, at, before) and not is_lifted:
            found[row.merchant_id] = max(row.until_at, found.get(row.merchant_id, row.until_at))
    return found


def _is_known(change: dt.datetime, at: dt.datetime, before: dt.datetime | None) -> bool:
    return change <= at if before is None else change < before


def _coverages(
    ids: Collection[int], before: dt.datetime | None
) -> tuple[Mapping[int, tuple[Coverage, ...]], dict[int, dt.datetime]]:
    """Coverage by merchant, and the first revision that may not be known yet. As stored, but for merchants whose
    benefits were changed at or after `before`: theirs is told anew from the revisions made before it."""
    unseen: dict[int, dt.datetime] = {}
    if before is not None:
        late = BenefitRevision.objects.filter(merchant_id__in=list(ids), at__gte=before).order_by("-at")
        unseen = dict(late.values_list("merchant_id", "at"))  # the earliest stays
    stored = CoverageRow.objects.filter(merchant_id__in=[i for i in ids if i not in unseen]).order_by(
        "kind", "doubts"
    )
    found = {
        merchant_id: tuple(as_coverage(row) for row in rows)
        for merchant_id, rows in _by_merchant(stored).items()
    }
    if unseen and before is not None:
        found |= told_anew(unseen, before)
    return found, unseen


def told_anew(ids: Iterable[int], before: dt.datetime) -> dict[int, tuple[Coverage, ...]]:
    """Coverage by merchant from the revisions of benefits made before an instant."""
    revisions: dict[int, dict[int, list]] = {}
    rows = BenefitRevision.objects.filter(merchant_id__in=list(ids), at__lt=before)
    for row in rows.order_by("merchant_id", "benefit_id", "number"):
        revisions.setdefault(row.merchant_id, {}).setdefault(row.benefit_id, []).append(as_rule(row))
    return {merchant_id: program_coverage(each.values()) for merchant_id, each in revisions.items()}
