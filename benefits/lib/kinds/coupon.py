"""A coupon 满减券."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
from benefits.lib.kinds.parts.off import OffKind


class CouponKind(OffKind):
    """A coupon that members claim, or are given."""

    code = "coupon"
    label = _("Coupon")
    place = 40
    text = _("An amount or a share off an order, from a threshold on.")

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("A coupon to claim here and to show at the till.")
        return gettext("%(gives)s. Claim it here and show the code at the till.") % {"gives": show.gives}
