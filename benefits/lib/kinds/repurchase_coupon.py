"""A coupon for coming back 复购券."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.parts.off import OffKind


class RepurchaseCouponKind(OffKind):
    """As a coupon, for the next order."""

    code = "repurchase_coupon"
    label = _("Repurchase coupon")
    place = 60
    text = _("A coupon for the next order.")
