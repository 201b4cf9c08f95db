"""A seat at an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
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

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("A seat at our event. Show the code at the door.")
        return gettext("Your seat: %(gives)s. Show the code at the door.") % {"gives": show.gives}
