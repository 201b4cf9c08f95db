"""What the platform's pages show of runs and previews: progress, counts by reason, differences, rows for a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet, Sum

from compliance.models import Decision, Preview, PreviewState, Run, RunChunk
from compliance.models.runs import NAMING
from members.lib import tenant as tenancy
from members.models import Member, Merchant, PointsAccount

BATCH = 5_000  # decisions read at a time


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is: chunks and the programs decided in them, by outcome."""

    chunks: int
    chunks_done: int
    decided: dict[str, int]

    @property
    def permille(self) -> int:
        """The share done, in whole per mille."""
        return 1000 if not self.chunks else self.chunks_done * 1000 // self.chunks


def progress(run: Run) -> Progress:
    """Two small aggregates over the run's chunks, in one query."""
    found = RunChunk.objects.filter(run=run).aggregate(
        chunks=Count("id"),
        chunks_done=Count("id", filter=Q(is_done=True)),
        **{f"sum_{name}": Sum(name, filter=Q(is_done=True)) for name in run.counts},
    )
    return Progress(
        chunks=found["chunks"],
        chunks_done=found["chunks_done"],
        decided={name: found[f"sum_{name}"] or 0 for name in run.counts},
    )


def by_reason(run: Run) -> list[tuple[str, str, int]]:
    """(outcome, reason, programs) of a run, in a fixed order; one scan of its decisions."""
    rows = Decision.objects.filter(run=run).values_list("outcome", "reason").annotate(programs=Count("*"))
    return sorted(rows.order_by())


def cleared(run: Run, most: int) -> list[Decision]:
    """The first programs that a run cleared, by merchant."""
    rows = Decision.objects.filter(run=run, outcome="cleared").select_related("merchant")
    return list(rows.order_by("merchant_id")[:most])


_FIRST = ("merchant_id", "outcome", "reason")
COLUMNS = (
    *_FIRST,
    *(
        column.attname
        for column in Decision._meta.concrete_fields
        if column.attname not in (*_FIRST, "id", "run_id")
    ),
)


def rows_of(run_id: int, *, batch: int = BATCH) -> Iterator[list[tuple[Any, ...]]]:
    """A run's decisions in batches by merchant: (short name, name, *COLUMNS).

    Each batch is a short transaction of its own as platform, so that a file of millions of rows may be sent slowly;
    decisions are never changed, so the batches fit together.
    """
    last = -1
    while True:
        with tenancy.platform(), transaction.atomic():
            found = Decision.objects.filter(run_id=run_id, merchant_id__gt=last).order_by("merchant_id")
            rows = list(found.values_list(*COLUMNS)[:batch])
            names = {
                pk: (slug, name)
                for pk, slug, name in Merchant.objects.filter(id__in=[row[0] for row in rows]).values_list(
                    "id", "slug", "name"
                )
            }
        if not rows:
            return
        yield [(*names.get(row[0], ("", "")), *row) for row in rows]
        last = rows[-1][0]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What changed between two previews of one period: merchants that would be cleared now and were not, and the
    other way round (at most some of each are named)."""

    before: Preview
    same: bool
    more: int
    fewer: int
    more_ids: list[int]
    fewer_ids: list[int]


def before(preview: Preview) -> Preview | None:
    """The preview that one is compared with: the one it confirms, else that of the same period made before it."""
    return preview.confirms or (
        shown_previews()
        .filter(period=preview.period, state=PreviewState.DONE)
        .filter(made_at__lte=preview.made_at, id__lt=preview.pk)
        .order_by("-made_at", "-id")
        .first()
    )


def difference(preview: Preview, *, named: int = 20) -> Difference | None:
    """Against the preview before it; None for the first."""
    earlier = before(preview)
    if earlier is None:
        return None
    now, then = set(preview.would_clear), set(earlier.would_clear)
    return Difference(
        before=earlier,
        same=preview.digest == earlier.digest,
        more=len(now - then),
        fewer=len(then - now),
        more_ids=sorted(now - then)[:named],
        fewer_ids=sorted(then - now)[:named],
    )


def shown_previews() -> QuerySet[Preview]:
    """The previews that people look at, the second looks of starts among them."""
    return Preview.objects.filter(purpose__in=NAMING)


def preview_progress(*rows: Preview) -> Progress:
    """How far some previews are together; the counts are those of the last one."""
    return Progress(
        chunks=sum(row.parts for row in rows),
        chunks_done=sum(row.parts_done for row in rows),
        decided=rows[-1].counts if rows else {},
    )


def members_of(merchant_ids: list[int]) -> int:
    """Members of the programs of some merchants."""
    return Member.objects.filter(merchant_id__in=merchant_ids).count() if merchant_ids else 0


def points_held(merchant_ids: list[int]) -> int:
    """Points available now to the members of some merchants: what would be frozen with them."""
    if not merchant_ids:
        return 0
    found = PointsAccount.objects.filter(merchant_id__in=merchant_ids).aggregate(points=Sum("available"))
    return found["points"] or 0


def programs_estimate() -> int:
    """About how many programs there are, without counting them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select greatest(reltuples, 0)::bigint from pg_class where oid = 'members_program'::regclass"
        )
        return cursor.fetchone()[0]
