"""Charts as SVG, computed on the server in whole numbers. `ui.py` registers the tags.

A drawing is stretched over its box (`preserveAspectRatio="none"`), labels stand in the outer drawing at percentages, so
that type never shrinks. Coordinates are per mille of the box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Point = tuple[str, int | None]
BOX = 1000


def percent_text(permille: int) -> str:
    """573 -> 57.3%."""
    whole, rest = divmod(permille, 10)
    return f"{whole}.{rest}%" if rest else f"{whole}%"


def nice_ceiling(value: int, steps: int = 4) -> int:
    """The least top of an axis of `steps` equal parts whose part is 1, 2, 2.5 or 5 times a power of ten."""
    least = max(-(-value // steps), 1)
    power = 1
    while True:
        for part in (power, 2 * power, 5 * power // 2 if power >= 10 else 0, 5 * power):
            if part >= least and part:
                return part * steps
        power *= 10


def _y(value: int, low: int, high: int) -> int:
    return BOX - (value - low) * BOX // max(high - low, 1)


def path(values: Sequence[int | None], low: int, high: int) -> str:
    """The line through the values, broken where there is none."""
    last = max(len(values) - 1, 1)
    parts: list[str] = []
    pen_up = True
    for index, value in enumerate(values):
        if value is None:
            pen_up = True
            continue
        parts.append(f"{'M' if pen_up else 'L'}{index * BOX // last},{_y(value, low, high)}")
        pen_up = False
    if len(values) == 1 and parts:
        parts.append(f"H{BOX}")
    return "".join(parts)


def spark_box(values: Sequence[int | None], goal: int | None = None) -> dict[str, Any] | None:
    """The small line of a figure: its range is its own, with a little air."""
    known = [v for v in values if v is not None]
    if not known:
        return None
    low, high = min(known), max(known)
    if goal is not None:
        low, high = min(low, goal), max(high, goal)
    if low == high:
        low, high = low - 1, high + 1
    air = max((high - low) // 12, 0)
    low, high = low - air, high + air
    return {"path": path(values, low, high), "goal": _y(goal, low, high) if goal is not None else None}


def sparkline(values: Sequence[int | None], goal: int | None = None) -> dict[str, Any]:
    """Context of `components/sparkline.html`."""
    return {"spark": spark_box(values, goal)}


def scaled(value: int, scale: int) -> str:
    """62 at scale 10 -> 6.2; 50 -> 5."""
    if scale == 1:
        return f"{value:,}"
    whole, rest = divmod(abs(value), scale)
    digits = len(str(scale)) - 1
    tail = f"{rest:0{digits}d}".rstrip("0")
    return f"{'−' if value < 0 else ''}{whole:,}{'.' + tail if tail else ''}"


def _x_labels(labels: Sequence[str]) -> list[dict[str, str]]:
    """At most four labels: the ends and what lies evenly between."""
    last = len(labels) - 1
    if last < 1:
        return [{"x": "0%", "text": labels[0], "anchor": "start", "minor": ""}] if labels else []
    at = sorted({0, last // 3, 2 * last // 3, last}) if last >= 3 else sorted({0, last})
    anchors = {0: "start", last: "end"}
    return [
        {
            "x": percent_text(i * BOX // last),
            "text": labels[i],
            "anchor": anchors.get(i, "middle"),
            "minor": "" if i in (0, last) else "minor",
        }
        for i in at
    ]


def linechart(
    points: Sequence[Point],
    goal: int | None = None,
    goal_label: str = "",
    unit: str = "",
    scale: int = 1,
    id: str = "chart",  # noqa: A002
    caption: str = "",
    label_head: str = "",
    value_head: str = "",
    top: int | None = None,
    table_open: bool = False,
) -> dict[str, Any]:
    """Context of `components/linechart.html`: the line, a goal line, axis labels and the table twin.

    Values are ints in units of 1/scale, None is a gap. `caption` says in words what the chart shows.
    """
    labels = [label for label, _ in points]
    values = [value for _, value in points]
    known = [v for v in values if v is not None]
    high = top or nice_ceiling(max([*known, goal or 0, 1]))
    low = 0 if not known or min(known) >= 0 else -nice_ceiling(-min(known))
    ticks = [
        {
            "y": percent_text(1000 - step * 250),
            "text": f"{scaled(low + (high - low) * step // 4, scale)}{unit}",
        }
        for step in range(5)
    ]
    box: dict[str, Any] = {
        "id": id,
        "caption": caption,
        "path": path(values, low, high),
        "ticks": ticks,
        "x_labels": _x_labels(labels),
        "rows": [(label, None if v is None else f"{scaled(v, scale)}{unit}") for label, v in points],
        "goal_label": goal_label,
        "label_head": label_head,
        "value_head": value_head,
        "table_open": table_open,
        "is_empty": not known,
    }
    if goal is not None:
        box["goal"] = percent_text(_y(goal, low, high))
    if values and values[-1] is not None:
        box["end"] = {
            "y": percent_text(_y(values[-1], low, high)),
            "text": f"{scaled(values[-1], scale)}{unit}",
        }
    return box
