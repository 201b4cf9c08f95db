"""What rows of work in chunks have in common: who asked, how far it is, which worker has it."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import PublicIdField
from members.models.base import TenantModel


class WorkState(models.TextChoices):
    """queued -> running -> done, failed or cancelled; what can be taken back also undoing -> undone."""

    QUEUED = "queued", _("Waiting to begin")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


WORKED = (WorkState.QUEUED, WorkState.RUNNING, WorkState.UNDOING)


class LeasedModel(TenantModel):
    """Work that one process at a time has, by a lease (`members.services.leases`)."""

    worked_states: ClassVar[Collection[str]]  # in which a worker has it, or should
    state: models.CharField[str, str]
    worker = models.CharField(max_length=120, blank=True)  # host:pid:token of the process at work
    leased_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)  # since it last got on

    class Meta:
        abstract = True

    @property
    def is_worked(self) -> bool:
        """Whether a worker has it, or should."""
        return self.state in self.worked_states


class WorkedModel(LeasedModel):
    """Work that a person began and may leave: `position` of `total` is done, each chunk in one transaction."""

    worked_states = WORKED

    public_id = PublicIdField()
    state = models.CharField(_("state"), max_length=9, choices=WorkState.choices, default=WorkState.QUEUED)
    total = models.BigIntegerField(default=0)
    position = models.BigIntegerField(default=0)
    failure = models.TextField(blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, db_index=False
    )
    by_label = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=10, blank=True)
    created_at = models.DateTimeField(_("begun"))
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        abstract = True


class UndoableModel(WorkedModel):
    """Work on members that can be taken back from them: `undone` so far, by whom, and when that ended."""

    undone = models.BigIntegerField(_("taken back"), default=0)
    undo_by_label = models.CharField(max_length=120, blank=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
