"""Buying before others 优先购买权."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind


class EarlyAccessKind(Kind):
    """Buying before others 优先购买权."""

    code = "early_access"
    label = _("Early access")
    group = "value"
    place = 70
    text = _("Members buy before everybody else.")
    names = ("item", "hours")
    asked = ("item", "hours")
