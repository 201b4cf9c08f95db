"""More points for orders."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind


class PointsMultiplierKind(Kind):
    """More points for orders."""

    code = "points_multiplier"
    label = _("Points multiplier")
    group = "value"
    place = 10
    names = ("multiplier",)
