"""Tiers: which one a member qualifies for, holds, and until when (domain.md 5).

`TierStanding` is what one member holds. An order may lift it (`after_order`), a rules edit may
(`after_edit`), and the daily recalculation renews or lowers it (`after_recalculation`). Refunds never touch
it: validity protects it. Days are merchant days; `valid_until` is inclusive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from members.lib.periods import add_months, anniversary
from members.lib.refusals import Invalid
from members.lib.words import sentence as _

Cause = Literal["order", "rules", "recalculation", "plan", "staff"]
Metric = Literal["spend_minor", "orders", "active_days", "points_earned", "growth"]
Downgrade = Literal["to_qualified", "one_step"]


class Metrics(NamedTuple):
    """A member's numbers over the program's window: money net of refunds, orders and days that still count.

    `points_earned` is what the window's orders keep; `growth` is the merchant's weighted sum, floored.
    """

    spend_minor: int = 0
    orders: int = 0
    active_days: int = 0
    points_earned: int = 0
    growth: int = 0


METRICS = Metrics._fields
MOST_WELCOME = 1_000_000  # points
WINDOWS = ("rolling", "calendar_year", "membership_year", "lifetime")
MOST_WINDOW_DAYS, MOST_VALIDITY_MONTHS, MOST_GRACE_DAYS = 3_650, 120, 365  # that a merchant may choose


@dataclass(frozen=True)
class Window:
    """The days that count: `rolling` (the last `days`, today included), `calendar_year`, `membership_year` (from the
    anniversary of the day of joining; 29 February returns on the last of February) or `lifetime`.
    """

    kind: Literal["rolling", "calendar_year", "membership_year", "lifetime"] = "rolling"
    days: int = 365

    def __post_init__(self) -> None:
        if self.kind not in WINDOWS:
            raise Invalid(_("%(kind)s is not a kind of window.", kind=self.kind))
        if self.days < 1:
            raise Invalid(_("A window needs at least one day."))

    def start(self, today: date, joined_on: date | None = None) -> date:
        """The first day that counts when it is `today`, the last one, for who joined on `joined_on`.

        For a year of membership without a day of joining: the earliest that any member's could be.
        """
        if self.kind == "rolling":
            return today - timedelta(days=self.days - 1)
        if self.kind == "membership_year":
            return add_months(today, -12) if joined_on is None else anniversary(joined_on, today)
        return date(today.year, 1, 1) if self.kind == "calendar_year" else date.min


@dataclass(frozen=True)
class Tier:
    """A step of the ladder. `requirements` are (metric, at least); `needs` says whether all of them or
    any; `welcome` the points that reaching it brings.
    """

    id: int
    code: str
    needs: Literal["all", "any"] = "all"
    requirements: tuple[tuple[Metric, int], ...] = ()
    welcome: int = 0  # points for reaching it
    _checks: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for metric, at_least in self.requirements:
            if metric not in METRICS:
                raise Invalid(_("%(metric)s is not a metric.", metric=metric))
            if at_least < 1:
                raise Invalid(_("A requirement of tier %(tier)s must be at least 1.", tier=self.code))
        if not 0 <= self.welcome <= MOST_WELCOME:
            raise Invalid(
                _(
                    "The welcome to tier %(tier)s is from 0 to %(most)s points.",
                    tier=self.code,
                    most=MOST_WELCOME,
                )
            )
        object.__setattr__(self, "_checks", tuple((METRICS.index(m), n) for m, n in self.requirements))

    def holds(self, metrics: Metrics) -> bool:
        """Whether these numbers are enough for this tier, whatever other tiers ask."""
        if not self._checks:
            return True
        if self.needs == "all":
            return all(metrics[i] >= at_least for i, at_least in self._checks)
        return any(metrics[i] >= at_least for i, at_least in self._checks)


BASE = Tier(id=0, code="base")


@dataclass(frozen=True)
class TierRules:
    """A version of a program's ladder, lowest tier first. Raises `Invalid` when it is out of order."""

    ladder: tuple[Tier, ...] = (BASE,)
    window: Window = Window()
    validity_months: int = 12
    grace_days: int = 0
    downgrade: Downgrade = "to_qualified"
    growth: Mapping[Metric, Decimal] = field(default_factory=dict)
    rank: Mapping[int, int] = field(init=False, repr=False, compare=False)
    _growth: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False)
    _growth_divisor: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_ladder(self.ladder)
        if self.validity_months < 1 or self.grace_days < 0:
            raise Invalid(_("A tier is valid for at least one month, and grace is not negative."))
        if self.downgrade not in ("to_qualified", "one_step"):
            raise Invalid(_("%(way)s is not a way to downgrade.", way=self.downgrade))
        unknown = [metric for metric in self.growth if metric not in METRICS[:4]]
        if unknown:
            raise Invalid(_("Growth cannot be made of %(metric)s.", metric=unknown[0]))
        weights = [(METRICS.index(m), Fraction(weight)) for m, weight in self.growth.items()]
        divisor = 1
        for _index, weight in weights:
            divisor *= weight.denominator
        object.__setattr__(self, "rank", {tier.id: place for place, tier in enumerate(self.ladder)})
        object.__setattr__(self, "_growth", tuple((i, int(weight * divisor)) for i, weight in weights))
        object.__setattr__(self, "_growth_divisor", divisor)

    @property
    def base(self) -> Tier:
        """The lowest tier, which everybody holds at least."""
        return self.ladder[0]

    def metrics(self, spend_minor: int, orders: int, active_days: int, points_earned: int) -> Metrics:
        """The window's sums with `growth` added: the weighted sum, exact, floored once."""
        if not self._growth:
            return Metrics(spend_minor, orders, active_days, points_earned)
        plain = (spend_minor, orders, active_days, points_earned)
        growth = sum(plain[i] * weight for i, weight in self._growth) // self._growth_divisor
        return Metrics(*plain, growth)

    def qualified(self, metrics: Metrics) -> Tier:
        """The highest tier whose requirements hold, even if a lower one's do not."""
        for tier in reversed(self.ladder):
            if tier.holds(metrics):
                return tier
        return self.ladder[0]  # pragma: no cover - the lowest tier has no requirement


