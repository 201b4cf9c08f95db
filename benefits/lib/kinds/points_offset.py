"""Points as a part of the price."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind


class PointsOffsetKind(Kind):
    """Points as a part of the price."""

    code = "points_offset"
    label = _("Points offset")
    group = "price"
    place = 70
    names = ("points", "off_minor", "at_least_minor", "max_off_minor")
