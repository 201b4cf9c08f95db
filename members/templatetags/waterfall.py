"""A waterfall as SVG, computed on the server in whole numbers: from a first value, step by step, to the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from members.templatetags.charts import BOX
from members.templatetags.fmt import money_text


def waterfall(
    steps: Sequence[tuple[str, int]],
    end: tuple[str, int],
    currency: str,
    id: str,  # noqa: A002
    caption: str = "",
) -> dict[str, Any]:
    """Context of `components/waterfall.html`. `steps`: (name, change in minor units), the first from nothing; `end`:
    what they come to. `caption` says in words what the chart shows; the numbers stand in a table beside it."""
    rows, total = [], 0
    high = max([1, *(sum(change for _name, change in steps[:n]) for n in range(1, len(steps) + 1))])
    for place, (name, change) in enumerate(steps):
        before, total = total, total + change
        low, tall = min(before, total), abs(change)
        rows.append(_row(name, change, total, low, tall, high, currency, "whole" if not place else "less"))
    rows.append(_row(end[0], end[1], end[1], 0, end[1], high, currency, "whole"))
    return {"id": id, "caption": caption, "rows": rows}


def _row(
    name: str, change: int, total: int, low: int, tall: int, high: int, currency: str, tone: str
) -> dict[str, Any]:
    sign = "−" if change < 0 else ""
    return {
        "name": name,
        "amount": f"{sign}{money_text(abs(change), currency)}",
        "total": money_text(total, currency),
        "x": low * BOX // high,
        "width": max(tall * BOX // high, 4) if tall else 0,
        "tone": tone,
    }
