"""What a benefit says of what it gives, where a test does not care."""

from __future__ import annotations

from typing import Any

from benefits.lib.kinds import KINDS

OFF = {"off_minor": 500}
# What the law wants published before a draw; it needs an end besides.
DRAW: dict[str, Any] = {
    "prizes": [{"name": "Tea", "count": 3, "value_minor": 8_800}],
    "terms": "One entry each. Claim the prize at the counter.",
}


POINTS: dict[str, dict[str, Any]] = {"points_multiplier": {"multiplier": "2"}, "check_in": {"points": 1}}


def given(kind: str) -> dict[str, Any]:
    """The least that settings of a kind say, so that it can be published."""
    if kind in KINDS and KINDS[kind].is_draw:
        return DRAW | ({"price_minor": 49_900} if kind == "draw_purchase" else {})
    if kind in POINTS:
        return dict(POINTS[kind])
    if kind == "points_offset":
        return {"points": 100, "off_minor": 100}
    return dict(OFF) if kind in KINDS and KINDS[kind].gives else {}
