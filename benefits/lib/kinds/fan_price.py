"""A price for followers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import PRICE, Kind, Show


class FanPriceKind(Kind):
    """A price for followers."""

    code = "fan_price"
    label = _("Fan price")
    group = "price"
    place = 20
    names = gives = PRICE

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("A price for followers, taken off by itself.")
        return gettext("%(gives)s for followers, taken off by itself.") % {"gives": show.gives}
