"""What a benefit did: its members beside those held out, with intervals of 95 % (domain.md 8).

By intention to treat: who was meant to have it against who was held out, used or not. Means (spend, orders) by Welch's
t interval, shares (buyers) by Newcombe's hybrid of Wilson scores. Sums are exact integers; only the statistics between
them are floats, and what leaves here is rounded to whole units again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Any

WINDOWS = (7, 30, 90)  # days from the one on which a member could first have it
USUAL_DAYS = 30
FEWEST_MEMBERS = 100  # of each arm
FEWEST_BUYERS = 10  # of both together
Z = NormalDist().inv_cdf(0.975)


class Verdict(StrEnum):
    """What an interval says."""

    MORE = "more"
    LESS = "less"
    UNCLEAR = "unclear"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What the members of one arm came to in their windows. over: those whose window is over; squares: sums of each
    member's number squared."""

    members: int = 0
    over: int = 0
    buyers: int = 0
    orders: int = 0
    orders_square: int = 0
    spend_minor: int = 0
    spend_square: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the benefit cost in the same windows: members who had it, uses, what they saved; uses without a known saving
    are counted apart."""

    had: int = 0
    uses: int = 0
    saved_minor: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """All that an effect is computed from."""

    treated: Arm
    held: Arm
    cost: Cost

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {name: asdict(getattr(self, name)) for name in ("treated", "held", "cost")}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Figures:
        """From what is stored."""
        return cls(Arm(**said["treated"]), Arm(**said["held"]), Cost(**said["cost"]))


@dataclass(frozen=True, slots=True)
class Interval:
    """A value of each arm, and their difference with its interval, in whole units."""

    treated: int
    held: int
    difference: int
    low: int
    high: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Effect:
    """The three comparisons. buyers in hundredths of a per cent, orders of a thousand members, spend in minor units of
    a member; extra: what the treated spent more in all, with its bounds."""

    figures: Figures
    is_enough: bool
    buyers: Interval
    orders: Interval
    spend: Interval
    extra: tuple[int, int, int]


def effect_of(figures: Figures) -> Effect:
    """The effect that figures show."""
    treated, held = figures.treated, figures.held
    is_enough = (
        min(treated.members, held.members) >= FEWEST_MEMBERS and treated.buyers + held.buyers >= FEWEST_BUYERS
    )
    buyers = _interval(
        treated.buyers / max(treated.members, 1),
        held.buyers / max(held.members, 1),
        newcombe(treated.buyers, treated.members, held.buyers, held.members),
        10_000,
        is_enough,
    )
    orders = _means(treated, held, "orders", 1_000, is_enough)
    spend = _means(treated, held, "spend", 1, is_enough)
    low, high = welch(*_moments(treated, "spend"), *_moments(held, "spend"))
    difference = _mean(treated, "spend") - _mean(held, "spend")
    extra = tuple(round(each * treated.members) for each in (difference, low, high))
    return Effect(figures, is_enough, buyers, orders, spend, (extra[0], extra[1], extra[2]))


def _sums(arm: Arm, what: str) -> tuple[int, int]:
    return (arm.orders, arm.orders_square) if what == "orders" else (arm.spend_minor, arm.spend_square)


def _mean(arm: Arm, what: str) -> float:
    return _sums(arm, what)[0] / max(arm.members, 1)


def _moments(arm: Arm, what: str) -> tuple[int, float, float]:
    """(members, mean, variance)."""
    total, squares = _sums(arm, what)
    n = arm.members
    variance = (n * squares - total * total) / (n * (n - 1)) if n > 1 else 0.0  # exact before the division
    return n, total / max(n, 1), variance


def _means(treated: Arm, held: Arm, what: str, unit: int, is_enough: bool) -> Interval:
    bounds = welch(*_moments(treated, what), *_moments(held, what))
    return _interval(_mean(treated, what), _mean(held, what), bounds, unit, is_enough)


def _interval(
    treated: float, held: float, bounds: tuple[float, float], unit: int, is_enough: bool
) -> Interval:
    low, high = bounds
    verdict = Verdict.MORE if low > 0 else Verdict.LESS if high < 0 else Verdict.UNCLEAR
    return Interval(
        treated=round(treated * unit),
        held=round(held * unit),
        difference=round((treated - held) * unit),
        low=round(low * unit),
        high=round(high * unit),
        verdict=verdict if is_enough else Verdict.TOO_FEW,
    )


def welch(
    n1: int, mean1: float, variance1: float, n2: int, mean2: float, variance2: float
) -> tuple[float, float]:
    """The 95 % interval of a difference of means whose variances differ."""
    part1, part2 = variance1 / max(n1, 1), variance2 / max(n2, 1)
    error = math.sqrt(part1 + part2)
    if not error or min(n1, n2) < 2:
        return mean1 - mean2, mean1 - mean2
    freedom = (part1 + part2) ** 2 / (part1**2 / (n1 - 1) + part2**2 / (n2 - 1))
    reach = t_quantile(freedom) * error
    return mean1 - mean2 - reach, mean1 - mean2 + reach


def t_quantile(freedom: float) -> float:
    """The 97.5 % point of Student's distribution by its expansion around the normal one: for 10 degrees of freedom and
    more within 0.0005 (Abramowitz and Stegun 26.7.5)."""
    z = Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))


def newcombe(hits1: int, n1: int, hits2: int, n2: int) -> tuple[float, float]:
    """The 95 % interval of a difference of shares, Newcombe's method 10 (Wilson scores, without continuity
    correction)."""
    if not n1 or not n2:
        return -1.0, 1.0
    share1, share2 = hits1 / n1, hits2 / n2
    low1, high1 = wilson(hits1, n1)
    low2, high2 = wilson(hits2, n2)
    difference = share1 - share2
    return (
        difference - math.hypot(share1 - low1, high2 - share2),
        difference + math.hypot(high1 - share1, share2 - low2),
    )


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share."""
    share, square = hits / n, Z * Z
    middle = share + square / (2 * n)
    reach = Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return (middle - reach) / (1 + square / n), (middle + reach) / (1 + square / n)
