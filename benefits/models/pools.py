"""Pools of codes that a partner gave the shop: each uploaded once, and given once (domain.md 8)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from benefits.models.benefits import Benefit
from benefits.models.entitlements import Entitlement
from members.lib.crypto import EncryptedTextField
from members.lib.fields import PublicIdField, TenantForeignKey
from members.models import TenantModel


class CodeState(models.TextChoices):
    """free -> given, for good; a free one of an upload that was taken back is withdrawn."""

    FREE = "free", _("Codes left")
    GIVEN = "given", _("Given to members")
    WITHDRAWN = "withdrawn", _("Codes taken out")


class CodeUpload(TenantModel):
    """A file of codes that was read and waits for a person to confirm it; no code is in the pool before.

    codes: sealed, a line each, forgotten when it is confirmed. found: different codes in the file; known: of them, in a
    pool of the shop already when it was read; repeated: lines that said one again; rejects: [line, reason], the first
    ones of rejected. added: codes that came into the pool; withdrawn: of them, taken out again when it was undone.
    """

    public_id = PublicIdField()
    benefit = TenantForeignKey(Benefit, related_name="+")
    file_name = models.CharField(max_length=160, blank=True)
    codes = EncryptedTextField()
    found = models.IntegerField(default=0)
    known = models.IntegerField(default=0)
    repeated = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    rejects = models.JSONField(default=list)
    uploaded_at = models.DateTimeField()
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    by_label = models.CharField(max_length=120, blank=True)
    confirmed_at = models.DateTimeField(null=True)
    added = models.IntegerField(default=0)
    undone_at = models.DateTimeField(null=True)
    withdrawn = models.IntegerField(default=0)

    class Meta:
        verbose_name = _("upload of codes")
        verbose_name_plural = _("uploads of codes")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="code_upload_public_id"),
            models.CheckConstraint(
                condition=Q(undone_at=None) | Q(confirmed_at__isnull=False), name="code_upload_undone_after"
            ),
        ]
        indexes = [models.Index(fields=["merchant", "benefit", "-id"], name="code_upload_by_benefit")]

    def __str__(self) -> str:
        return self.file_name or self.public_id


class PoolCode(TenantModel):
    """One code of a pool. code: sealed; fingerprint: keyed, so that a code is in one pool of a shop only, and once."""

    benefit = TenantForeignKey(Benefit, related_name="+")
    upload = TenantForeignKey(CodeUpload, related_name="+")
    code = EncryptedTextField()
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(max_length=9, choices=CodeState.choices, default=CodeState.FREE)
    entitlement = TenantForeignKey(Entitlement, related_name="+", null=True)
    given_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "fingerprint"], name="pool_code_once"),
            models.UniqueConstraint(
                fields=["merchant", "entitlement"],
                condition=Q(entitlement__isnull=False),
                name="pool_code_of_entitlement",
            ),
            models.CheckConstraint(
                condition=Q(state=CodeState.GIVEN, entitlement__isnull=False, given_at__isnull=False)
                | Q(state__in=[CodeState.FREE, CodeState.WITHDRAWN], entitlement=None, given_at=None),
                name="pool_code_given_to_one",
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "benefit", "id"],
                condition=Q(state=CodeState.FREE),
                name="pool_code_free",
            ),
            models.Index(fields=["merchant", "upload"], name="pool_code_by_upload"),
            models.Index(fields=["merchant", "benefit", "state"], name="pool_code_by_benefit"),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.pk}"
