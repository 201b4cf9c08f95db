"""The refund before the goods are back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
from benefits.lib.kinds.parts.goods import CappedKind


class FastRefundKind(CappedKind):
    """The refund before the goods are back."""

    code = "fast_refund"
    label = _("Fast refund")
    group = "service"
    place = 50
    text = _("The refund arrives before the goods are back.")
    names = ("within_hours", "cap_minor")
    asked = ("within_hours",)

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("Your money back before the goods are.")
        return gettext("Your money back before the goods are: %(gives)s.") % {"gives": show.gives}
