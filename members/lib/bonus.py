"""One order's points under campaigns and caps: exact, one floor, trims that say how much and why (domain.md 6).

An order keeps the terms under which it first earned, campaigns included (`BonusTerms`); sent again it is priced anew
under them. What its member has left under a limit of days or of a whole campaign is looked up at that moment, the
order's own part aside: limits hold whatever changes later. `members.lib.earning` says how campaigns meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Context, Decimal
from fractions import Fraction
from math import ceil, floor, lcm
from typing import Any
from zoneinfo import ZoneInfo

from members.lib.earning import Campaign, Combine, Earning, campaign_of, is_one_of, stored_campaign
from members.lib.points import MOST_ORDER_POINTS, EarningTerms, share

DAY = ""
"""The code under which the cap of a whole day counts; no campaign has it."""

Uses = Mapping[tuple[str, date], int]
"""Points that a member had under a code's limits on a merchant day."""

Lines = Sequence[tuple[Any, Any, int]]
"""(sku, quantity, amount_minor)."""

_WIDE = Context(prec=400)  # as many digits as campaigns can multiply up to; nothing is rounded


@dataclass(frozen=True)
class BonusTerms:
    """What an order keeps of campaigns and caps. `day` is the merchant day on which it counts for limits.

    Each campaign comes with the SKUs that it chooses (empty: all lines).
    """

    day: date
    combine: Combine = "every"
    order_most: int | None = None
    day_most: int | None = None
    campaigns: tuple[tuple[Campaign, tuple[str, ...]], ...] = ()

    @property
    def limited(self) -> list[str]:
        """The codes whose use must be known."""
        found = [campaign.counted_as for campaign, _skus in self.campaigns if campaign.is_limited]
        return found if self.day_most is None else [*found, DAY]

    def stored(self) -> dict[str, Any]:
        """The form that is stored with the order."""
        return {
            "day": self.day.isoformat(),
            "combine": self.combine,
            "order_most": self.order_most,
            "day_most": self.day_most,
            "campaigns": [[stored_campaign(campaign), list(skus)] for campaign, skus in self.campaigns],
        }

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> BonusTerms:
        """From the stored form."""
        return cls(
            day=date.fromisoformat(spec["day"]),
            combine=spec["combine"],
            order_most=spec["order_most"],
            day_most=spec["day_most"],
            campaigns=tuple((campaign_of(each), tuple(skus)) for each, skus in spec["campaigns"]),
        )


def terms_for(
    earning: Earning, *, tier_id: int, channel: str, scene: str, paid: datetime, zone: ZoneInfo
) -> BonusTerms | None:
    """The campaigns and caps of an order that arrives now; None when none is for it."""
    chosen = [
        campaign
        for campaign in earning.campaigns
        if campaign.when.holds(tier_id=tier_id, channel=channel, scene=scene, paid=paid, zone=zone)
    ]
    if not chosen and earning.order_most is None and earning.day_most is None:
        return None
    return BonusTerms(
        day=paid.astimezone(zone).date(),
        combine=earning.combine,
        order_most=earning.order_most,
        day_most=earning.day_most,
        campaigns=tuple((campaign, earning.skus_of(campaign)) for campaign in chosen),
    )


@dataclass(slots=True)
class Part:
    """What one campaign gives beyond the rate: `wanted` before its limits, `given` after; `cut_by` names the limit."""

    code: str
    name: str
    multiplier: Decimal
    extra: int
    lines: tuple[int, ...]  # numbers from 1
    wanted: Decimal
    given: Decimal
    cut_by: str = ""


@dataclass(slots=True)
class Priced:
    """An order's points with what made them. `exact` is amount x rate before any campaign; numbers to be shown
    are cut after four decimals, the sum itself is exact. `claims` is what it takes of limits, by code.
    """

    points: int
    lines: tuple[int, ...]
    exact: Decimal
    parts: list[Part]
    before_caps: int
    order_cut: int
    day_cut: int
    claims: dict[str, int]

    def stored(self) -> dict[str, Any]:
        """The form that is stored, for explanations."""
        return {
            "points": self.points,
            "lines": list(self.lines),
            "exact": str(self.exact),
            "before_caps": self.before_caps,
            "order_cut": self.order_cut,
            "day_cut": self.day_cut,
            "parts": [
                [
                    part.code, part.name, str(part.multiplier), part.extra, list(part.lines), str(part.wanted),
                    str(part.given), part.cut_by,
                ]
                for part in self.parts
            ],
        }  # fmt: skip

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> Priced:
        """From the stored form; claims are not kept in it."""
        return cls(
            points=spec["points"],
            lines=tuple(spec["lines"]),
            exact=Decimal(spec["exact"]),
            parts=[
                Part(code, name, Decimal(times), extra, tuple(lines), Decimal(wanted), Decimal(given), cut)
                for code, name, times, extra, lines, wanted, given, cut in spec["parts"]
            ],
            before_caps=spec["before_caps"],
            order_cut=spec["order_cut"],
            day_cut=spec["day_cut"],
            claims={},
        )


