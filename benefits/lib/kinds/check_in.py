"""Something for coming by."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind


class CheckInKind(Kind):
    """Something for coming by."""

    code = "check_in"
    label = _("Check-in")
    group = "social"
    place = 20
    names = ("points",)
