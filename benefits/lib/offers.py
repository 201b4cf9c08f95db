"""What a shop's benefits offer whoever buys a basket: read from their settings, judged for the buyer and the instant
(domain.md 7 and 8).

A discount, a fan price and a points offset act for their audience by themselves, and so does free shipping without any
limit. Coupons, and free shipping that is limited, act through the codes that the member holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from benefits.lib.audience import plans_of, segments_of, tiers_of
from benefits.lib.baskets import FanOffer, FreeShipping, Off, Offers, PointsOffset
from benefits.lib.coverage import EVERYONE
from benefits.lib.cuts import HUNDRED, MOST_MINOR, Cut, cut_of
from benefits.lib.entitlements import Standing, Why, why_not
from benefits.lib.kinds import LIMITS
from benefits.lib.kinds.checks import is_count
from benefits.lib.kinds.parts.by_order import ON_ORDER
from benefits.lib.scope import NOWHERE, Place, fits

COUPONS = ("coupon", "repurchase_coupon")
CODED = (*COUPONS, "free_shipping")  # kinds that act through codes
BY_THEMSELVES = ("discount", "fan_price", "points_offset", "free_shipping")
LIMITING = (*LIMITS, "per_month", ON_ORDER)

NOT_OPEN = "the program is not open"
NOT_BEGUN = "it has not begun"
PAUSED = "it is paused"
ENDED = "it has ended"
NO_STOCK = "none is left"
MEMBERS_ONLY = "it is for members"
OTHERS = "it is for other members"
ELSEWHERE = "it is not to be had there"
SEGMENTS = "it is for segments, whose members of then are not known"
REVOKED, USED, EXPIRED = "it was taken back", "it was used", "it has expired"
RESERVED = "it is reserved for an order"
UNUSABLE: Mapping[Why, str] = {
    Why.REVOKED: REVOKED,
    Why.USED: USED,
    Why.EXPIRED: EXPIRED,
    Why.NOT_YET: NOT_BEGUN,
    Why.LEFT: MEMBERS_ONLY,
    Why.CLEARED: NOT_OPEN,
    Why.CLOSED: NOT_OPEN,
    Why.ENDED: ENDED,
    Why.PAUSED: PAUSED,
    Why.RESERVED: RESERVED,
}
ALL_WHYS = frozenset((*UNUSABLE.values(), PAUSED, NO_STOCK, OTHERS, SEGMENTS, ELSEWHERE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A benefit as it stood at an instant. status: published, paused or ended. holds_out: whether some of the members
    never get it."""

    id: str
    name: str
    kind: str
    settings: Mapping[str, Any]
    audience: Any = EVERYONE
    status: str = "published"
    from_at: dt.datetime | None = None
    to_at: dt.datetime | None = None
    stock: int | None = None
    scope: Mapping[str, Any] = field(default_factory=dict)
    holds_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """A code of a member as it stood at an instant. settings, scope: what was promised when it was
    issued, and where."""

    code: str
    benefit: str
    name: str
    kind: str
    settings: Mapping[str, Any]
    standing: Standing
    scope: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Situation:
    """For whom and when offers are judged: the instant, whether the program was open, the tier held (None for who is
    no member), the points held, where the basket is, and the plans with a term then."""

    at: dt.datetime
    is_open: bool
    tier: str | None = None
    points: int = 0
    place: Place = NOWHERE
    plans: frozenset[str] = frozenset()


def why_unfit(benefit: Published, now: Situation, *, for_members: bool = True) -> str:
    """Why a benefit does not act for this buyer at this instant; "" when it does. The one place that judges it."""
    if not now.is_open:
        return NOT_OPEN
    if benefit.status == "ended" or (benefit.to_at is not None and benefit.to_at <= now.at):
        return ENDED
    if benefit.status == "paused":
        return PAUSED
    if benefit.from_at is not None and benefit.from_at > now.at:
        return NOT_BEGUN
    if benefit.stock == 0:
        return NO_STOCK
    if _is_elsewhere(benefit.scope, now.place):
        return ELSEWHERE
    if benefit.audience == EVERYONE:
        return MEMBERS_ONLY if for_members and now.tier is None else ""
    if segments_of(benefit.audience) is not None:
        return SEGMENTS
    if now.tier is None:
        return MEMBERS_ONLY
    if (plans := plans_of(benefit.audience)) is not None:
        return "" if now.plans.intersection(plans) else OTHERS
    return "" if now.tier in (tiers_of(benefit.audience) or ()) else OTHERS


def is_over(right: Right, at: dt.datetime) -> bool:
    """Whether a code is past and gone: used, expired, taken back."""
    return why_not(right.standing, at) in (Why.USED, Why.EXPIRED, Why.REVOKED)


