"""A price for followers."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import PRICE, Kind


class FanPriceKind(Kind):
    """A price for followers."""

    code = "fan_price"
    label = _("Fan price")
    group = "price"
    place = 20
    names = gives = PRICE
