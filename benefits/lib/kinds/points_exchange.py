"""Something for points."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.parts.goods import GoodsKind


class PointsExchangeKind(GoodsKind):
    """Something for points."""

    code = "points_exchange"
    label = _("Points exchange")
    group = "value"
    place = 20
    names = ("item", "points", "value_minor")
