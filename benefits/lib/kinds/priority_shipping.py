"""Orders leave sooner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind, Show


class PriorityShippingKind(Kind):
    """Orders leave sooner."""

    code = "priority_shipping"
    label = _("Priority shipping")
    group = "service"
    place = 10
    text = _("Orders of members leave the warehouse first.")
    names = ("within_hours",)
    asked = ("within_hours",)

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("Your orders leave first.")
        return gettext("Your orders leave first: %(gives)s.") % {"gives": show.gives}