def _check_ladder(ladder: tuple[Tier, ...]) -> None:
    if not ladder or ladder[0].requirements:
        raise Invalid(_("The ladder needs a lowest tier without requirements."))
    if len({tier.id for tier in ladder}) < len(ladder) or len({tier.code for tier in ladder}) < len(ladder):
        raise Invalid(_("Every tier of the ladder needs a name of its own."))
    highest: dict[tuple[str, str], int] = {}
    for tier in ladder[1:]:
        if not tier.requirements:
            raise Invalid(_("Tier %(tier)s needs a requirement.", tier=tier.code))
        for metric, at_least in tier.requirements:
            if at_least < highest.get((tier.needs, metric), 0):
                raise Invalid(
                    _(
                        "Tier %(tier)s asks for less %(metric)s than a lower tier.",
                        tier=tier.code,
                        metric=metric,
                    )
                )
            highest[tier.needs, metric] = at_least


@dataclass(slots=True)
class TierStanding:
    """What a member holds: the tier, since when, and the last valid day of every tier ever reached, by
    tier id.
    """

    tier_id: int
    since: datetime
    validity: dict[int, date] = field(default_factory=dict)

    @property
    def valid_until(self) -> date | None:
        """The last valid day of the present tier; none for the lowest, below which nobody falls."""
        return self.validity.get(self.tier_id)

    def needs_recalculation(self, today: date) -> bool:
        """Whether the daily job has anything to decide today: the present tier's validity is over."""
        until = self.validity.get(self.tier_id)
        return until is not None and until < today


def after_order(
    standing: TierStanding, metrics: Metrics, rules: TierRules, *, at: datetime, today: date
) -> list[int]:
    """An order landed: every tier whose requirement holds is renewed, and the highest of them is reached at
    once.

    Returns the ids of the tiers whose validity moved. `today` is the merchant day of `at`, the arrival.
    """
    renewed = []
    highest = 0
    for place in range(1, len(rules.ladder)):
        tier = rules.ladder[place]
        if tier.holds(metrics):
            highest = place
            if _renew(standing, tier.id, rules, today):
                renewed.append(tier.id)
    if highest > rules.rank[standing.tier_id]:
        standing.tier_id = rules.ladder[highest].id
        standing.since = at
    return renewed


def after_edit(
    standing: TierStanding,
    metrics: Metrics,
    rules: TierRules,
    *,
    at: datetime,
    today: date,
    targets: Mapping[int, int] | None = None,
    shifted: int = 0,
) -> list[int]:
    """`rules` came into force at `at`: who qualifies for more rises at once, and nobody falls.

    `targets` says where members of deleted tiers go; they take their validity along. A member whose tier
    stopped being the lowest had no validity to protect it and gets a full one. `shifted` are the days by which
    closures since `at` have moved all validities, where the edit is worked off later than it came into force.
    Raises `Invalid` when a tier that the member holds is gone and has no target. Returns the ids of the tiers
    whose validity moved.
    """
    moved = []
    if standing.tier_id not in rules.rank:
        moved += _move_to_target(standing, rules, targets or {}, at)
    qualified = rules.qualified(metrics)
    if rules.rank[qualified.id] > rules.rank[standing.tier_id]:
        standing.tier_id = qualified.id
        standing.since = at
        if _renew(standing, qualified.id, rules, today, shifted):
            moved.append(qualified.id)
    elif rules.rank[standing.tier_id] and standing.valid_until is None:
        _renew(standing, standing.tier_id, rules, today, shifted)
        moved.append(standing.tier_id)
    return moved


