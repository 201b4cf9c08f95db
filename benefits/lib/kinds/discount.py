"""A share or an amount off the goods of a basket, for members as long as it is in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind, Show
from benefits.lib.kinds.checks import Settings, check_one_of, is_number


class DiscountKind(Kind):
    """`percent` is what is paid (90 is 9 折), `off_percent` the share that is taken off, `off_minor` an amount; from
    `at_least_minor` on, at most `max_off_minor`."""

    code = "discount"
    label = _("Discount")
    group = "price"
    place = 30
    text = _("A share or an amount off for members, without a code.")
    gives = ("percent", "off_percent", "off_minor")
    names = (*gives, "at_least_minor", "max_off_minor")
    acts_in_quotes = True

    def check_own(self, settings: Settings, currency: str) -> None:
        check_one_of(settings, self.gives)

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        return (
            settings.get("off_minor") == 0
            or is_number(settings.get("off_percent"), 0)
            or is_number(settings.get("percent"), 100)
        )

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("A discount for members, taken off by itself.")
        return gettext("%(gives)s for members, taken off by itself.") % {"gives": show.gives}