def price(lines: Lines, terms: EarningTerms, bonus: BonusTerms, uses: Uses, own: Mapping[str, int]) -> Priced:
    """The order's points under its terms. `own` is what of `uses` is this order's."""
    per_minor = Fraction(terms.numerator, terms.denominator)
    plain = [amount * per_minor for _sku, _quantity, amount in lines]
    worth, extras = list(plain), [Fraction(0)] * len(lines)
    covered = [_covered(lines, skus) for _campaign, skus in bonus.campaigns]
    if bonus.combine == "best":
        _keep_best(covered, bonus, len(lines))
    parts, claims = [], {}
    for (campaign, skus), multiplied in zip(bonus.campaigns, covered, strict=True):
        in_scope = _covered(lines, skus)
        gains = [worth[i] * Fraction(campaign.multiplier - 1) for i in multiplied]
        added = share(campaign.extra, [lines[i][2] for i in in_scope])
        wanted = sum(gains, Fraction(0)) + sum(added)
        room, cut_by = _room(campaign, bonus.day, uses, own)
        keeps = Fraction(1) if room is None or wanted <= room else Fraction(room) / wanted
        for i, gain in zip(multiplied, gains, strict=True):
            worth[i] += gain * keeps
        for i, each in zip(in_scope, added, strict=True):
            extras[i] += each * keeps
        numbers = tuple(
            i + 1 for i in sorted({*multiplied} if not campaign.extra else {*multiplied, *in_scope})
        )
        parts.append(
            Part(
                campaign.code, campaign.name, campaign.multiplier, campaign.extra, numbers,
                _shown(wanted), _shown(wanted * keeps), cut_by if keeps < 1 else "",
            )
        )  # fmt: skip
        if campaign.is_limited:
            claims[campaign.counted_as] = ceil(wanted * keeps)
    exact = [a + b for a, b in zip(worth, extras, strict=True)]
    whole = floor(sum(exact, Fraction(0)))
    capped = min(whole, MOST_ORDER_POINTS if bonus.order_most is None else bonus.order_most)
    left = capped
    if bonus.day_most is not None:
        left = min(capped, max(bonus.day_most - uses.get((DAY, bonus.day), 0) + own.get(DAY, 0), 0))
        claims[DAY] = left
    unit = lcm(*(each.denominator for each in exact))
    return Priced(
        points=left,
        lines=share(left, [int(each * unit) for each in exact]),
        exact=_shown(sum(plain, Fraction(0))),
        parts=[part for part in parts if part.lines],
        before_caps=whole,
        order_cut=whole - capped,
        day_cut=capped - left,
        claims={code: min(points, left) for code, points in claims.items()},
    )


def _covered(lines: Lines, skus: Sequence[str]) -> list[int]:
    """The places of the lines that SKUs choose; all when none is named."""
    return [i for i, (sku, _quantity, _amount) in enumerate(lines) if not skus or is_one_of(str(sku), skus)]


def _keep_best(covered: list[list[int]], bonus: BonusTerms, count: int) -> None:
    """Each line stays with the campaign of its largest multiplier; of equal ones with the one that stands first."""
    best: dict[int, int] = {}
    for place, (campaign, _skus) in enumerate(bonus.campaigns):
        for i in covered[place]:
            known = best.get(i)
            if known is None or campaign.multiplier > bonus.campaigns[known][0].multiplier:
                best[i] = place
    for place in range(len(covered)):
        covered[place] = [i for i in range(count) if best.get(i) == place]


def _room(campaign: Campaign, day: date, uses: Uses, own: Mapping[str, int]) -> tuple[int | None, str]:
    """How many points the campaign may still give this order, and which limit says so; None: no limit."""
    code = campaign.counted_as
    mine = own.get(code, 0)
    rooms: list[tuple[int, str]] = []
    if campaign.order_most is not None:
        rooms.append((campaign.order_most, "order"))
    if campaign.day_most is not None:
        rooms.append((campaign.day_most - uses.get((code, day), 0) + mine, "day"))
    if campaign.member_most is not None:
        had = sum(points for (each, _day), points in uses.items() if each == code)
        rooms.append((campaign.member_most - had + mine, "member"))
    if not rooms:
        return None, ""
    room, name = min(rooms, key=lambda each: each[0])
    return max(room, 0), name


def _shown(value: Fraction) -> Decimal:
    """To be read by people: cut after four decimals."""
    number = Decimal(value.numerator * 10_000 // value.denominator)
    return _WIDE.scaleb(number, -4).normalize(_WIDE) if number else Decimal(0)