def _move_to_target(
    standing: TierStanding, rules: TierRules, targets: Mapping[int, int], at: datetime
) -> list[int]:
    target = targets.get(standing.tier_id)
    if target not in rules.rank or target is None:
        raise Invalid(_("Deleting a tier that members hold needs a tier for them to move to."))
    until = standing.valid_until
    standing.tier_id = target
    standing.since = at
    if until is None or not rules.rank[target] or standing.validity.get(target, date.min) >= until:
        return []
    standing.validity[target] = until
    return [target]


def after_recalculation(
    standing: TierStanding, metrics: Metrics, rules: TierRules, *, at: datetime, today: date
) -> list[int]:
    """The daily job at 03:00 of `today`: a validity that is over is renewed if the member still qualifies for
    the present tier or better; else, once grace is over too, the member falls. At most one move.

    Returns the ids of the tiers whose validity moved.
    """
    until = standing.valid_until
    if until is None or until >= today:
        return []
    place = rules.rank[standing.tier_id]
    if place == 0:
        return []
    qualified = rules.rank[rules.qualified(metrics).id]
    if qualified >= place:
        return [standing.tier_id] if _renew(standing, standing.tier_id, rules, today) else []
    grace = timedelta(days=rules.grace_days)
    if today <= until + grace:
        return []
    to = place - 1 if rules.downgrade == "one_step" else _still_held(standing, rules, place, qualified, today)
    standing.tier_id = rules.ladder[to].id
    standing.since = at
    full = to and (rules.downgrade == "one_step" or to == qualified)
    return [standing.tier_id] if full and _renew(standing, standing.tier_id, rules, today) else []


def set_by_hand(
    standing: TierStanding, tier_id: int, rules: TierRules, *, until: date | None, at: datetime, today: date
) -> list[int]:
    """Staff give a tier until a day, its last: what was held above it is given up, what is below stays.

    It is a validity like any other: an order may lift above it, it is never shortened, and after it the member falls
    or is renewed as the rules say. The lowest tier has no `until`. Returns the ids of the tiers whose validity moved.
    """
    place = rules.rank[tier_id]
    moved = _give_up_above(standing, rules, place, today)
    if tier_id != standing.tier_id:
        standing.tier_id, standing.since = tier_id, at
    if place and until is not None and standing.validity.get(tier_id, date.min) < until:
        standing.validity[tier_id] = until
        moved.append(tier_id)
    return moved


def _give_up_above(standing: TierStanding, rules: TierRules, place: int, today: date) -> list[int]:
    """Validities of tiers above a place end yesterday."""
    yesterday = today - timedelta(days=1)
    given_up = [
        t for t, until in standing.validity.items() if rules.rank.get(t, 0) > place and until >= today
    ]
    for tier_id in given_up:
        standing.validity[tier_id] = yesterday
    return given_up


def grant_floor(
    standing: TierStanding, tier_id: int, rules: TierRules, *, until: date, at: datetime, today: date
) -> list[int]:
    """A plan grants at least this tier until a day, its last: who holds a higher one keeps it.

    Returns the ids of the tiers whose validity moved.
    """
    if rules.rank[tier_id] > rules.rank[standing.tier_id]:
        standing.tier_id, standing.since = tier_id, at
    if not rules.rank[tier_id] or standing.validity.get(tier_id, date.min) >= until:
        return []
    standing.validity[tier_id] = until
    return [tier_id]


def end_floor(
    standing: TierStanding, tier_id: int, *, until: date, own: date | None, today: date
) -> list[int]:
    """What a plan granted until a day ends: the tier is valid as long as the member had it without the plan (`own`),
    today at least; the next recalculation judges who holds it no longer. What reaches further than the grant stays.

    Returns the ids of the tiers whose validity moved.
    """
    present, left = standing.validity.get(tier_id), max(own or today, today)
    if present is None or present > until or present <= left:
        return []
    standing.validity[tier_id] = left
    return [tier_id]


def _still_held(standing: TierStanding, rules: TierRules, place: int, qualified: int, today: date) -> int:
    """The highest place below `place` that is qualified for, or whose own validity still runs.

    Grace counts here too: without it, having once held more could leave a member lower, sooner.
    """
    grace = timedelta(days=rules.grace_days)
    for lower in range(place - 1, qualified, -1):
        until = standing.validity.get(rules.ladder[lower].id)
        if until is not None and until + grace >= today:
            return lower
    return qualified


def _renew(standing: TierStanding, tier_id: int, rules: TierRules, today: date, shifted: int = 0) -> bool:
    """Set the tier's validity anew from `today`, never shortening it; whether it moved."""
    until = add_months(today, rules.validity_months) + timedelta(days=shifted)
    present = standing.validity.get(tier_id)
    if present is not None and present >= until:
        return False
    standing.validity[tier_id] = until
    return True
