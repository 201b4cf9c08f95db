"""A merchant's member program and its life (domain.md 2)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import TenantForeignKey
from members.models.base import TenantModel, TenantQuerySet
from members.models.worked import WORKED, WorkedModel, WorkState


class ProgramStatus(models.TextChoices):
    """draft -> open -> cleared -> open; open -> closed -> open by the merchant."""

    DRAFT = "draft", _("Draft")
    OPEN = "open", _("Open")
    CLOSED = "closed", _("Closed by the merchant")
    CLEARED = "cleared", _("Closed by a clearance")


class Program(models.Model):
    """One program per merchant; the row whose lock decides between a write and a close (architecture 5)."""

    merchant = models.OneToOneField(
        "members.Merchant", models.PROTECT, primary_key=True, related_name="program", db_constraint=False
    )
    name = models.CharField(_("program name"), max_length=80, blank=True)
    status = models.CharField(
        _("status"), max_length=8, choices=ProgramStatus.choices, default=ProgramStatus.DRAFT
    )
    first_opened_at = models.DateTimeField(_("first opened"), null=True)
    opened_at = models.DateTimeField(_("opened"), null=True)  # when the present life began
    closed_at = models.DateTimeField(_("closed"), null=True)  # since when it is closed or cleared
    created_at = models.DateTimeField(_("created"))
    points_expired_through = models.DateField(null=True)  # the last day whose lots were all expired
    points_noticed_through = models.DateField(null=True)  # the last day whose notices of expiry were given
    # This morning's sum of points that expire soon (`members.services.expiry_digest`), and when staff were last told.
    points_expiring = models.JSONField(default=dict, db_default={})
    points_digest_on = models.DateField(null=True)
    # How often the expiry of all lots was moved at once (a closure's end, a switch of the rule).
    lots_moved = models.IntegerField(default=0, db_default=0)
    # The events that some endpoint of the merchant wants, beside the row that every posting reads; null: none.
    webhook_events = ArrayField(models.CharField(max_length=32), null=True)

    # Whether members wait for what an edit of the rules does to them: beside the row that every posting reads anyway.
    is_lifting = models.BooleanField(default=False, db_default=False)
    # Whether orders bring something, or ever did (`members.services.order_news`): there for the same reason.
    hears_orders = models.BooleanField(default=False, db_default=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("program")
        verbose_name_plural = _("programs")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status="draft", opened_at=None)
                | models.Q(status__in=["open", "closed", "cleared"], opened_at__isnull=False),
                name="program_opened_unless_draft",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["closed", "cleared"], closed_at__isnull=False)
                | models.Q(status__in=["draft", "open"], closed_at=None),
                name="program_closed_at_while_closed",
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.merchant_id)


class Closure(TenantModel):
    """One stretch in which the program was closed; what a return to open shifts is recorded here."""

    kind = models.CharField(
        max_length=8, choices=[("closed", _("by the merchant")), ("cleared", _("by a clearance"))]
    )
    from_at = models.DateTimeField()
    to_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=12, blank=True)  # merchant | restored | reopened
    shifted_days = models.IntegerField(null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant"], condition=models.Q(to_at=None), name="closure_one_open"
            ),
        ]


class GapPosting(WorkedModel):
    """The orders and refunds of a closure posted on request, once (domain.md 2): worked off in chunks of member ids.

    `asked_at` is the request's instant; members up to `passed` had their turn. `orders` that earned nothing till then
    were posted, and `refunds` looked at; `earned` points came to them and `taken` points were given back (both at least
    0); `moved` moves of tiers came of it.
    """

    closure = TenantForeignKey(Closure, related_name="+")
    asked_at = models.DateTimeField(_("asked for"))
    passed = models.BigIntegerField(default=0)
    orders = models.BigIntegerField(default=0)
    refunds = models.BigIntegerField(default=0)
    earned = models.BigIntegerField(default=0)
    taken = models.BigIntegerField(default=0)
    moved = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "closure"], name="gap_posting_once"),
            models.UniqueConstraint(fields=["merchant", "public_id"], name="gap_posting_public_id_unique"),
            models.CheckConstraint(
                condition=models.Q(state__in=WorkState.values), name="gap_posting_state_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state__in=[str(state) for state in WORKED]),
                name="gap_posting_being_worked",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id
