"""Something to try."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.parts.goods import GoodsKind


class TrialKind(GoodsKind):
    """Something to try."""

    code = "trial"
    label = _("Trial")
    group = "welcome"
    place = 30
    text = _("Members try something before they buy it.")
    names = ("item", "value_minor", "days")
    asked = ("item",)
