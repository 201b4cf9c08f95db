"""Coverage strips: days as columns, spans as bars, all as percentages of an SVG's width.

A page hands over days and spans as facts; this turns them into lengths in whole numbers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()

# Lengths are in hundredths of a per cent: 90 days and more must still meet edge to edge.
WHOLE = 10_000
STRIP_HEIGHTS = {"s": 20, "m": 24, "": 28}


class Day(TypedDict):
    """One platform day. `state`: covered, uncovered, uncounted (in force, not counted) or future."""

    date: dt.date
    state: str


def _share(part: int, whole: int) -> str:
    hundredths = max(min(part, whole), 0) * WHOLE // max(whole, 1)
    return f"{hundredths // 100}.{hundredths % 100:02d}%"


def state_label(state: str) -> str:
    """The word for a day's state."""
    return {
        "covered": _("a qualifying benefit"),
        "uncovered": _("none"),
        "uncounted": _("in force, not counted"),
        "future": _("still to come"),
    }.get(state, state)


def _runs(days: Sequence[Day]) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    for one in days:
        if runs and runs[-1]["state"] == one["state"]:
            runs[-1]["last"] = one["date"].isoformat()
            runs[-1]["days"] += 1
        else:
            runs.append(
                {"state": one["state"], "first": one["date"].isoformat(), "last": one["date"].isoformat(),
                 "days": 1, "label": state_label(one["state"])}
            )  # fmt: skip
    return runs


def _marks(days: Sequence[Day], marks: Iterable[tuple[dt.date, str, str]]) -> list[dict[str, Any]]:
    first, count = days[0]["date"], len(days)
    placed = [((date - first).days, text, level) for date, text, level in marks]
    placed = [mark for mark in placed if 0 <= mark[0] <= count]
    # On a narrow screen only these stay, and what is far enough from them.
    kept = (
        {placed[0][0], placed[-1][0]} | {at for at, _text, level in placed if level == "now"}
        if placed
        else set()
    )
    shown: list[dict[str, Any]] = []
    for index, text, level in placed:
        # A label near an edge leans inwards, so that it never leaves the drawing.
        anchor = "start" if index < count // 16 else "end" if index > count - count // 12 else "middle"
        at = index * 2 + (0 if anchor == "start" else 2 if anchor == "end" else 1)
        crowded = index not in kept and any(abs(index - other) < count // 7 for other in kept)
        shown.append(
            {
                "x": _share(at, count * 2),
                "text": text,
                "level": "" if level == "minor" else level,
                "anchor": anchor,
                "minor": level == "minor" or crowded,
            }
        )
    return shown


def caption(days: Sequence[Day]) -> str:
    """The strip in one sentence."""
    past = [d for d in days if d["state"] != "future"]
    covered = sum(d["state"] == "covered" for d in past)
    return ngettext(
        "{total} day: {covered} with a qualifying benefit, {without} without",
        "{total} days: {covered} with a qualifying benefit, {without} without",
        len(past),
    ).format(total=len(past), covered=covered, without=len(past) - covered)


def strip_box(
    days: Sequence[Day], marks: Iterable[tuple[dt.date, str, str]] = (), size: str = ""
) -> dict[str, Any]:
    """Days as columns with labels under them. `marks`: (date, text, level), level "", now, warning or minor."""
    count = max(len(days), 1)
    return {
        # Four fifths of its share: the rest is the gap.
        "width": _share(4, count * 5),
        "height": STRIP_HEIGHTS.get(size, 28),
        "days": [
            {"x": _share(index * 10 + 1, count * 10), "state": one["state"],
             "title": f"{one['date'].isoformat()} {state_label(one['state'])}"}
            for index, one in enumerate(days)
        ],
        "marks": _marks(days, marks) if days else [],
        "caption": caption(days),
        "runs": _runs(days),
    }  # fmt: skip


@register.inclusion_tag("compliance/_strip.html")
def coverage_strip(
    days: Sequence[Day],
    marks: Iterable[tuple[dt.date, str, str]] = (),
    size: str = "",
    twin: bool = False,
) -> dict[str, Any]:
    """The strip of days; `twin` adds its table."""
    return {"strip": strip_box(days, marks, size), "size": size, "twin": twin}


@register.inclusion_tag("compliance/_legend.html")
def coverage_legend(uncounted: bool = False) -> dict[str, Any]:
    """What filled, hatched, empty and outlined mean."""
    return {"uncounted": uncounted}


@register.inclusion_tag("compliance/_ladder.html")
def ladder(steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Steps with dates: {"date", "title", "note", "level": done | warn | due}."""
    return {"steps": steps}


def _bar(span: tuple[dt.date, dt.date | None, bool], first: dt.date, count: int) -> dict[str, Any] | None:
    start, end, counted = span
    left = max((start - first).days, 0)
    right = min((end - first).days if end else count, count)
    if right <= left:
        return None
    return {"x": _share(left, count), "width": _share(right - left, count), "counted": counted}


@register.inclusion_tag("compliance/_lanes.html")
def coverage_lanes(
    days: Sequence[Day],
    rows: Sequence[dict[str, Any]],
    marks: Sequence[tuple[dt.date, str, str]] = (),
) -> dict[str, Any]:
    """The strip with one lane a benefit.

    `rows`: {"label", "url", "spans": [(first day, day after the last or None, counted)]}.
    Marks of level now or warning also draw a line through all lanes.
    """
    total = strip_box(days, (), "m")
    first, count = days[0]["date"], len(days)
    lanes = []
    for row in rows:
        bars = [bar for span in row["spans"] if (bar := _bar(span, first, count))]
        lanes.append({"label": row["label"], "url": row.get("url", ""), "bars": bars,
                      "caption": row.get("caption") or row["label"]})  # fmt: skip
    lines = [
        {"x": _share(((date - first).days * 2 + 1), count * 2), "level": level}
        for date, _text, level in marks
        if level in ("now", "warning") and 0 <= (date - first).days < count
    ]
    return {"lanes": {"total": total, "rows": lanes, "marks": _marks(days, marks), "lines": lines}}
