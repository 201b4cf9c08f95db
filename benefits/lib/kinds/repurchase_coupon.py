"""A coupon for coming back 复购券."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
from benefits.lib.kinds.parts.off import OffKind


class RepurchaseCouponKind(OffKind):
    """As a coupon, for the next order."""

    code = "repurchase_coupon"
    label = _("Repurchase coupon")
    place = 60
    text = _("A coupon for the next order.")

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("A coupon for your next order.")
        return gettext("%(gives)s on your next order. Show the code at the till.") % {"gives": show.gives}
