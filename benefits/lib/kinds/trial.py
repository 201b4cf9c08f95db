"""Something to try."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
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

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("Something to try before you buy it.")
        return gettext("Try it free: %(gives)s.") % {"gives": show.gives}
