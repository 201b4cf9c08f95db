"""What speaks against a benefit that somebody can use all the same: hardly anybody will (domain.md 3, no cheap escape).

These are facts of the instant at which a benefit was published or changed, kept with its revision: orders of later days
rewrite nothing. Whether they keep it from counting is the policy's affair; a set of doubts is one whole number, so that
coverage is kept apart by it. Beside the doubts it has the channels that a benefit is confined to: no doubt by
themselves, but one together under a policy that counts none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from benefits.lib.scope import CHANNELS, channels_of

THRESHOLD, SAVING = 1, 2
AUDIENCE_STEPS = (5, 10, 20, 50, 100)  # sizes of a named audience that a policy may ask for
_AUDIENCE = {step: 4 << place for place, step in enumerate(AUDIENCE_STEPS)}
AUDIENCE = sum(_AUDIENCE.values())
SCOPE = 128
_CHANNEL = {channel: 256 << place for place, channel in enumerate(CHANNELS)}
CHANNEL = sum(_CHANNEL.values())
RULES = {"threshold": THRESHOLD, "saving": SAVING, "scope": SCOPE}  # those that a policy switches by name

ORDER_DAYS = 90
LEAST_ORDERS = 20  # of fewer, the 95th percentile is just the largest
MOST_ORDERS = 20_000  # as many are looked at, the latest: 1,000 lie above the percentile
LEAST_SAVING = Decimal("0.01")
SHARE_OF_PRICE = ("member_price", "fan_price", "discount")  # kinds whose `percent` is what is paid


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFigures:
    """A shop's paid orders of 90 days: how many, their median and 95th percentile in minor units (None: too few)."""

    count: int = 0
    median_minor: int | None = None
    p95_minor: int | None = None


def threshold_of(settings: Mapping[str, Any]) -> int | None:
    """From which amount on a benefit can be used, in minor units; None for any."""
    at_least = settings.get("at_least_minor")
    return at_least if isinstance(at_least, int) and at_least > 0 else None


def saving_of(
    kind: str, settings: Mapping[str, Any], orders: OrderFigures, listed: Decimal | None
) -> Decimal | None:
    """The share that a benefit saves at best; None where its settings do not say.

    An amount off is set against its threshold, without one against the shop's median order. `listed`: the best share
    of a price list.
    """
    if "list" in settings:
        return listed
    threshold = threshold_of(settings)
    base = threshold or orders.median_minor
    off, shares = settings.get("off_minor"), []
    if isinstance(off, int) and base:
        shares.append(Decimal(off) / base)
    for name, paid in (("off_percent", False), ("percent", kind in SHARE_OF_PRICE)):
        if (share := _share(settings.get(name))) is not None and (name != "percent" or paid):
            shares.append(1 - share if paid else share)
    most = settings.get("max_off_minor")
    if shares and isinstance(most, int) and threshold:
        shares.append(Decimal(most) / threshold)
    return min(shares, default=None)


def _share(value: Any) -> Decimal | None:
    try:
        return None if value is None or isinstance(value, bool) else Decimal(str(value)) / 100
    except InvalidOperation:
        return None


def best_of(prices: Iterable[tuple[int, int]]) -> Decimal | None:
    """The best share that a list of (list price, member price) saves; None for an empty one."""
    return max((1 - Decimal(price) / full for full, price in prices if full), default=None)


def doubts(
    *,
    threshold: int | None,
    orders: OrderFigures,
    saving: Decimal | None,
    audience: int | None,
    sellable: bool | None = None,
) -> int:
    """The set of doubts of some facts. audience: how many a named one has, None for everyone. sellable: whether
    some SKU of its price list is one that the shop sells, None without a list or where the shop does not say so.
    """
    found = 0
    if threshold is not None and orders.p95_minor is not None and threshold > orders.p95_minor:
        found |= THRESHOLD
    if saving is not None and saving < LEAST_SAVING:
        found |= SAVING
    if sellable is False:
        found |= SCOPE
    return found | audience_doubts(audience)


def audience_doubts(audience: int | None) -> int:
    """The part of it that an audience's size makes."""
    if audience is None:
        return 0
    return sum(bit for step, bit in _AUDIENCE.items() if audience < step)


def channel_marks(scope: Mapping[str, Any]) -> int:
    """The channels that a scope confines a benefit to; 0 where it is to be had on every one."""
    channels = channels_of(scope)
    return 0 if len(channels) == len(CHANNELS) else sum(_CHANNEL[each] for each in channels)


def refused_by(rules: Iterable[str], min_audience: int, channels: Iterable[str] = ()) -> int:
    """What keeps a benefit from counting under a policy: its rules by name, its smallest audience (0, or one of
    AUDIENCE_STEPS), and the channels that it does not count. `refused_part` reads it."""
    mask = _AUDIENCE[min_audience] if min_audience else 0
    for name in rules:
        mask |= RULES[name]
    return mask + sum(_CHANNEL[each] for each in set(channels))


def refused_part(found: int, refused: int) -> int:
    """Of what was found, that for which a benefit does not count: any doubt refused, and the channels where it is to
    be had on none but uncounted ones. 0: it counts."""
    channels = found & CHANNEL
    return found & refused & ~CHANNEL | (channels if not channels & ~refused else 0)


def slugs(found: int) -> tuple[str, ...]:
    """A set of doubts by name: `threshold`, `saving`, `scope`, `channel`, `small`."""
    named = [name for name, bit in RULES.items() if found & bit]
    return (*named, *(["channel"] if found & CHANNEL else []), *(["small"] if found & AUDIENCE else []))
