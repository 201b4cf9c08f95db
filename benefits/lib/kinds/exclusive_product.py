"""A product for members alone 专属商品."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.parts.goods import GoodsKind


class ExclusiveProductKind(GoodsKind):
    """A product for members alone 专属商品."""

    code = "exclusive_product"
    label = _("Exclusive product")
    group = "value"
    place = 60
    text = _("Something that only members can buy.")
    names = ("item", "price_minor")
    asked = ("item",)
