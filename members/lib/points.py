"""What an order is worth in points, and how a line's points follow its refunds (domain.md 6). Whole numbers
only.

A rate such as "1.5 points per yuan, times 1.2 for gold" becomes one fraction of two integers per rule version
and tier (`EarningTerms`), so that pricing an order is one multiplication and one division, exact, floored
once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from members.lib.earning import Earning
from members.lib.expiry import Expiry
from members.lib.refusals import Invalid
from members.lib.words import sentence as _

Clawback = Literal["allow_deficit", "within_balance", "only_pending"]
CLAWBACKS: tuple[Clawback, ...] = ("allow_deficit", "within_balance", "only_pending")
ONE = Decimal(1)
MOST_PENDING_DAYS = 3650
# No order earns more, whatever its rules multiply: that is more points than anybody can have, and a column holds it.
MOST_ORDER_POINTS = 10**12
MOST_RATE = 999_999  # points per major unit, or a multiplier: what their columns hold
MOST_GIVE_BACK_DAYS = 3650
MOST_COST = 9_999  # currency units that a point may cost


@dataclass(frozen=True, slots=True)
class EarningTerms:
    """The terms that an order keeps for ever: those in force when it was first stored with a member while the
    program was open, with the tier held before it.

    `numerator / denominator` is points per minor unit, reduced; the rest says where it comes from.
    """

    rules_version: int
    tier_id: int
    per_major: Decimal
    multiplier: Decimal
    pending_days: int
    numerator: int
    denominator: int


@lru_cache(maxsize=4096)
def earning_terms(
    *,
    rules_version: int,
    tier_id: int,
    per_major: Decimal,
    multiplier: Decimal,
    minor_digits: int,
    pending_days: int = 0,
) -> EarningTerms:
    """Terms from a rate per major unit and the product of all multipliers; also to load stored terms again.

    `minor_digits` is the currency's number of minor digits (CNY 2, JPY 0).
    """
    per_minor = Fraction(per_major) * Fraction(multiplier) / 10**minor_digits
    return EarningTerms(
        rules_version=rules_version,
        tier_id=tier_id,
        per_major=per_major,
        multiplier=multiplier,
        pending_days=pending_days,
        numerator=per_minor.numerator,
        denominator=per_minor.denominator,
    )


@dataclass(frozen=True)
class PointRules:
    """A version of a program's point rule. `tier_multipliers` is by tier id; a tier not named has 1.

    Raises `Invalid` when a rate or multiplier is negative or not a number, or a policy is unknown.
    """

    per_major: Decimal = ONE
    tier_multipliers: Mapping[int, Decimal] = field(default_factory=dict)
    clawback: Clawback = "allow_deficit"
    pending_days: int = 0
    expiry: Expiry = field(default_factory=Expiry)
    earning: Earning = field(default_factory=Earning)

    def __post_init__(self) -> None:
        for rate in (self.per_major, *self.tier_multipliers.values()):
            if not rate.is_finite() or rate < 0:
                raise Invalid(_("A rate must be a number that is not negative, not %(rate)s.", rate=rate))
        if self.clawback not in CLAWBACKS:
            raise Invalid(_("%(policy)s is not a clawback policy.", policy=self.clawback))
        if type(self.pending_days) is not int or not 0 <= self.pending_days <= MOST_PENDING_DAYS:
            raise Invalid(
                _(
                    "Points wait 0 to %(most)s days, not %(days)s.",
                    most=MOST_PENDING_DAYS,
                    days=self.pending_days,
                )
            )

    def last_day(self, available_on: date) -> date | None:
        """The last usable day of points that become available on a merchant day; None: they never expire."""
        return self.expiry.last_day(available_on)

    def terms(self, *, rules_version: int, tier_id: int, minor_digits: int) -> EarningTerms:
        """The terms of an order that arrives now from a member who holds `tier_id`."""
        return earning_terms(
            rules_version=rules_version,
            tier_id=tier_id,
            per_major=self.per_major,
            multiplier=self.tier_multipliers.get(tier_id, ONE),
            minor_digits=minor_digits,
            pending_days=self.pending_days,
        )


def points_for(amount_minor: int, terms: EarningTerms) -> int:
    """Points of an order of `amount_minor`: exact, one floor at the end; at most MOST_ORDER_POINTS."""
    return min(amount_minor * terms.numerator // terms.denominator, MOST_ORDER_POINTS)


def share(whole: int, weights: Sequence[int]) -> tuple[int, ...]:
    """`whole` shared by weight with the largest remainder method; of equal remainders the earlier gets more.

    The shares add up to `whole`; all are 0 when the weights add up to 0 (then nothing can be owed).
    """
    total = sum(weights)
    if not total or not whole:
        return (0,) * len(weights)
    parts = [whole * weight // total for weight in weights]
    left = whole - sum(parts)
    if left:
        by_remainder = sorted(range(len(weights)), key=lambda i: -(whole * weights[i] % total))
        for i in by_remainder[:left]:
            parts[i] += 1
    return tuple(parts)


def kept(stored: int, amount_minor: int, refunded_minor: int) -> int:
    """What a line keeps of its stored points after `refunded_minor` of `amount_minor` was refunded in all."""
    if not refunded_minor:
        return stored
    return stored * (amount_minor - refunded_minor) // amount_minor
