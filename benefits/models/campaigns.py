"""A benefit given to many members at once, in the background (domain.md 8)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from benefits.lib.holdouts import MOST_PERCENT
from benefits.models.benefits import Benefit
from benefits.models.entitlements import EntitlementSource
from members.lib.fields import TenantForeignKey
from members.models.worked import WORKED, UndoableModel, WorkState


class GiftCampaign(UndoableModel):
    """One giving of a benefit to an audience of its own (as a benefit's; the benefit's own binds besides), of which
    `holdout_percent` are held out.

    Members up to `passed` of those up to `last` had their turn: `position` of `total`, of whom `chosen` were meant,
    `issued` got one, and `refused` counts the others by reason (`benefits.services.campaigns`). Once it is being
    undone: up to `undo_passed`, `undone` taken back, `kept` left.
    """

    benefit = TenantForeignKey(Benefit, related_name="+")
    audience = models.JSONField(_("audience"))
    holdout_percent = models.SmallIntegerField(_("control group (%)"), default=0, db_default=0)
    passed = models.BigIntegerField(default=0)
    last = models.BigIntegerField(default=0)
    chosen = models.BigIntegerField(default=0)
    issued = models.BigIntegerField(_("issued"), default=0)
    refused = models.JSONField(default=dict)
    undo_passed = models.BigIntegerField(default=0)
    kept = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="gift_campaign_public_id_unique"),
            models.CheckConstraint(
                condition=models.Q(state__in=WorkState.values), name="gift_campaign_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(holdout_percent__gte=0, holdout_percent__lte=MOST_PERCENT),
                name="gift_campaign_holdout_within",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "benefit", "-created_at"], name="gift_campaign_by_age"),
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state__in=[str(state) for state in WORKED]),
                name="gift_campaign_being_worked",
            ),
        ]

    @property
    def cause(self) -> str:
        """What its entitlements name as their cause: so each member gets one of it."""
        return f"{EntitlementSource.CAMPAIGN}:{self.public_id}"

    def __str__(self) -> str:
        return self.public_id
