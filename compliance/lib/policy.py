"""The clearance policy: its settings, its versions, and which version is in force at an instant.

A version is never edited; a change is a new version from an instant on (possibly a coming one). The defaults of
`Policy` are those of a scripted history (`play`); `PLATFORM_POLICY` is what an installation starts with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, NamedTuple

from benefits.lib.kinds import KINDS
from benefits.lib.scope import CHANNELS
from benefits.lib.spans import Span, utc
from benefits.lib.usefulness import AUDIENCE_STEPS, RULES, refused_by, refused_part
from compliance.lib.calendar import PLATFORM_ZONE
from members.lib.periods import YEARS
from members.lib.refusals import Invalid
from members.lib.words import sentence as _


class AgeBoundary(StrEnum):
    """Whether a program exactly half a year old at the run is already old enough."""

    OVER = "over"
    AT_LEAST = "at_least"


class CountingBasis(StrEnum):
    """What makes a benefit cover an instant: being in force, being configured, or either."""

    IN_FORCE_OR_CONFIGURED = "in_force_or_configured"
    IN_FORCE = "in_force"
    CONFIGURED = "configured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings of one policy version (domain.md 3, play.md `policy.set`).

    Days are counted from 0 up (`window_days` and `appeal_decision_days`, which are working days, from 1);
    `max_lead_days` None is no limit; `warn_days` is kept without repetition, largest first. `paper_rules` are names of
    `benefits.lib.usefulness.RULES`, `min_audience` is 0 or one of its steps. A benefit that is to be had
    on `uncounted_channels` alone does not count. Raises ValueError on a value outside its
    range.
    """

    min_age_months: int = 6
    age_boundary: AgeBoundary = AgeBoundary.OVER
    window_days: int = 90
    counting_basis: CountingBasis = CountingBasis.IN_FORCE_OR_CONFIGURED
    uncounted_kinds: frozenset[str] = frozenset({"lucky_draw", "draw_purchase"})
    min_notice_days: int = 14
    warn_days: tuple[int, ...] = (30, 14, 7, 3, 1)
    first_run_on: date = date(2024, 6, 27)
    protection_days: int = 30
    max_clear_share: Decimal = Decimal(1)
    final_notice_days: int = 7
    at_risk_days: int = 60
    observing_days: int = 30
    reopen_wait_days: int = 30
    appeal_hold_days: int = 180
    appeal_decision_days: int = 5
    min_cover_days: int = 0
    max_lead_days: int | None = None
    paper_rules: frozenset[str] = frozenset()
    min_audience: int = 0
    uncounted_channels: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "age_boundary", AgeBoundary(self.age_boundary))
        object.__setattr__(self, "counting_basis", CountingBasis(self.counting_basis))
        object.__setattr__(self, "uncounted_kinds", frozenset(self.uncounted_kinds))
        for name in _COUNTS:
            least = 1 if name in _FROM_ONE else 0
            _check_count(name, getattr(self, name), least)
        object.__setattr__(self, "paper_rules", frozenset(self.paper_rules))
        if unknown := sorted(self.paper_rules - RULES.keys()):
            raise ValueError(f"paper_rules: there is no rule {unknown[0]!r}")
        object.__setattr__(self, "uncounted_channels", frozenset(self.uncounted_channels))
        if unknown := sorted(self.uncounted_channels - set(CHANNELS)):
            raise ValueError(f"uncounted_channels: there is no channel {unknown[0]!r}")
        if self.min_audience not in (0, *AUDIENCE_STEPS) or isinstance(self.min_audience, bool):
            steps = ", ".join(map(str, AUDIENCE_STEPS))
            raise ValueError(f"min_audience: one of 0, {steps} is needed, not {self.min_audience!r}")
        if self.max_lead_days is not None:
            _check_count("max_lead_days", self.max_lead_days, 0)
        for days in self.warn_days:
            _check_count("warn_days", days, 0)
        object.__setattr__(self, "warn_days", tuple(sorted(set(self.warn_days), reverse=True)))
        if not self.max_clear_share.is_finite() or not 0 <= self.max_clear_share <= 1:
            raise ValueError("max_clear_share: a share lies between 0 and 1")

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.window_days)

    @property
    def min_cover(self) -> timedelta:
        return timedelta(days=self.min_cover_days)

    @property
    def max_lead(self) -> timedelta | None:
        return None if self.max_lead_days is None else timedelta(days=self.max_lead_days)

    @property
    def min_notice(self) -> timedelta:
        return timedelta(days=self.min_notice_days)

    @property
    def refused_doubts(self) -> int:
        """What keeps a benefit from counting, as `benefits.lib.usefulness.refused_part` reads it."""
        return refused_by(self.paper_rules, self.min_audience, self.uncounted_channels)

    def counts(self, kind: str, doubts: int = 0) -> bool:
        """Whether a benefit of a kind counts, with what speaks against it."""
        return kind not in self.uncounted_kinds and not refused_part(doubts, self.refused_doubts)

    def changed(self, values: Mapping[str, Any]) -> Policy:
        """This policy with some settings given as JSON values (dates and shares as text, sets as lists).

        Raises ValueError, which names the key, for an unknown key or a value of the wrong type or range.
        """
        unknown = sorted(set(values) - {f.name for f in fields(self)})
        if unknown:
            raise ValueError(f"{unknown[0]}: no such policy setting")
        return replace(self, **{name: _from_json(name, value) for name, value in values.items()})

    def changes_from(self, before: Policy) -> list[str]:
        """The names of the settings that differ from another policy's; a share of 1.00 is that of 1."""
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(before, f.name)]

    def as_json(self) -> dict[str, Any]:
        """Every setting as a JSON value; `Policy().changed(policy.as_json()) == policy`."""
        values = asdict(self)
        return values | {
            "age_boundary": self.age_boundary.value,
            "counting_basis": self.counting_basis.value,
            "uncounted_kinds": sorted(self.uncounted_kinds),
            "paper_rules": sorted(self.paper_rules),
            "uncounted_channels": sorted(self.uncounted_channels),
            "warn_days": list(self.warn_days),
            "first_run_on": self.first_run_on.isoformat(),
            "max_clear_share": str(self.max_clear_share),
        }


