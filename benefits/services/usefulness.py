"""Measuring what speaks against a benefit when it is published or changed, and keeping it with the revision."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from benefits.lib import usefulness as rule
from benefits.lib.coverage import EVERYONE
from benefits.lib.kinds import KINDS
from benefits.lib.prices import PriceRow
from benefits.models import Benefit
from benefits.selectors import audiences, usefulness
from members.lib.periods import local_instant
from members.models import Merchant

FIRST, LAST = dt.date(1970, 1, 1), dt.date(9000, 1, 1)  # days that have a next one in every zone


def measure(benefit: Benefit, at: dt.datetime, prices: Sequence[PriceRow] | None = None) -> None:
    """Set `doubts` and `measured` of a benefit whose other columns are what is to be saved, with the days on which
    alone it acts (`acts`), which are its coverage. Saves nothing. domain.md 3.

    `prices`: the list that comes with it; None: the one that it has. A price list is the only thing looked up anew of
    the benefit itself, orders only where an amount must be set against them.
    """
    listed = _listed(benefit, prices)
    benefit.doubts, benefit.measured = of(
        merchant_id=benefit.merchant_id,
        kind=benefit.kind,
        settings=benefit.settings,
        audience=benefit.audience,
        scope=benefit.scope,
        at=at,
        listed=listed,
        sellable=sellable_of(benefit, at, prices),
    )
    days = KINDS[benefit.kind].dates_of(benefit.settings) if benefit.kind in KINDS else None
    if days is not None:
        benefit.measured["acts"] = _acts(days, Merchant.objects.get(pk=benefit.merchant_id).zone)


def _acts(days: Iterable[dt.date], zone: ZoneInfo) -> list[list[str]]:
    """The merchant days on which alone it acts, as instants: what was in force when is read from the revisions,
    whatever becomes of the zone."""
    ends = [(day, day + dt.timedelta(days=1)) for day in days if FIRST <= day <= LAST]
    return [[local_instant(day, dt.time.min, zone).isoformat() for day in each] for each in ends]


def of(
    *,
    merchant_id: int,
    kind: str,
    settings: Mapping[str, Any],
    audience: Any,
    scope: Mapping[str, Any],
    at: dt.datetime,
    listed: Decimal | None = None,
    sellable: bool | None = None,
    orders: rule.OrderFigures | None = None,
) -> tuple[int, dict[str, Any]]:
    """(doubts, the facts they follow from as JSON) of a benefit that is published at an instant. domain.md 3."""
    threshold, off = rule.threshold_of(settings), settings.get("off_minor")
    if orders is None:
        is_needed = threshold is not None or isinstance(off, int)
        orders = usefulness.orders_of(merchant_id=merchant_id, at=at) if is_needed else rule.OrderFigures()
    saving = rule.saving_of(kind, settings, orders, listed)
    size = None
    if audience != EVERYONE:
        size = audiences.size(merchant_id=merchant_id, audience=audience, at=at, most=rule.AUDIENCE_STEPS[-1])
    found = rule.doubts(threshold=threshold, orders=orders, saving=saving, audience=size, sellable=sellable)
    return found | rule.channel_marks(scope), {
        "threshold_minor": threshold,
        "orders": orders.count,
        "p95_minor": orders.p95_minor,
        "saving": None if saving is None else str(round(saving, 4)),
        "audience": size,
        **({} if sellable is None else {"sellable": sellable}),
    }


def _listed(benefit: Benefit, prices: Sequence[PriceRow] | None) -> Decimal | None:
    if "list" not in benefit.settings:
        return None
    if prices is not None:
        return rule.best_of((row.list_minor, row.price_minor) for row in prices)
    return usefulness.best_listed(merchant_id=benefit.merchant_id, benefit_id=benefit.pk)


def sellable_of(benefit: Benefit, at: dt.datetime, prices: Sequence[PriceRow] | None = None) -> bool | None:
    """Whether the shop sells some SKU of a benefit's list (`prices`, or the one that it has); None without a list, or
    where the shop does not say what it sells. domain.md 3: no sellable SKU in its scope."""
    if "list" not in benefit.settings:
        return None
    skus = (
        usefulness.skus_of(merchant_id=benefit.merchant_id, benefit_id=benefit.pk)
        if prices is None
        else {row.sku for row in prices}
    )
    return usefulness.is_sellable(merchant_id=benefit.merchant_id, skus=skus, at=at)
