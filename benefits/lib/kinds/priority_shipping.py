"""Orders leave sooner."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind


class PriorityShippingKind(Kind):
    """Orders leave sooner."""

    code = "priority_shipping"
    label = _("Priority shipping")
    group = "service"
    place = 10
    text = _("Orders of members leave the warehouse first.")
    names = ("within_hours",)
    asked = ("within_hours",)
