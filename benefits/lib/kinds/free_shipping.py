"""No shipping fee."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
from benefits.lib.kinds.parts.goods import CappedKind


class FreeShippingKind(CappedKind):
    """No shipping fee."""

    code = "free_shipping"
    label = _("Free shipping")
    group = "price"
    place = 50
    text = _("Members pay no shipping fee, from an amount on if you like.")
    names = ("at_least_minor", "cap_minor", "per_month")

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("No shipping fee.")
        return gettext("No shipping fee: %(gives)s.") % {"gives": show.gives}
