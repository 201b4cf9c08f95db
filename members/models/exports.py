"""Files that staff have written in the background, to be fetched for a while."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models.worked import WORKED, WorkedModel, WorkState


class ExportKind(models.TextChoices):
    """What a file holds."""

    MEMBERS = "members", _("Members")
    SEGMENT = "segment", _("Members of a segment")
    LEDGER = "ledger", _("Points ledger")
    MOVES = "moves", _("Moves between tiers")


class ExportFormat(models.TextChoices):
    """What a file is."""

    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel (XLSX)"


class Export(WorkedModel):
    """One file. `filters` say what is in it; who that is stands in a file of ids, written when the work begins.

    `size_so_far` is how many bytes of the growing file are those of committed chunks: what lies behind them is of a
    worker that died, and is cut off. `stored_as` is below UPLOADS_DIR, and empty once the file has had its time.
    """

    kind = models.CharField(_("kind"), max_length=12, choices=ExportKind.choices)
    format = models.CharField(_("format"), max_length=4, choices=ExportFormat.choices)
    label = models.CharField(max_length=80, blank=True, default="", db_default="")  # which one of its kind
    filters = models.JSONField(default=dict)
    is_clear = models.BooleanField(_("whole phone numbers and names"), default=False)
    rows = models.BigIntegerField(_("rows"), default=0)
    size_so_far = models.BigIntegerField(default=0)
    size = models.BigIntegerField(_("size"), default=0)
    stored_as = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField(_("can be downloaded until"), null=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="export_public_id_unique"),
            models.CheckConstraint(condition=models.Q(state__in=WorkState.values), name="export_state_known"),
            models.CheckConstraint(condition=models.Q(kind__in=ExportKind.values), name="export_kind_known"),
            models.CheckConstraint(
                condition=models.Q(format__in=ExportFormat.values), name="export_format_known"
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "-created_at"], name="export_by_age"),
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state__in=[str(state) for state in WORKED]),
                name="export_being_worked",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def title(self) -> str:
        """What is in it, and as which file."""
        parts = (self.get_kind_display(), self.label, self.get_format_display())
        return " · ".join(str(part) for part in parts if part)
