"""Members, and the identities by which channels know people (domain.md 1)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.crypto import EncryptedTextField
from members.lib.fields import PublicIdField, TenantForeignKey
from members.models.base import TenantModel
from members.models.merchants import Channel


class JoinSource(models.TextChoices):
    """The evidence of joining; buying is none."""

    PAGE = "page", _("Join page")
    CHANNEL = "channel", _("Authorised by the channel")
    LIST = "list", _("Member list of the merchant")
    API = "api", _("Shop system")


class MemberStatus(models.TextChoices):
    """An erased member keeps its books; the person is gone (domain.md 11)."""

    ACTIVE = "active", _("Member")
    LEFT = "left", _("Left")
    ERASED = "erased", _("Erased")


class Member(TenantModel):
    """A person's membership of one merchant's program. The order of ids is the order of arrival.

    Phone and name are sealed; `phone_index` finds a whole number, the tokens find last digits and names.
    """

    public_id = PublicIdField()
    at = models.DateTimeField(_("recorded at"))
    joined_at = models.DateTimeField(_("joined"))
    joined_on = models.DateField(_("joined on"))  # merchant day of joined_at
    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices)
    source = models.CharField(_("source"), max_length=8, choices=JoinSource.choices)
    consent_source = models.CharField(_("where the consent comes from"), max_length=200, blank=True)
    status = models.CharField(
        _("status"), max_length=8, choices=MemberStatus.choices, default=MemberStatus.ACTIVE
    )
    phone = EncryptedTextField(_("phone"))
    phone_verified = models.BooleanField(_("phone verified"), default=False)
    phone_index = models.BinaryField(null=True, max_length=16)
    phone_tail = models.BigIntegerField(null=True)
    name = EncryptedTextField(_("name"))
    name_token = models.BigIntegerField(null=True)
    name_first_token = models.BigIntegerField(null=True)
    name_rest_token = models.BigIntegerField(null=True)
    email = EncryptedTextField(_("e-mail"))
    email_index = models.BinaryField(null=True, max_length=16)
    # A consent of its own: having an address is none. Taken back, the time stays, and only the person gives it again.
    email_consent_at = models.DateTimeField(_("consent to e-mail"), null=True)
    email_consent_source = models.CharField(
        _("source of the consent to e-mail"), max_length=200, blank=True, db_default=""
    )
    email_stopped_at = models.DateTimeField(_("e-mail stopped"), null=True)
    # Month and day alone: what a birthday needs, and no more of it.
    birth_month = models.SmallIntegerField(_("month of birth"), null=True)
    birth_day = models.SmallIntegerField(_("day of birth"), null=True)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="member_public_id_unique"),
            # A phone that nobody verified proves nothing: a family shares one, a shop types its own.
            models.UniqueConstraint(
                fields=["merchant", "phone_index"],
                condition=models.Q(phone_verified=True),
                name="member_verified_phone_unique",
            ),
            models.CheckConstraint(
                condition=models.Q(channel__in=Channel.values), name="member_channel_known"
            ),
            models.CheckConstraint(
                condition=models.Q(source__in=JoinSource.values), name="member_source_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=MemberStatus.values), name="member_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(phone_verified=False) | models.Q(phone_index__isnull=False),
                name="member_verified_phone_exists",
            ),
            models.CheckConstraint(
                condition=models.Q(email_consent_at=None) | models.Q(email_index__isnull=False),
                name="member_email_consent_has_address",
            ),
            models.CheckConstraint(
                condition=models.Q(email_consent_at=None) | models.Q(email_stopped_at=None),
                name="member_email_consent_or_stopped",
            ),
            models.CheckConstraint(
                condition=models.Q(birth_month__isnull=True, birth_day__isnull=True)
                | models.Q(birth_month__range=(1, 12), birth_day__range=(1, 31)),
                name="member_birthday_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "-joined_at", "-id"], name="member_by_joined"),
            models.Index(fields=["merchant", "joined_on"], name="member_by_day"),
            models.Index(
                fields=["merchant", "phone_index"],
                condition=models.Q(phone_index__isnull=False),
                name="member_by_phone",
            ),
            models.Index(
                fields=["merchant", "phone_tail"],
                condition=models.Q(phone_tail__isnull=False),
                name="member_by_tail",
            ),
            models.Index(
                fields=["merchant", "name_token"],
                condition=models.Q(name_token__isnull=False),
                name="member_by_name",
            ),
            models.Index(
                fields=["merchant", "name_first_token"],
                condition=models.Q(name_first_token__isnull=False),
                name="member_by_first_name",
            ),
            models.Index(
                fields=["merchant", "name_rest_token"],
                condition=models.Q(name_rest_token__isnull=False),
                name="member_by_rest_of_name",
            ),
            models.Index(
                fields=["merchant", "email_index"],
                condition=models.Q(email_index__isnull=False),
                name="member_by_email",
            ),
            models.Index(
                fields=["birth_month", "birth_day", "merchant"],
                condition=models.Q(birth_month__isnull=False),
                name="member_by_birthday",
            ),
            models.Index(fields=["id"], name="member_by_id"),
            # Counts of members are counts of all, less these few.
            models.Index(
                fields=["merchant", "joined_on"],
                condition=models.Q(status=MemberStatus.ERASED),
                name="member_erased",
            ),
            # Segments are those of all who bought, less these few.
            models.Index(
                fields=["merchant", "id"],
                condition=~models.Q(status=MemberStatus.ACTIVE),
                name="member_not_active",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class Identity(TenantModel):
    """How a channel knows a person. Without a member it is a customer's: a buyer who has not joined.

    The order of ids is the order of arrival; `at` is when it first came. The external id may be a phone number, so it
    is sealed; `external_index` (crypto.identity_index, of the channel too) finds it and keeps it unique.
    """

    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices)
    external_id = EncryptedTextField(_("external id"))
    external_index = models.BinaryField(max_length=16)
    member = TenantForeignKey(Member, related_name="identities", null=True)
    at = models.DateTimeField(_("first seen"))
    linked_at = models.DateTimeField(_("joined"), null=True)  # when it became a member's

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "external_index"], name="identity_unique"),
            models.CheckConstraint(
                condition=models.Q(external_id__isnull=False), name="identity_external_id_given"
            ),
            models.CheckConstraint(
                condition=models.Q(channel__in=Channel.values), name="identity_channel_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "member"],
                condition=models.Q(member__isnull=False),
                name="identity_by_member",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}:{self.pk}"
