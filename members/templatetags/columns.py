"""Columns as SVG, computed on the server in whole numbers: groups of bars with a key and a table twin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from members.templatetags.charts import BOX, nice_ceiling, percent_text, scaled

Group = tuple[str, Sequence[int]]
GAP = 4  # of ten parts of a group's width, left free


def columns(
    groups: Sequence[Group],
    names: Sequence[str],
    id: str,  # noqa: A002
    caption: str = "",
    label_head: str = "",
    has_twin: bool = True,
) -> dict[str, Any]:
    """Context of `components/columns.html`: a group of columns a label, one column a name; values are 0 or more.

    `caption` says in words what the chart shows. Without a twin the page shows the numbers in a table beside it.
    """
    high = nice_ceiling(max([1, *(value for _label, values in groups for value in values)]))
    width = BOX // max(len(groups), 1)
    thick = max(width * (10 - GAP) // 10 // max(len(names), 1), 1)
    return {
        "id": id,
        "caption": caption,
        "label_head": label_head,
        "names": list(enumerate(names)),
        "is_empty": not any(any(values) for _label, values in groups),
        "bars": [
            {
                "x": place * width + width * GAP // 20 + series * thick,
                "y": BOX - _tall(value, high),
                "height": _tall(value, high),
                "width": thick,
                "series": series,
                "title": f"{label} {names[series]} {value:,}",
            }
            for place, (label, values) in enumerate(groups)
            for series, value in enumerate(values)
            if value
        ],
        "ticks": [
            {"y": percent_text(BOX - step * BOX // 4), "text": scaled(high * step // 4, 1)}
            for step in range(5)
        ],
        "labels": _labels([label for label, _values in groups], width),
        "rows": [(label, [scaled(value, 1) for value in values]) for label, values in groups],
        "has_twin": has_twin,
    }


def _tall(value: int, high: int) -> int:
    """A column's height; one that is there is seen."""
    return max(value * BOX // high, 4) if value else 0


def _labels(texts: Sequence[str], width: int) -> list[dict[str, str]]:
    """Labels under the middle of their groups: at most four, the ends always."""
    last = len(texts) - 1
    if last < 0:
        return []
    at = sorted({0, last // 3, 2 * last // 3, last}) if last >= 3 else list(range(last + 1))
    return [
        {
            "x": percent_text(place * width + width // 2),
            "text": texts[place],
            "minor": "" if place in (0, last) else "minor",
        }
        for place in at
    ]
