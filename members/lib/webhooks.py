"""The events that a merchant can be told of (interface.md, Webhooks). The names are the contract."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class WebhookEvent(models.TextChoices):
    """What happened. Only events that are really sent are here; interface.md names those that are to come."""

    POINTS_CHANGED = "points.changed", _("A member's points changed")
    POINTS_EXPIRING = "points.expiring", _("A member's points expire soon")
    MEMBER_JOINED = "member.joined", _("Somebody became a member")
    MEMBER_TIER_CHANGED = "member.tier_changed", _("A member's tier changed")
    ENTITLEMENT_REDEEMED = "entitlement.redeemed", _("A member used an entitlement")
