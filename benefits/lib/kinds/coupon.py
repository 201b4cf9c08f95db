"""A coupon 满减券."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.parts.off import OffKind


class CouponKind(OffKind):
    """A coupon that members claim, or are given."""

    code = "coupon"
    label = _("Coupon")
    place = 40
    text = _("An amount or a share off an order, from a threshold on.")
