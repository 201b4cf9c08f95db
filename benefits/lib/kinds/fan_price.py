"""A price for followers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import PRICE, Kind, Show
from benefits.lib.kinds.checks import Settings, check_one_of, invalid, is_number

MOST_SKUS, LONGEST_SKU = 400, 64


class FanPriceKind(Kind):
    """A percentage that is paid, an amount off or one price, for followers; of certain SKUs, or of all that have no fan
    price of their own in the price table."""

    code = "fan_price"
    label = _("Fan price")
    group = "price"
    place = 20
    text = _("A price for followers, of certain SKUs or of all.")
    gives = PRICE
    names = (*PRICE, "skus")
    inner: ClassVar = {"skus": ()}
    acts_in_quotes = True

    def check_own(self, settings: Settings, currency: str) -> None:
        check_one_of(settings, self.gives)
        skus = settings.get("skus")
        if skus is not None and not (
            isinstance(skus, list) and len(skus) <= MOST_SKUS and all(_is_sku(each) for each in skus)
        ):
            text = _("“skus” is a list of at most %(most)s SKUs, each of 1 to %(longest)s characters.")
            raise invalid("skus", text % {"most": MOST_SKUS, "longest": LONGEST_SKU})

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        return is_number(settings.get("percent"), 100) or settings.get("off_minor") == 0

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("A price for followers, taken off by itself.")
        return gettext("%(gives)s for followers, taken off by itself.") % {"gives": show.gives}


def _is_sku(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_SKU and value.isprintable()
