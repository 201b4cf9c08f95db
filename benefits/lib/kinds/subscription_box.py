"""A box every month."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind


class SubscriptionBoxKind(Kind):
    """A box every month."""

    code = "subscription_box"
    label = _("Subscription box")
    group = "value"
    place = 40
    text = _("A box that comes every month.")
    names = ("contents", "price_minor", "months")
    asked = ("contents",)
