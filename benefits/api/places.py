"""Where a request says that it is: a channel, a store, a scene (domain.md 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benefits.lib.scope import CHANNELS, LONGEST_SCENE, LONGEST_STORE, NOWHERE, Place
from members.api.fields import Choice, Strict, Text

PARTS = ("channel", "store", "scene")


class PlaceIn(Strict):
    """Where it is."""

    channel = Choice(
        choices=list(CHANNELS),
        required=False,
        help_text="Where it is asked; a benefit may be for some channels.",
    )
    store = Text(
        required=False,
        allow_blank=True,
        max_length=LONGEST_STORE,
        help_text="The store's code on that channel.",
    )
    scene = Text(required=False, allow_blank=True, max_length=LONGEST_SCENE, help_text="Such as takeaway.")


def place_of(body: Mapping[str, Any]) -> Place:
    """The place that a body tells."""
    told = {name: body[name] for name in PARTS if name in body}
    return Place(**told) if told else NOWHERE


def placed(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body whose place is one argument of a service."""
    place = place_of(body)
    rest = {name: value for name, value in body.items() if name not in PARTS}
    return rest if place is NOWHERE else {**rest, "place": place}
