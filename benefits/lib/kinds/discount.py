"""A share off everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind, Show
from benefits.lib.kinds.checks import is_number


class DiscountKind(Kind):
    """A share off everything."""

    code = "discount"
    label = _("Discount")
    group = "price"
    place = 30
    text = _("A share off for members.")
    names = gives = ("percent", "off_percent", "off_minor")

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        return settings.get("off_minor") == 0 or is_number(settings.get("off_percent"), 0)

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("A discount for members, taken off by itself.")
        return gettext("%(gives)s for members, taken off by itself.") % {"gives": show.gives}
