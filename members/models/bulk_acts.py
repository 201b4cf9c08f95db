"""What staff did to many members at once, and what became of each, so that it can be taken back."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import TenantForeignKey
from members.models.base import TenantModel
from members.models.members import Member
from members.models.worked import WORKED, UndoableModel, WorkState


class BulkKind(models.TextChoices):
    """What is done."""

    TAG = "tag", _("Put a tag on")
    UNTAG = "untag", _("Take a tag off")
    TIER = "tier", _("Set the tier")
    POINTS = "points", _("Give or take points")


class BulkAct(UndoableModel):
    """One act on a selection. `position` of `total` members had their turn; once it is being undone, `undo_position`
    of those it changed had. `arguments` are the kind's (services/bulk_acts)."""

    kind = models.CharField(_("kind"), max_length=8, choices=BulkKind.choices)
    arguments = models.JSONField(default=dict)
    changed = models.BigIntegerField(_("changed"), default=0)
    refused = models.BigIntegerField(_("refused"), default=0)
    undo_position = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("act on many members")
        verbose_name_plural = _("acts on many members")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="bulk_act_public_id_unique"),
            models.CheckConstraint(
                condition=models.Q(state__in=WorkState.values), name="bulk_act_state_known"
            ),
            models.CheckConstraint(condition=models.Q(kind__in=BulkKind.values), name="bulk_act_kind_known"),
        ]
        indexes = [
            models.Index(fields=["merchant", "-created_at"], name="bulk_act_by_age"),
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state__in=[str(state) for state in WORKED]),
                name="bulk_act_being_worked",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class BulkActMember(TenantModel):
    """A member of the selection: `outcome` waiting, changed, same (nothing to change) or refused with its `why`;
    `undone` taken back or left, with its `why`. `mark` is what an undoing compares and restores."""

    act = TenantForeignKey(BulkAct, related_name="+")
    member = TenantForeignKey(Member, related_name="+")
    outcome = models.CharField(max_length=8, default="waiting")
    why = models.CharField(max_length=300, blank=True, default="")
    mark = models.JSONField(default=dict)
    undone = models.CharField(max_length=8, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "act", "member"], name="bulk_act_member_once"),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["waiting", "changed", "same", "refused"]),
                name="bulk_act_outcome_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "act", "member"],
                condition=models.Q(outcome="waiting"),
                name="bulk_act_waiting",
            ),
            models.Index(
                fields=["merchant", "act", "member"],
                condition=models.Q(outcome="changed", undone=""),
                name="bulk_act_to_undo",
            ),
        ]
