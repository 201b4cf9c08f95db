"""A right with a partner."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.parts.goods import GoodsKind


class PartnerBenefitKind(GoodsKind):
    """A right with a partner."""

    code = "partner_benefit"
    label = _("Partner benefit")
    group = "value"
    place = 30
    text = _("A right with a partner, handed over as a code.")
    names = ("partner", "value_minor")
    asked = ("partner",)
    usual = {"pool": True}
