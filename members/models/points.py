"""The points ledger: append-only entries, lots, and each member's account (domain.md 6)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from members.lib.fields import PublicIdField, TenantForeignKey
from members.models.base import TenantModel
from members.models.members import Member
from members.models.orders import Order


class EntryKind(models.TextChoices):
    """What an entry did."""

    EARN = "earn", _("Earned")
    CONFIRM = "confirm", _("Confirmed")
    REDEEM = "redeem", _("Redeemed")
    HOLD = "hold", pgettext_lazy("points", "Held")
    RELEASE = "release", _("Released")
    CAPTURE = "capture", _("Captured")
    EXPIRE = "expire", _("Expired")
    CLAWBACK = "clawback", _("Clawed back")
    RESTORE = "restore", pgettext_lazy("points", "Restored")
    ADJUST = "adjust", _("Adjusted")
    TRANSFER_IN = "transfer_in", _("Transferred in")
    TRANSFER_OUT = "transfer_out", _("Transferred out")


class PointsAccount(TenantModel):
    """A member's balance now; written by one service, checked by the database."""

    member = TenantForeignKey(Member, related_name="+")
    available = models.BigIntegerField(default=0)
    pending = models.BigIntegerField(default=0)
    deficit = models.BigIntegerField(default=0)
    earned = models.BigIntegerField(default=0)
    redeemed = models.BigIntegerField(default=0)
    expired = models.BigIntegerField(default=0)
    clawed_back = models.BigIntegerField(default=0)
    sequence = models.BigIntegerField(default=0)
    expired_through = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "member"], name="points_account_once"),
            models.CheckConstraint(
                condition=models.Q(available__gte=0, pending__gte=0, deficit__gte=0),
                name="points_account_not_negative",
            ),
            # A credit repays a deficit first, so nobody has both.
            models.CheckConstraint(
                condition=models.Q(available=0) | models.Q(deficit=0), name="points_account_no_both"
            ),
        ]


class PointsVerb(models.TextChoices):
    """What a request asks of the ledger."""

    REDEEM = "redeem", _("Redemption")
    HOLD = "hold", _("Hold")
    ADJUST = "adjust", _("Adjustment")
    GIVE_BACK = "give_back", _("Giving back expired points")
    AWARD = "award", _("Award")
    IMPORT = "import", _("Opening balance")
    REVERSE = "reverse", _("Reversal")
    TRANSFER = "transfer", _("Transfer")


class PointsRequestStatus(models.TextChoices):
    """Where a request stands."""

    DONE = "done", _("Done")
    CANCELLED = "cancelled", _("Cancelled")
    HELD = "held", pgettext_lazy("points", "Held")
    CAPTURED = "captured", _("Captured")
    RELEASED = "released", _("Released")
    PROPOSED = "proposed", _("Waiting for approval")
    REJECTED = "rejected", _("Rejected")


class PointsRequest(TenantModel):
    """What someone asked of a member's points, under a key that works once (domain.md 6, Idempotency).

    `space` keeps apart the keys of the merchant's systems ("") and those made here, such as "award". `points` is
    signed for an adjustment, else positive. `sequence` is that of its first entry; `postings` how many entries it has.
    `ends_at` is when a hold ends by itself. `details` explains: an award's rule, a transfer's other side.
    """

    public_id = PublicIdField()
    space = models.CharField(max_length=8, default="", blank=True)
    key = models.CharField(_("key"), max_length=128)
    verb = models.CharField(_("kind"), max_length=10, choices=PointsVerb.choices)
    member = TenantForeignKey(Member, related_name="+")
    points = models.BigIntegerField(_("points"))
    reason = models.CharField(_("reason"), max_length=200, default="", blank=True)
    minutes = models.IntegerField(null=True)
    status = models.CharField(_("state"), max_length=10, choices=PointsRequestStatus.choices)
    at = models.DateTimeField(_("time"))
    ends_at = models.DateTimeField(_("held until"), null=True)
    settled_at = models.DateTimeField(null=True)
    sequence = models.BigIntegerField(null=True)
    postings = models.IntegerField(default=0)
    actor_kind = models.CharField(max_length=16, default="")
    actor_label = models.CharField(max_length=150, default="", blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, db_index=False
    )
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("points request")
        verbose_name_plural = _("points requests")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "space", "key"], name="points_request_key_once"),
            models.UniqueConstraint(fields=["merchant", "public_id"], name="points_request_public_id"),
            models.CheckConstraint(
                condition=~models.Q(status="held") | models.Q(ends_at__isnull=False), name="points_hold_ends"
            ),
        ]
        indexes = [
            models.Index(fields=["ends_at"], condition=models.Q(status="held"), name="points_hold_ending"),
            models.Index(
                fields=["merchant", "member", "ends_at"],
                condition=models.Q(status="held"),
                name="points_hold_of_member",
            ),
            models.Index(
                fields=["merchant", "at"],
                condition=models.Q(status="proposed"),
                name="points_request_proposed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.key}"


class PointsEntry(TenantModel):
    """One line of the ledger. Append-only; `balance_after` is available - deficit."""

    member = TenantForeignKey(Member, related_name="+")
    sequence = models.BigIntegerField()
    at = models.DateTimeField(_("time"))
    kind = models.CharField(_("kind"), max_length=12, choices=EntryKind.choices)
    points = models.BigIntegerField(_("points"))
    pending = models.BigIntegerField(_("pending"))
    balance_after = models.BigIntegerField(_("balance"))
    cause = models.CharField(max_length=8)  # order | refund | rule | staff | request
    order = TenantForeignKey(Order, related_name="+", null=True)
    refund = models.CharField(max_length=128, null=True)  # noqa: DJ001 - NULL: no refund's
    # Entries of an order or a request count from 1, an order's confirmations from -1.
    posting = models.IntegerField()
    request = TenantForeignKey(PointsRequest, related_name="+", null=True)
    lot = models.BigIntegerField(null=True)  # the lot that expired
    rules_version = models.IntegerField(null=True)  # the version under which the points moved

    class Meta:
        verbose_name = _("points entry")
        verbose_name_plural = _("points entries")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "member", "sequence"], name="points_entry_sequence"),
            # The unique cause: an order's nth posting is posted once, however often it is sent.
            models.UniqueConstraint(
                fields=["merchant", "order", "posting"],
                condition=models.Q(order__isnull=False),
                name="points_entry_cause_once",
            ),
            models.UniqueConstraint(
                fields=["merchant", "request", "posting"],
                condition=models.Q(request__isnull=False),
                name="points_entry_request_once",
            ),
            models.UniqueConstraint(
                fields=["merchant", "member", "lot"],
                condition=models.Q(lot__isnull=False),
                name="points_entry_expiry_once",
            ),
        ]
        # Entries are written in the order of time, and so are their ids, by which what arrived since a month was closed
        # is found: a few bytes find those of a span. One index for both, since each is asked at every write.
        indexes = [
            BrinIndex(
                fields=["at", "id"], name="points_entry_by_arrival", pages_per_range=32, autosummarize=True
            ),
        ]