_COUNTS = (
    "min_age_months",
    "window_days",
    "min_notice_days",
    "protection_days",
    "final_notice_days",
    "at_risk_days",
    "observing_days",
    "reopen_wait_days",
    "appeal_hold_days",
    "appeal_decision_days",
    "min_cover_days",
)
_FROM_ONE = ("window_days", "appeal_decision_days")
_MOST = 36_500


PUBLIC = timedelta(days=7)  # how long a version is public before it takes effect, unless a reason is written


def check_version(policy: Policy, before: Policy, named: Collection[str] | None = None) -> None:
    """What a version may not say although its values are well formed. Raises Invalid with the error by key.

    A kind that no longer exists may stay where the policy before names it already.
    named: the settings that whoever publishes it named (None: all). Warnings that nobody named keep their days, also
    where the window becomes shorter than they are.
    """
    if unknown := sorted(policy.uncounted_kinds - KINDS.keys() - before.uncounted_kinds):
        text = _("There is no kind of benefit “%(kind)s”.", kind=unknown[0])
        raise Invalid(text, errors={"uncounted_kinds": text})
    if not policy.warn_days:
        text = _("Name at least one day: nobody is cleared without a warning.")
        raise Invalid(text, errors={"warn_days": text})
    if (named is None or "warn_days" in named) and policy.warn_days[0] > policy.window_days:
        text = _(
            "A warning %(days)s days before a run is longer than the window of %(window)s days: lengthen the window or "
            "warn later.",
            days=policy.warn_days[0],
            window=policy.window_days,
        )
        raise Invalid(text, errors={"warn_days": text})


def check_start(*, at: datetime, effective_at: datetime, latest: datetime, early_reason: str) -> None:
    """When a version may start: now at the earliest, not before one that exists, and public for 7 days before it,
    unless a written reason says why not. latest: the latest start of the versions that exist. Raises Invalid."""
    if effective_at < at:
        text = _("A policy cannot start in the past: choose now or a later time.")
        raise Invalid(text, errors={"effective_at": text})
    if utc(effective_at) < utc(latest):
        text = _(
            "A version that exists starts at %(latest)s: choose that time or a later one.",
            latest=utc(latest).astimezone(PLATFORM_ZONE).strftime("%Y-%m-%d %H:%M"),
        )
        raise Invalid(text, errors={"effective_at": text})
    if is_early(at=at, effective_at=effective_at) and not early_reason.strip():
        text = _(
            "A version is public at least 7 days before it takes effect. Choose a later start, or write why it cannot "
            "wait."
        )
        raise Invalid(text, errors={"early_reason": text})


