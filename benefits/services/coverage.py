"""Keeping the stored coverage equal to what the revisions say, in the transaction that wrote them."""

from __future__ import annotations

import datetime as dt

from django.db import connection
from django.db.models import Q

from benefits.lib import coverage as rule
from benefits.models import Coverage
from benefits.selectors.coverage import revisions_by_benefit

LOCK_SPACE = 0x62


def lock(*, merchant_id: int) -> None:
    """Let the transactions that change a merchant's benefits follow each other: each reads what the one before
    wrote, so that none stores coverage that leaves another's revision out. Held to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [(merchant_id << 8) | LOCK_SPACE])


def refresh(*, merchant_id: int, at: dt.datetime) -> tuple[rule.Coverage, ...]:
    """Store the coverage that the merchant's revisions amount to and leave a due row for compliance.

    The caller holds `lock`. `at` is the instant of the change. Returns what was stored. domain.md 3.
    """
    rows = rule.program_coverage(revisions_by_benefit(merchant_id=merchant_id).values())
    Coverage.objects.bulk_create(
        [
            Coverage(
                merchant_id=merchant_id,
                kind=row.kind,
                doubts=row.doubts,
                in_force=row.in_force,
                configured_at=[each.at for each in row.configured],
                force_from=[each.force_from for each in row.configured],
            )
            for row in rows
        ],
        update_conflicts=True,
        unique_fields=["merchant", "kind", "doubts"],
        update_fields=["in_force", "configured_at", "force_from"],
    )
    # A revision can leave nothing of a row: a benefit changed to another kind in the instant of its publication.
    kept = Q(pk__in=[])
    for row in rows:
        kept |= Q(kind=row.kind, doubts=row.doubts)
    Coverage.objects.of(merchant_id).exclude(kept).delete()
    leave_due(merchant_id=merchant_id, at=at)
    return rows


def leave_due(*, merchant_id: int, at: dt.datetime) -> None:
    """Tell compliance that the program's coverage changed; one row a merchant, with the earliest change."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into benefits_coveragedue as due (merchant_id, changed_at) values (%s, %s) "
            "on conflict (merchant_id) do update set changed_at = least(due.changed_at, excluded.changed_at)",
            [merchant_id, at],
        )
