"""What belongs to an appeal: its messages and files, and the text that somebody has not filed yet (domain.md 3)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.lib.appeal_files import LONGEST_NAME, MOST_BYTES, TYPES
from compliance.models.appeals import LONGEST_APPEAL, Appeal
from members.lib.fields import PublicIdField, TenantForeignKey
from members.models import TenantModel

LONGEST_DRAFT = 10_000  # characters: a text that is still too long to file is kept too


class AppealMessage(TenantModel):
    """One message between the shop and the platform about an appeal. Append-only.

    public_id: the same form sent twice writes one. of_platform: the reviewer wrote it.
    """

    public_id = PublicIdField()
    appeal = TenantForeignKey(Appeal, related_name="messages")
    at = models.DateTimeField(_("time"))
    of_platform = models.BooleanField(default=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    text = models.CharField(_("message"), max_length=LONGEST_APPEAL)

    class Meta:
        verbose_name = _("message of an appeal")
        verbose_name_plural = _("messages of appeals")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="appeal_message_public_id"),
        ]
        indexes = [models.Index(fields=["merchant", "appeal", "id"], name="appeal_message_by_appeal")]

    def __str__(self) -> str:
        return self.public_id


class AppealFile(TenantModel):
    """One file that the shop sent with an appeal. Its bytes lie sealed in a file of that public_id, not here.

    kind: what its content is; size, sha256: of the content. gone_at: when its bytes were removed, long after the end.
    """

    public_id = PublicIdField()
    appeal = TenantForeignKey(Appeal, related_name="files")
    added_at = models.DateTimeField(_("time"))
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    name = models.CharField(_("file"), max_length=LONGEST_NAME)
    kind = models.CharField(max_length=4)
    size = models.IntegerField()
    sha256 = models.CharField(max_length=64)
    gone_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("file of an appeal")
        verbose_name_plural = _("files of appeals")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="appeal_file_public_id"),
            models.CheckConstraint(
                condition=models.Q(size__gte=1, size__lte=MOST_BYTES), name="appeal_file_size"
            ),
            models.CheckConstraint(condition=models.Q(kind__in=list(TYPES)), name="appeal_file_kind"),
        ]
        indexes = [models.Index(fields=["merchant", "appeal", "id"], name="appeal_file_by_appeal")]

    def __str__(self) -> str:
        return self.name


class AppealDraft(TenantModel):
    """What one person has written of an appeal and not filed yet."""

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    saved_at = models.DateTimeField(_("saved"))
    text = models.CharField(max_length=LONGEST_DRAFT)

    class Meta:
        verbose_name = _("draft of an appeal")
        verbose_name_plural = _("drafts of appeals")
        constraints = [models.UniqueConstraint(fields=["merchant", "by"], name="appeal_draft_one_a_person")]

    def __str__(self) -> str:
        return str(self.pk)
