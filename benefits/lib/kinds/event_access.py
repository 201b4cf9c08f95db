"""A seat at an event."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.parts.goods import GoodsKind


class EventAccessKind(GoodsKind):
    """A seat at an event."""

    code = "event_access"
    label = _("Event access")
    group = "value"
    place = 50
    text = _("A seat at an event, shown at the door as a code.")
    names = ("event", "seats")
    asked = ("event",)
