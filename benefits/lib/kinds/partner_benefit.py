"""A right with a partner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
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

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("A right with our partner, with a code of your own.")
        return gettext("From our partner: %(gives)s. You get a code of your own.") % {"gives": show.gives}
