"""Buying before others 优先购买权."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind, Show


class EarlyAccessKind(Kind):
    """Buying before others 优先购买权."""

    code = "early_access"
    label = _("Early access")
    group = "value"
    place = 70
    text = _("Members buy before everybody else.")
    names = ("item", "hours")
    asked = ("item", "hours")

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("You buy before everybody else.")
        return gettext("You buy first: %(gives)s.") % {"gives": show.gives}
