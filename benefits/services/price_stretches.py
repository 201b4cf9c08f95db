"""Stretches of prices as a change keeps them: [from, to, list, sale, floor, members, fans, plans], the
last not in those from before there were any."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, cast

from benefits.lib.price_edits import Stretch, as_json, from_json
from benefits.lib.quotes import Cut, SkuPrices


def stretches_json(timeline: Iterable[Stretch]) -> list[list[Any]]:
    """A SKU's stretches as JSON."""
    return [
        [
            each.from_at.astimezone(dt.UTC).isoformat(),
            each.to_at and each.to_at.astimezone(dt.UTC).isoformat(),
            each.prices.list_minor,
            each.prices.sale_minor,
            each.prices.floor_minor,
            {tier: as_json(cut) for tier, cut in each.prices.members.items()},
            as_json(each.prices.fans),
            {plan: as_json(cut) for plan, cut in each.prices.plans.items()},
        ]
        for each in timeline
    ]


def stretches_from_json(sku: str, said: Sequence[Sequence[Any]]) -> list[Stretch]:
    """The same back."""
    return [
        Stretch(
            dt.datetime.fromisoformat(start),
            dt.datetime.fromisoformat(end) if end else None,
            SkuPrices(
                sku,
                list_minor,
                sale_minor,
                floor_minor,
                {tier: cast(Cut, from_json(cut)) for tier, cut in members.items()},
                cast("Cut | None", from_json(fans)),
                {plan: cast(Cut, from_json(cut)) for each in plans for plan, cut in each.items()},
            ),
        )
        for start, end, list_minor, sale_minor, floor_minor, members, fans, *plans in said
    ]
