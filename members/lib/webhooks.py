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
    PROGRAM_AT_RISK = "program.at_risk", _("The program is threatened by a clearance")
    PROGRAM_FINAL_NOTICE = "program.final_notice", _("The last warnings before a clearance")
    PROGRAM_CLEARED = "program.cleared", _("The program was closed by a clearance")
    PROGRAM_RESTORED = "program.restored", _("The program was restored after a clearance")
    BENEFIT_PUBLISHED = "benefit.published", _("A benefit was published")
    ENTITLEMENT_ISSUED = "entitlement.issued", _("A member got an entitlement")
    ENTITLEMENT_REDEEMED = "entitlement.redeemed", _("A member used an entitlement")
    ENTITLEMENT_UNDONE = "entitlement.undone", _("The use of an entitlement was undone")
    ENTITLEMENT_REVOKED = "entitlement.revoked", _("An entitlement was taken back")
    DRAW_WON = "draw.won", _("A member won in a draw")
