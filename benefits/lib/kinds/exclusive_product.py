"""A product for members alone 专属商品."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
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

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("Something that only members can buy.")
        return gettext("For members alone: %(gives)s.") % {"gives": show.gives}
