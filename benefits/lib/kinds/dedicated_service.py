"""A contact of their own."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind


class DedicatedServiceKind(Kind):
    """A contact of their own."""

    code = "dedicated_service"
    label = _("Dedicated service")
    group = "service"
    place = 20
    text = _("Somebody of their own whom members can ask.")
    names = ("contact",)
    asked = ("contact",)
