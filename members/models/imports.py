"""Files on their way in, of orders, points or members: the job a person or a command began, what it taught us of
columns, and what became of the rows that are members.

The lines of orders themselves pass through `members_stagedorder`, an unlogged table without merchant or policy that the
migration makes by hand: COPY refuses tables with row security, and the file can always be read again.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import PublicIdField, TenantForeignKey
from members.models.base import TenantModel
from members.models.members import Member
from members.models.merchants import Channel
from members.models.worked import LeasedModel


class ImportKind(models.TextChoices):
    """What a file holds."""

    ORDERS = "orders", _("Orders")
    POINTS = "points", _("Points")
    MEMBERS = "members", _("Members")


class ImportState(models.TextChoices):
    """queued -> checking -> checked -> running -> done; failed and cancelled keep what was posted.

    Points and members that were posted can be taken back: undoing -> undone; an undoing that broke off too often is
    undo_fail, from where a person starts it again.
    """

    QUEUED = "queued", _("Waiting to be checked")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")
    UNDO_FAILED = "undo_fail", _("Undoing failed")


OPEN_STATES = (ImportState.QUEUED, ImportState.CHECKING, ImportState.CHECKED, ImportState.RUNNING)
WORKED_STATES = (ImportState.QUEUED, ImportState.CHECKING, ImportState.RUNNING, ImportState.UNDOING)


class ImportJob(LeasedModel):
    """One file. `position` is how many of its orders, in order of arrival, are posted.

    `at` is when all of its orders arrive: the instant the run began, kept through every resume. Counters of rows are
    of the whole file; those of orders move with `position`, in the transaction that posts. Of points each row is an
    "order" of its own: `created` counts the credits, `points` their sum, `undo` how far they were taken back. Of
    members likewise: `created` are new, `changed` filled in, `remarks` counts rows taken that have something to say.
    """

    worked_states = WORKED_STATES

    public_id = PublicIdField()
    kind = models.CharField(_("kind"), max_length=8, choices=ImportKind.choices, default=ImportKind.ORDERS)
    file_name = models.CharField(_("file"), max_length=200)
    stored_as = models.CharField(max_length=200)  # below UPLOADS_DIR
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField(_("size"))
    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices)
    declared_source = models.CharField(_("where the consent comes from"), max_length=200, blank=True)
    columns = models.JSONField(default=dict)  # field -> header
    headers = models.JSONField(default=list)  # of the file, in its order
    encoding = models.CharField(_("encoding"), max_length=16, blank=True)
    state = models.CharField(
        _("state"), max_length=9, choices=ImportState.choices, default=ImportState.QUEUED
    )
    starts_itself = models.BooleanField(default=False)  # from checked to running without a person
    cancel_asked = models.BooleanField(default=False)
    failure = models.TextField(blank=True)
    notes = models.JSONField(default=list)  # what a person should know although it is no error
    preview = models.JSONField(default=dict)  # what the check foresaw; see services.imports.kinds
    rejects_as = models.CharField(max_length=200, blank=True)  # below UPLOADS_DIR

    rows = models.BigIntegerField(_("rows"), default=0)
    rejected = models.BigIntegerField(_("rejected rows"), default=0)
    total_orders = models.BigIntegerField(default=0)
    people = models.BigIntegerField(default=0)  # buyers the file names
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    amount_minor = models.BigIntegerField(default=0)

    position = models.BigIntegerField(default=0)
    created = models.BigIntegerField(_("new orders"), default=0)
    changed = models.BigIntegerField(_("changed orders"), default=0)
    unchanged = models.BigIntegerField(_("unchanged orders"), default=0)
    lines = models.BigIntegerField(_("lines"), default=0)
    refunds = models.BigIntegerField(_("refunds"), default=0)
    members_created = models.BigIntegerField(_("new members"), default=0)
    points = models.BigIntegerField(_("points"), default=0)
    remarks = models.BigIntegerField(_("rows with a remark"), default=0)
    requests = models.JSONField(default=dict)  # the first and the last id of its points requests
    undo = models.JSONField(default=dict)  # see services.imports.undo

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    by_label = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=10, blank=True)  # of whoever handed the file in: reasons are in it
    created_at = models.DateTimeField(_("uploaded"))
    at = models.DateTimeField(_("arrival of its orders"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("order import")
        verbose_name_plural = _("order imports")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="import_public_id_unique"),
            models.UniqueConstraint(
                fields=["merchant", "kind", "sha256"],
                condition=models.Q(state__in=[str(state) for state in OPEN_STATES]),
                name="import_one_open_per_file",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=ImportState.values), name="import_state_known"
            ),
            models.CheckConstraint(condition=models.Q(kind__in=ImportKind.values), name="import_kind_known"),
        ]
        indexes = [
            models.Index(fields=["merchant", "-created_at"], name="import_by_age"),
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state__in=[str(state) for state in WORKED_STATES]),
                name="import_being_worked",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_open(self) -> bool:
        """Whether something is still to come."""
        return self.state in OPEN_STATES


class ColumnName(TenantModel):
    """A header that a merchant's files of a kind use for one of our fields: the saved mapping."""

    kind = models.CharField(max_length=8, choices=ImportKind.choices, default=ImportKind.ORDERS)
    header = models.CharField(max_length=100)
    field = models.CharField(max_length=24)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "kind", "header"], name="column_name_once"),
            models.CheckConstraint(condition=models.Q(kind__in=ImportKind.values), name="column_kind_known"),
        ]


class ImportedMember(TenantModel):
    """What became of one row of a file of members that was taken, and, after an undoing, of the member it made."""

    job = TenantForeignKey(ImportJob, related_name="+")
    member = TenantForeignKey(Member, related_name="+")
    line = models.BigIntegerField()
    made = models.BooleanField()  # else the member was here
    filled = models.JSONField(default=list)  # fields that were missing
    remarks = models.JSONField(default=list)  # sentences: what the file says otherwise; never what is stored
    undone = models.CharField(
        max_length=10, blank=True
    )  # taken, or why the member was kept; see imports.members.undo

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "job", "line"], name="imported_member_line_once")
        ]
        indexes = [models.Index(fields=["merchant", "member"], name="imported_member_by_member")]