def why_unusable(right: Right, now: Situation) -> str:
    """Why a code cannot be used at this instant; "" when it can."""
    why = why_not(right.standing, now.at)
    if why is not None:
        return UNUSABLE[why]
    return ELSEWHERE if _is_elsewhere(right.scope, now.place) else ""


def _is_elsewhere(scope: Mapping[str, Any], place: Place) -> bool:
    return bool(scope) and not fits(scope, channel=place.channel, store=place.store, scene=place.scene)


def shop_offers(benefits: Iterable[Published], now: Situation) -> Offers:
    """What benefits offer by themselves."""
    fans, offs, offsets, shipping = list[FanOffer](), list[Off](), list[PointsOffset](), list[FreeShipping]()
    for each in benefits:
        said = each.settings
        if each.kind == "fan_price":
            if (cut := _price_cut(said)) is not None:
                unfit = why_unfit(each, now, for_members=False)
                fans.append(FanOffer(each.id, cut, frozenset(said.get("skus") or ()), unfit))
        elif each.kind == "discount":
            if (cut := _off_cut(said)) is not None:
                offs.append(Off(cut=cut, **_bounds(each.id, each.id, said, why_unfit(each, now))))
        elif each.kind == "points_offset":
            if (rate := _rate(said)) is not None:
                offsets.append(PointsOffset(**rate, **_bounds(each.id, each.id, said, why_unfit(each, now))))
        elif each.kind == "free_shipping" and is_unlimited(each):
            bounds = _bounds(each.id, each.id, said, why_unfit(each, now), most="cap_minor")
            shipping.append(FreeShipping(**bounds))
    return Offers(tuple(fans), tuple(offs), tuple(offsets), tuple(shipping))


def with_rights(offers: Offers, rights: Iterable[Right], now: Situation) -> Offers:
    """The same with what a member holds. Of equal offers the first counts: what acts by itself before a code, which is
    used up by it; of codes the one that stands first."""
    offs, shipping = list[Off](), list[FreeShipping]()
    for right in rights:
        said, unfit = right.settings, why_unusable(right, now)
        if right.kind == "free_shipping":
            bounds = _bounds(right.code, right.benefit, said, unfit, most="cap_minor")
            shipping.append(FreeShipping(**bounds))
        elif right.kind in COUPONS and (cut := _off_cut(said)) is not None:
            offs.append(Off(cut=cut, **_bounds(right.code, right.benefit, said, unfit)))
    return Offers(
        offers.fans, (*offers.offs, *offs), offers.offsets, (*offers.shipping, *shipping), max(now.points, 0)
    )


def is_unlimited(benefit: Published) -> bool:
    """Whether a benefit with codes acts without them: nothing is counted, no segment is asked for, and nobody is left
    out of it."""
    is_counted = benefit.stock is not None or any(
        benefit.settings.get(name) not in (None, "") for name in LIMITING
    )
    return not (is_counted or benefit.holds_out) and segments_of(benefit.audience) is None


def _bounds(
    name: str, benefit: str, settings: Mapping[str, Any], unfit: str, most: str = "max_off_minor"
) -> dict[str, Any]:
    return {
        "name": name,
        "benefit": benefit,
        "at_least_minor": settings.get("at_least_minor") or 0,
        "most_minor": settings.get(most),
        "unfit": unfit,
    }


def _off_cut(settings: Mapping[str, Any]) -> Cut | None:
    """What a discount or coupon makes of the goods; None where it does not say."""
    if settings.get("off_minor") is not None:
        return cut_of("off", str(min(settings["off_minor"], MOST_MINOR)))
    if settings.get("off_percent") not in (None, ""):
        return cut_of("percent", str(HUNDRED - Decimal(str(settings["off_percent"]))))
    if settings.get("percent") not in (None, ""):
        return cut_of("percent", str(settings["percent"]))
    return None


def _price_cut(settings: Mapping[str, Any]) -> Cut | None:
    """What a fan price makes of a price; None where it does not say."""
    if settings.get("fixed_minor") is not None:
        return cut_of("fixed", str(min(settings["fixed_minor"], MOST_MINOR)))
    return _off_cut({name: settings.get(name) for name in ("off_minor", "percent")})


def _rate(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """How points are turned into money; None where it is not said."""
    points, off, step = (settings.get(name) for name in ("points", "off_minor", "step"))
    if not (is_count(points, 10**18) and points and is_count(off, 10**18) and off):
        return None
    share = settings.get("max_percent")
    return {
        "points": points,
        "off_minor": off,
        "step": step or points,
        "share": HUNDRED if share in (None, "") else Decimal(str(share)),
    }
