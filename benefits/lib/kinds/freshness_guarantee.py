"""What arrives spoilt is paid back 坏了包退."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

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
