"""Flows from stations on the left to stations on the right, as SVG computed on the server in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from members.templatetags.charts import BOX, percent_text

Link = tuple[str, str, int, str]
"""(from, to, how many, tone): the tone is "up", "down" or "same"."""
GAP = 30  # between stations
STATION = 14  # its width
THINNEST = 6  # a flow that is there is seen


def sankey(
    links: Sequence[Link],
    lefts: Sequence[str],
    rights: Sequence[str],
    id: str,  # noqa: A002
    caption: str = "",
    left_head: str = "",
    right_head: str = "",
    value_head: str = "",
    has_twin: bool = True,
) -> dict[str, Any]:
    """Context of `components/sankey.html`. `lefts` and `rights` give the stations' order, from the top.

    `caption` says in words what the chart shows. Without a twin the page shows the numbers in a table beside it.
    """
    order = {name: place for place, name in enumerate(lefts)}
    ends = {name: place for place, name in enumerate(rights)}
    shown = sorted((link for link in links if link[2]), key=lambda link: (order[link[0]], ends[link[1]]))
    heights = _heights(shown, max(len(lefts), len(rights)))
    left = _stations(shown, heights, lefts, 0)
    right = _stations(shown, heights, rights, 1)
    return {
        "id": id,
        "caption": caption,
        "left_head": left_head,
        "right_head": right_head,
        "value_head": value_head,
        "is_empty": not shown,
        "bands": _bands(shown, heights, left, right),
        "lefts": [s for s in left.values() if s["height"]],
        "rights": [s for s in right.values() if s["height"]],
        "station": STATION,
        "right_x": BOX - STATION,
        "rows": [(start, end, f"{value:,}") for start, end, value, _tone in shown],
        "has_twin": has_twin,
    }


def _heights(links: Sequence[Link], stations: int) -> list[int]:
    """How thick each flow is: by its share, none thinner than can be seen."""
    room = BOX - GAP * max(stations - 1, 0) - THINNEST * len(links)
    total = max(sum(link[2] for link in links), 1)
    return [THINNEST + max(room, 0) * value // total for _start, _end, value, _tone in links]


def _stations(
    links: Sequence[Link], heights: Sequence[int], names: Sequence[str], side: int
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    y = 0
    for name in names:
        own = [place for place, link in enumerate(links) if link[side] == name]
        height = sum(heights[place] for place in own)
        value = sum(links[place][2] for place in own)
        found[name] = {
            "name": name,
            "value": f"{value:,}",
            "y": y,
            "height": height,
            "middle": percent_text(min(y + height // 2, BOX)),
            "next": y,
        }
        y += height + GAP if height else 0
    return found


def _bands(
    links: Sequence[Link], heights: Sequence[int], left: dict[str, Any], right: dict[str, Any]
) -> list[dict[str, str]]:
    begin, end, middle = STATION, BOX - STATION, BOX // 2
    bands = []
    for (start, goal, value, tone), height in zip(links, heights, strict=True):
        y, z = left[start]["next"], right[goal]["next"]
        left[start]["next"] += height
        right[goal]["next"] += height
        bands.append(
            {
                "path": f"M{begin},{y}C{middle},{y} {middle},{z} {end},{z}V{z + height}"
                f"C{middle},{z + height} {middle},{y + height} {begin},{y + height}Z",
                "tone": tone,
                "title": f"{start} → {goal}: {value:,}",
            }
        )
    return bands
