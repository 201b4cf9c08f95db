"""Coverage as stored: what a program's benefits of one kind amount to, whatever a policy makes of it.

How to fill it in bulk (a bench, a migration of data), one row per program, kind and `doubts` (0 unless said):

    insert into benefits_coverage (merchant_id, kind, in_force, configured_at, force_from)
    values (7, 'coupon', '{[2024-01-01 00:00+08,2024-03-20 00:00+08)}',
            array['2024-01-01 00:00+08']::timestamptz[], array['2024-01-01 00:00+08']::timestamptz[]);

An open end is an infinite bound: `[2024-01-01 00:00+08,)`. `configured_at` ascends without repetition and
`force_from` has one entry for each of its entries (null: by what is known it never comes into force). A program
without benefits of a kind has no row of it.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from benefits.lib.multirange import SpansField
from members.models import TenantModel, TenantQuerySet


class Coverage(TenantModel):
    """When some benefit of a kind was, is and will be in force, and when one was configured.

    Written by `benefits.services.coverage` in the transaction of every change of a benefit; a function of the
    revisions alone.
    """

    kind = models.CharField(max_length=24)
    doubts = models.IntegerField(default=0, db_default=0)  # benefits.lib.usefulness
    in_force = SpansField()
    configured_at = ArrayField(models.DateTimeField(), default=list)
    force_from = ArrayField(models.DateTimeField(null=True), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "kind", "doubts"], name="coverage_one_per_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.merchant_id} {self.kind}"


class CoverageDue(models.Model):
    """A program whose coverage changed since compliance last looked. Left by every change, deleted by the drain.

    At most one per merchant; `changed_at` is the instant of the earliest change not yet looked at.
    """

    merchant = models.OneToOneField(
        "members.Merchant", models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    changed_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.merchant_id)
