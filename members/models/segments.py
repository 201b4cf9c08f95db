"""Segments: named rules over member facts, their snapshots, and the tags that staff give (domain.md 10)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import PublicIdField, TenantForeignKey
from members.models.base import TenantModel
from members.models.members import Member


class SegmentKind(models.TextChoices):
    """A dynamic segment is asked anew each time; a static one is the list of an instant."""

    DYNAMIC = "dynamic", _("Follows its rule")
    STATIC = "static", _("Snapshot")


class Segment(TenantModel):
    """A group of members by a rule (`members.lib.segments`), or a snapshot of one.

    A snapshot keeps the rule it was taken by, for people to read; who is in it is in SegmentMember. `version` counts
    the changes of the rule and the name. `members` is how many were in it at `counted_at`; none: not counted since the
    rule was made, or too large to be.
    """

    public_id = PublicIdField()
    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=7, choices=SegmentKind.choices, default=SegmentKind.DYNAMIC)
    rule = models.JSONField(_("rule"))
    version = models.IntegerField(_("version"), default=1)
    created_at = models.DateTimeField(_("created"))
    changed_at = models.DateTimeField(_("changed"))
    members = models.BigIntegerField(_("members"), null=True)
    counted_at = models.DateTimeField(_("counted"), null=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, db_index=False
    )

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="segment_public_id_unique"),
            models.UniqueConstraint(fields=["merchant", "name"], name="segment_name_unique"),
            models.CheckConstraint(
                condition=models.Q(kind__in=SegmentKind.values), name="segment_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SegmentMember(TenantModel):
    """A member of a snapshot."""

    segment = TenantForeignKey(Segment, related_name="+")
    member = TenantForeignKey(Member, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "segment", "member"], name="segment_member_once")
        ]


class MemberTag(TenantModel):
    """A word that staff put on a member."""

    member = TenantForeignKey(Member, related_name="+")
    name = models.CharField(_("tag"), max_length=40)
    at = models.DateTimeField(_("time"))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "member", "name"], name="member_tag_once"),
            models.CheckConstraint(condition=~models.Q(name=""), name="member_tag_named"),
        ]
        indexes = [models.Index(fields=["merchant", "name", "member"], name="member_tag_by_name")]


FACTS_ASKED = (
    "member", "as_of", "changes_on", "joined_on", "tier_held", "days", "gap", "spread",
    "orders", "orders_30", "orders_90", "orders_180", "orders_365",
    "spend", "spend_30", "spend_90", "spend_180", "spend_365",
)  # fmt: skip


class MemberFacts(TenantModel):
    """What a member's daily totals come to as of a day, so that asking a million members reads a row of each.

    Derived, and never trusted beyond its days: the figures hold from `as_of` until the day before `changes_on`, when a
    day leaves a window or one that lay ahead has come; and only while no FactsDue names the member. `gap` and `spread`
    are those of the days of purchase, the median and the distance of the quartiles. `joined_on` and `tier_held` (a
    tier's id; none: the lowest) are the member's, so that whoever asks buyers reads this row alone.
    """

    member = TenantForeignKey(Member, related_name="+")
    joined_on = models.DateField(null=True)
    tier_held = models.BigIntegerField(null=True)
    as_of = models.DateField()
    changes_on = models.DateField()
    first_day = models.DateField(null=True)
    last_day = models.DateField(null=True)
    days = models.IntegerField()
    gap = models.IntegerField(null=True)
    spread = models.IntegerField(null=True)
    orders = models.IntegerField()
    orders_30 = models.IntegerField()
    orders_90 = models.IntegerField()
    orders_180 = models.IntegerField()
    orders_365 = models.IntegerField()
    spend = models.BigIntegerField()
    spend_30 = models.BigIntegerField()
    spend_90 = models.BigIntegerField()
    spend_180 = models.BigIntegerField()
    spend_365 = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "member"], name="member_facts_once")]
        indexes = [
            models.Index(fields=["merchant", "changes_on"], name="member_facts_by_change"),
            models.Index(fields=["merchant", "as_of"], name="member_facts_by_day"),
            # All that is asked of buyers, so that only this is read.
            models.Index(fields=["merchant", "last_day"], include=FACTS_ASKED, name="member_facts_asked"),
        ]


class FactsDue(TenantModel):
    """A member whose daily totals or tier changed since its facts were made. The database writes one with every such
    change; many may name one member, so that nobody who posts waits for anybody."""

    member = TenantForeignKey(Member, related_name="+")