def is_early(*, at: datetime, effective_at: datetime) -> bool:
    """Whether a version published at an instant takes effect sooner than it may without a reason."""
    return utc(effective_at) - utc(at) < PUBLIC


def _check_count(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _MOST:
        raise ValueError(f"{name}: a whole number from {least} to {_MOST} is needed, not {value!r}")


def _from_json(name: str, value: Any) -> Any:
    try:
        if name == "first_run_on":
            day = value if type(value) is date else date.fromisoformat(value)
            if day.year not in YEARS:
                raise ValueError(f"the years {YEARS[0]} to {YEARS[-1]} are known")
            return day
        if name == "max_clear_share":
            if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
                raise ValueError("a share is given as text")
            share = Decimal(value)
            if share.is_finite() and share != round(share, 8):
                raise ValueError("a share has at most 8 decimals")
            return share
        if name in ("uncounted_kinds", "uncounted_channels", "paper_rules", "warn_days"):
            if isinstance(value, str | Mapping):
                raise ValueError("a list is needed")
            if name != "warn_days" and not all(isinstance(each, str) for each in value):
                raise ValueError("names are text")
            return tuple(value) if name == "warn_days" else frozenset(value)
        if name == "age_boundary":
            return AgeBoundary(value)
        if name == "counting_basis":
            return CountingBasis(value)
    except (TypeError, ValueError, InvalidOperation) as error:
        raise ValueError(f"{name}: {value!r} is not valid ({error})") from error
    return value


PLATFORM_POLICY = Policy(
    max_clear_share=Decimal("0.05"),
    min_cover_days=7,
    max_lead_days=30,
    paper_rules=frozenset(RULES),
    min_audience=5,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One version: in force from `effective_from` until the next version's.

    number: the version's id, what a decision stores. recorded_at: when it was made known (None: the instant it
    takes effect); a job knows only what was recorded before the instant it is due at.
    """

    number: int
    effective_from: datetime
    policy: Policy
    recorded_at: datetime | None = None

    @property
    def known_from(self) -> datetime:
        return self.effective_from if self.recorded_at is None else self.recorded_at


class Reign(NamedTuple):
    """A stretch of time and the version in force throughout it."""

    span: Span
    version: PolicyVersion


@dataclass(frozen=True, slots=True)
class PolicyHistory:
    """Every policy version. The first takes effect at the platform's installation.

    Where several versions share an instant the last recorded is in force, then the highest number.
    """

    versions: tuple[PolicyVersion, ...]
    installed_at: datetime = field(init=False)

    def __init__(self, versions: Iterable[PolicyVersion]) -> None:
        ordered = sorted(versions, key=lambda v: (utc(v.effective_from), utc(v.known_from), v.number))
        if not ordered:
            raise ValueError("a policy history has at least the version of the installation")
        object.__setattr__(self, "versions", tuple(ordered))
        object.__setattr__(self, "installed_at", utc(ordered[0].effective_from))

    def at(self, instant: datetime) -> PolicyVersion:
        """The version in force at an instant, one that takes effect at it included. Before the installation: the
        first (nothing is judged there)."""
        instant = utc(instant)
        found = self.versions[0]
        for version in self.versions:
            if utc(version.effective_from) <= instant:
                found = version
        return found

    def for_job(self, due_at: datetime) -> PolicyVersion | None:
        """The version under which a job due at an instant is done: of those recorded before that instant, the one
        in force at it. None when the platform was not yet installed."""
        due_at = utc(due_at)
        found = None
        for version in self.versions:
            if utc(version.effective_from) <= due_at and utc(version.known_from) < due_at:
                found = version
        return found

    def known_before(self, due_at: datetime) -> PolicyHistory:
        """The history as a job due at an instant may know it. Raises ValueError when there was none yet."""
        return PolicyHistory(v for v in self.versions if utc(v.known_from) < utc(due_at))

    def ahead(self, instant: datetime) -> tuple[Reign, ...]:
        """What is in force at an instant and what follows it as far as is known. The first reign has no start: the
        version in force now judges the whole past."""
        instant = utc(instant)
        current = self.at(instant)
        coming: dict[datetime, PolicyVersion] = {}
        for version in self.versions:
            if utc(version.effective_from) > instant:
                coming[utc(version.effective_from)] = version
        starts: list[datetime | None] = [None, *coming]
        ends: list[datetime | None] = [*coming, None]
        reigning = [current, *coming.values()]
        return tuple(Reign(Span(s, e), v) for s, e, v in zip(starts, ends, reigning, strict=True))
