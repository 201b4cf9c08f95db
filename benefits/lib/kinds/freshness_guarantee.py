"""What arrives spoilt is paid back 坏了包退."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
from benefits.lib.kinds.parts.goods import CappedKind


class FreshnessGuaranteeKind(CappedKind):
    """What arrives spoilt is paid back 坏了包退."""

    code = "freshness_guarantee"
    label = _("Freshness guarantee")
    group = "service"
    place = 30
    text = _("What arrives spoiled is paid for, no questions asked.")
    names = ("within_hours", "cap_minor")
    asked = ("within_hours",)

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("Spoiled on arrival? We pay it back.")
        return gettext("Spoiled on arrival? We pay it back: %(gives)s.") % {"gives": show.gives}
