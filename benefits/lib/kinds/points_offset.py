"""Points as a part of the price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind, Show


class PointsOffsetKind(Kind):
    """Points as a part of the price."""

    code = "points_offset"
    label = _("Points offset")
    group = "price"
    place = 70
    names = ("points", "off_minor", "at_least_minor", "max_off_minor")

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("Pay a part of the price with points.")
        return gettext("Pay a part with points: %(gives)s.") % {"gives": show.gives}
