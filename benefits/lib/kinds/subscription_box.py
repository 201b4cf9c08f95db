"""A box every month."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind, Show


class SubscriptionBoxKind(Kind):
    """A box every month."""

    code = "subscription_box"
    label = _("Subscription box")
    group = "value"
    place = 40
    text = _("A box that comes every month.")
    names = ("contents", "price_minor", "months")
    asked = ("contents",)

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("A box each month.")
        return gettext("A box each month: %(gives)s.") % {"gives": show.gives}
