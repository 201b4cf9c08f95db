"""What fan prices and points offsets give, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from members.templatetags.fmt import money_text, points


def fan_price(price: str, settings: Mapping[str, Any]) -> str:
    """A price for followers, and of how many SKUs it is."""
    skus = settings.get("skus")
    if not skus:
        return _("%(price)s for followers") % {"price": price}
    text = ngettext(
        "%(price)s for followers on %(n)s SKU", "%(price)s for followers on %(n)s SKUs", len(skus)
    )
    return text % {"price": price, "n": points(len(skus))}


def points_offset(settings: Mapping[str, Any], currency: str) -> str:
    """How many points take how much off, and how far; "" where that is not said."""
    number, off = settings.get("points"), settings.get("off_minor")
    if not isinstance(number, int) or not isinstance(off, int):
        return ""
    text = ngettext("%(points)s point takes %(amount)s off", "%(points)s points take %(amount)s off", number)
    parts = [text % {"points": points(number), "amount": money_text(off, currency)}]
    if settings.get("at_least_minor"):
        parts.append(
            _("orders from %(amount)s") % {"amount": money_text(settings["at_least_minor"], currency)}
        )
    if settings.get("max_percent") not in (None, ""):
        parts.append(_("at most %(share)s %% of the goods") % {"share": settings["max_percent"]})
    if settings.get("max_off_minor"):
        parts.append(
            _("at most %(amount)s an order") % {"amount": money_text(settings["max_off_minor"], currency)}
        )
    return _(", ").join(parts)
