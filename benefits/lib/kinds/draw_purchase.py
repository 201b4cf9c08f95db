"""A draw for the right to buy 抽签购."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
from benefits.lib.kinds.checks import invalid
from benefits.lib.kinds.parts.draw import DrawKind


class DrawPurchaseKind(DrawKind):
    """A draw for the right to buy 抽签购."""

    code = "draw_purchase"
    place = 20
    label = _("Draw to purchase")
    text = _("Members draw for the right to buy something scarce.")

    def check_complete(self, settings: Mapping[str, Any], *, has_list: bool = False) -> None:
        """Who wins is told before what the thing costs."""
        super().check_complete(settings, has_list=has_list)
        if settings.get("price_minor") is None:
            raise invalid("price_minor", _("Say what winners pay."))

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        price = settings.get("price_minor")
        if price is None:
            return gettext("Enter here for the right to buy; winners are drawn when entries close.")
        text = gettext("Enter here for the right to buy for %(price)s; winners are drawn when entries close.")
        return text % {"price": show.money(price)}
