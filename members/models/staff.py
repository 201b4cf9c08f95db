"""Who of a merchant may do what: staff, invitations, API keys.

They are read to find out which tenant a request belongs to, so their row policies let everybody find every row; a
merchant's process writes its own merchant's only.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import PublicIdField


class Role(models.TextChoices):
    """The five roles (domain.md 1)."""

    OWNER = "owner", _("Owner")
    MANAGER = "manager", _("Manager")
    OPERATOR = "operator", _("Operator")
    CASHIER = "cashier", _("Cashier")
    ANALYST = "analyst", _("Analyst")


class Staff(models.Model):
    """A user's role in one merchant; left_at ends it, the row stays for the audit log."""

    id = models.BigAutoField(primary_key=True)
    public_id = PublicIdField(unique=True)
    merchant = models.ForeignKey("members.Merchant", models.PROTECT, related_name="staff")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=Role.choices)
    joined_at = models.DateTimeField(_("joined at"))
    left_at = models.DateTimeField(_("left at"), null=True, blank=True)

    class Meta:
        verbose_name = _("staff member")
        verbose_name_plural = _("staff")
        constraints = [models.UniqueConstraint(fields=["merchant", "user"], name="staff_once_per_merchant")]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"


class Invitation(models.Model):
    """An offer of a role, sent to an e-mail address; found by the hash of its token only."""

    id = models.BigAutoField(primary_key=True)
    public_id = PublicIdField(unique=True)
    merchant = models.ForeignKey("members.Merchant", models.PROTECT, related_name="+")
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=16, choices=Role.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    invited_at = models.DateTimeField(_("invited at"))
    expires_at = models.DateTimeField(_("expires at"))
    accepted_at = models.DateTimeField(_("accepted at"), null=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)

    class Meta:
        indexes = [models.Index(fields=["merchant", "-invited_at"], name="invitation_by_merchant")]


class ApiKey(models.Model):
    """A shop system's key: shown once, stored as a hash, limited to scopes."""

    id = models.BigAutoField(primary_key=True)
    public_id = PublicIdField(unique=True)
    merchant = models.ForeignKey("members.Merchant", models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=60)
    prefix = models.CharField(max_length=12)
    key_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    created_at = models.DateTimeField(_("created at"))
    last_used_on = models.DateField(_("last used"), null=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)

    class Meta:
        indexes = [models.Index(fields=["merchant", "-created_at"], name="api_key_by_merchant")]
