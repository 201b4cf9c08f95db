"""Where a request says that it is: a channel, a store, a scene (domain.md 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benefits.lib.scope import CHANNELS, Place
from members.api.fields import Choice, Strict, Text


class PlaceIn(Strict):
    """Where it is."""

    channel = Choice(
        choices=list(CHANNELS),
        required=False,
        help_text="Where it is asked; a benefit may be for some channels.",
    )
    store = Text(
        required=False, allow_blank=True, max_length=64, help_text="The store's code on that channel."
    )
    scene = Text(required=False, allow_blank=True, max_length=32, help_text="Such as takeaway.")


def placed(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body whose place is one argument of a service."""
    told = {name: body[name] for name in ("channel", "store", "scene") if name in body}
    return {name: value for name, value in body.items() if name not in told} | (
        {"place": Place(**told)} if told else {}
    )
