"""Member prices per SKU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import PRICE, Kind, Show
from benefits.lib.kinds.checks import MOST_MINOR, Settings, invalid, is_count, is_number


class MemberPriceKind(Kind):
    """A member price per SKU, from an uploaded list; `list` says how long it is and which list it is."""

    code = "member_price"
    label = _("Member prices")
    group = "price"
    place = 10
    text = _("Your own price per SKU for members, from an uploaded list.")
    names = (*PRICE, "list")
    inner: ClassVar = {"list": ("rows", "lower", "digest")}
    gives = PRICE

    def check_complete(self, settings: Mapping[str, Any], *, has_list: bool = False) -> None:
        """A list of prices, a per cent, an amount off or one price. What tells of a list is written with the list."""
        if has_list:
            return
        if settings.get("list") is not None:
            raise invalid(
                "list",
                _("This setting is made from the prices themselves. Leave it out and send the prices."),
            )
        if all(settings.get(name) in (None, "") for name in self.gives):
            raise invalid(
                "prices",
                _("Say what members pay: send a list of prices, a per cent, an amount off or a price."),
            )

    def check_own(self, settings: Settings, currency: str) -> None:
        listed = settings.get("list")
        if isinstance(listed, Mapping) and not all(
            is_count(listed.get(name, 0), MOST_MINOR) for name in ("rows", "lower")
        ):
            raise invalid("list", _("A number is needed."))

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        listed = settings.get("list")
        if isinstance(listed, Mapping):
            return listed.get("lower") == 0
        return is_number(settings.get("percent"), 100) or settings.get("off_minor") == 0

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("Prices for members, on each product.")
        return gettext("%(gives)s for members. You see them on each product.") % {"gives": show.gives}