class PointsLot(TenantModel):
    """Available points of one credit. `number` is the sequence of the entry that made it."""

    member = TenantForeignKey(Member, related_name="+")
    number = models.BigIntegerField()
    order = TenantForeignKey(Order, related_name="+", null=True)
    available_at = models.DateTimeField()
    amount = models.BigIntegerField()
    remaining = models.BigIntegerField()
    expires_on = models.DateField(null=True)  # the last usable day

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "member", "number"], name="points_lot_number"),
            models.CheckConstraint(
                condition=models.Q(remaining__gte=0, remaining__lte=models.F("amount")),
                name="points_lot_remaining_within",
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "member", "expires_on", "number"],
                condition=models.Q(remaining__gt=0),
                name="points_lot_open",
            ),
            models.Index(
                fields=["merchant", "expires_on", "member"],
                condition=models.Q(remaining__gt=0, expires_on__isnull=False),
                name="points_lot_lapsing",
            ),
        ]


class PointsAllocation(TenantModel):
    """Points of a lot that an entry took (positive) or gave back (negative). Append-only.

    A credit that repays a deficit takes from lots too, under the credit's own sequence.
    """

    member = TenantForeignKey(Member, related_name="+")
    sequence = models.BigIntegerField()
    lot = models.BigIntegerField()
    points = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(points=0), name="points_allocation_not_zero"),
            models.UniqueConstraint(
                fields=["merchant", "member", "sequence", "id"], name="points_allocation_entry"
            ),
        ]


class PendingPoints(TenantModel):
    """What of an order's points still waits, and until when; `due_at` is null while the order is not completed.

    `confirmed` counts its confirmations. Rows stay, with 0 points, when nothing waits any more.
    """

    order = TenantForeignKey(Order, related_name="+")
    member = TenantForeignKey(Member, related_name="+")
    points = models.BigIntegerField()
    due_at = models.DateTimeField(null=True)
    confirmed = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "order"], name="pending_points_order_once"),
            models.CheckConstraint(condition=models.Q(points__gte=0), name="pending_points_not_negative"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(points__gt=0), name="pending_points_due"),
            models.Index(
                fields=["merchant", "member", "due_at"],
                condition=models.Q(points__gt=0),
                name="pending_points_member",
            ),
        ]


class ExpiryNotice(TenantModel):
    """That a member was told of points that expire: once for each last usable day and number of days before it.

    Append-only: who was told what, when. `points` are those that could be used until that day when it was told.
    """

    member = TenantForeignKey(Member, related_name="+")
    expires_on = models.DateField()
    days = models.IntegerField()  # of the rule: at most so many days before
    points = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "member", "expires_on", "days"], name="expiry_notice_once"
            ),
        ]


class ExpiryEmailState(models.TextChoices):
    """What became of the e-mail of a notice."""

    WAITING = "waiting", _("On its way")
    SENT = "sent", _("Sent by e-mail")
    LEFT_OUT = "left_out", _("Not sent")  # the consent was taken back meanwhile, or it was too late
    REFUSED = "refused", _("Refused by the mail server")


class ExpiryEmail(TenantModel):
    """The e-mail of a notice, one at most: left with the notice where the member agreed to e-mails."""

    notice = TenantForeignKey(ExpiryNotice, related_name="+")
    member = TenantForeignKey(Member, related_name="+")
    at = models.DateTimeField()  # of the notice
    state = models.CharField(max_length=8, choices=ExpiryEmailState.choices, default=ExpiryEmailState.WAITING)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "notice"], name="expiry_email_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=ExpiryEmailState.values), name="expiry_email_state_known"
            ),
        ]
        indexes = [models.Index(fields=["merchant", "at"], name="expiry_email_by_time")]
