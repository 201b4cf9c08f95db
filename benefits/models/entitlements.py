"""What members may claim at a till: entitlements, and what was done with each (domain.md 8)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from benefits.models.benefits import Benefit
from members.lib.fields import PublicIdField, TenantForeignKey
from members.models import Member, TenantModel


class EntitlementState(models.TextChoices):
    """`benefits.lib.entitlements.State`; a reservation or a validity whose time is over may still say what it was."""

    ISSUED = "issued", pgettext_lazy("entitlement", "Ready to use")
    RESERVED = "reserved", pgettext_lazy("entitlement", "Reserved")
    RELEASED = "released", pgettext_lazy("entitlement", "Ready again")
    REDEEMED = "redeemed", pgettext_lazy("entitlement", "Used")
    EXPIRED = "expired", pgettext_lazy("entitlement", "Expired")
    REVOKED = "revoked", pgettext_lazy("entitlement", "Taken back")


class EntitlementSource(models.TextChoices):
    """What brought it."""

    JOIN = "join", pgettext_lazy("entitlement", "Joining")
    BIRTHDAY = "birthday", pgettext_lazy("entitlement", "Birthday")
    TIER = "tier", pgettext_lazy("entitlement", "Reaching a tier")
    ORDER = "order", pgettext_lazy("entitlement", "Order")
    CAMPAIGN = "campaign", pgettext_lazy("entitlement", "Campaign")
    CLAIM = "claim", pgettext_lazy("entitlement", "Claimed")
    EXCHANGE = "exchange", pgettext_lazy("entitlement", "Exchanged for points")
    STAFF = "staff", pgettext_lazy("entitlement", "Given by staff")
    DRAW = "draw", pgettext_lazy("entitlement", "Won in a draw")


class PaidWith(models.TextChoices):
    """What the member gave for it."""

    NOTHING = "nothing", _("Nothing")
    POINTS = "points", _("Points")
    MONEY = "money", _("Money")


class UseAction(models.TextChoices):
    """What was done with an entitlement."""

    RESERVE = "reserve", pgettext_lazy("entitlement", "Reserved")
    RELEASE = "release", pgettext_lazy("entitlement", "Released")
    REDEEM = "redeem", pgettext_lazy("entitlement", "Redeemed")
    UNDO = "undo", pgettext_lazy("entitlement", "Redemption undone")


class Entitlement(TenantModel):
    """A member's right to a benefit, with the code by which a till knows it.

    cause: what brought it, once for each member and benefit ("birthday:2024"). revision: the benefit's, when it was
    issued. worth_minor: the most that one use saves, null without a bound. paid_amount: points, or minor units.
    valid_until: the first instant without it. revoked_at: since when it is taken back. reservation: the id of the use
    that reserved it, until reserved_until.
    """

    member = TenantForeignKey(Member, related_name="+")
    benefit = TenantForeignKey(Benefit, related_name="+")
    code = models.CharField(_("code"), max_length=12)
    revision = models.IntegerField()
    source = models.CharField(_("source"), max_length=8, choices=EntitlementSource.choices)
    cause = models.CharField(max_length=140)
    state = models.CharField(
        _("state"), max_length=8, choices=EntitlementState.choices, default=EntitlementState.ISSUED
    )
    uses_total = models.IntegerField(_("uses"), default=1)
    uses_left = models.IntegerField(_("uses left"), default=1)
    worth_minor = models.BigIntegerField(null=True)
    paid_with = models.CharField(max_length=7, choices=PaidWith.choices, default=PaidWith.NOTHING)
    paid_amount = models.BigIntegerField(default=0)
    at = models.DateTimeField(_("issued at"))
    valid_from = models.DateTimeField(_("valid from"))
    valid_until = models.DateTimeField(_("valid until"), null=True)
    revoked_at = models.DateTimeField(null=True)
    reserved_until = models.DateTimeField(null=True)
    reservation = models.CharField(max_length=24, default="", blank=True)

    class Meta:
        verbose_name = _("entitlement")
        verbose_name_plural = _("entitlements")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "code"], name="entitlement_code_unique"),
            # Also how a member's are found, and counted against limits.
            models.UniqueConstraint(
                fields=["merchant", "member", "benefit", "cause"], name="entitlement_cause_once"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    uses_total__gte=1, uses_left__gte=0, uses_left__lte=models.F("uses_total")
                ),
                name="entitlement_uses_within",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=EntitlementState.values), name="entitlement_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(source__in=EntitlementSource.values), name="entitlement_source_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=EntitlementState.REDEEMED) | models.Q(uses_left=0),
                name="entitlement_redeemed_is_used",
            ),
            models.CheckConstraint(
                condition=models.Q(state=EntitlementState.RESERVED, reserved_until__isnull=False)
                | (~models.Q(state=EntitlementState.RESERVED) & models.Q(reserved_until__isnull=True)),
                name="entitlement_reserved_until",
            ),
            # A basket of an earlier instant is priced with what the member had then.
            models.CheckConstraint(
                condition=models.Q(state=EntitlementState.REVOKED, revoked_at__isnull=False)
                | (~models.Q(state=EntitlementState.REVOKED) & models.Q(revoked_at__isnull=True)),
                name="entitlement_revoked_then",
            ),
            models.CheckConstraint(
                condition=models.Q(paid_with=PaidWith.NOTHING, paid_amount=0)
                | models.Q(paid_with__in=[PaidWith.POINTS, PaidWith.MONEY], paid_amount__gt=0),
                name="entitlement_paid_amount",
            ),
            models.CheckConstraint(
                condition=models.Q(valid_until=None) | models.Q(valid_until__gt=models.F("valid_from")),
                name="entitlement_valid_span",
            ),
        ]
        indexes = [
            # Those whose time is over, for the daily job.
            models.Index(
                fields=["merchant", "valid_until"],
                condition=models.Q(
                    state__in=[
                        EntitlementState.ISSUED,
                        EntitlementState.RESERVED,
                        EntitlementState.RELEASED,
                    ],
                    valid_until__isnull=False,
                ),
                name="entitlement_running_out",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class EntitlementUse(TenantModel):
    """One act on an entitlement. Append-only.

    key: of the request, which works once in its merchant. asked: what was asked, so that the same key with another
    body is noticed. state_after, left_after: as they were answered. until: of a reservation. saved_minor: what the
    member saved, null where nobody knows; an undo says it with a minus. undoes: the redemption that it takes back.
    """

    public_id = PublicIdField()
    entitlement = TenantForeignKey(Entitlement, related_name="+")
    action = models.CharField(_("action"), max_length=7, choices=UseAction.choices)
    key = models.CharField(max_length=140)
    asked = models.JSONField(default=dict)
    at = models.DateTimeField(_("time"))
    state_after = models.CharField(max_length=8, choices=EntitlementState.choices)
    left_after = models.IntegerField()
    until = models.DateTimeField(null=True)
    saved_minor = models.BigIntegerField(null=True)
    undoes = models.BigIntegerField(null=True)
    actor_kind = models.CharField(max_length=8)
    actor_label = models.CharField(_("who"), max_length=120)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, db_index=False
    )

    class Meta:
        verbose_name = _("use of an entitlement")
        verbose_name_plural = _("uses of entitlements")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="entitlement_use_public_id"),
            models.UniqueConstraint(fields=["merchant", "key"], name="entitlement_use_key_once"),
            models.UniqueConstraint(
                fields=["merchant", "undoes"],
                condition=models.Q(undoes__isnull=False),
                name="entitlement_use_undone_once",
            ),
            models.CheckConstraint(
                condition=models.Q(action=UseAction.UNDO, undoes__isnull=False)
                | (~models.Q(action=UseAction.UNDO) & models.Q(undoes__isnull=True)),
                name="entitlement_use_undoes",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "entitlement", "id"], name="entitlement_use_by_right"),
            # What a till did lately.
            models.Index(fields=["merchant", "-at", "-id"], name="entitlement_use_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.entitlement_id}"


class BenefitBudget(TenantModel):
    """What a benefit's entitlements have taken from its budget in minor units: each its most, when it is issued. A
    row from the first entitlement that was issued under a budget."""

    benefit = TenantForeignKey(Benefit, related_name="+")
    taken_minor = models.BigIntegerField(default=0)
    most_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "benefit"], name="benefit_budget_one"),
            models.CheckConstraint(
                condition=models.Q(taken_minor__gte=0, taken_minor__lte=models.F("most_minor")),
                name="benefit_budget_kept",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.taken_minor} / {self.most_minor}"
