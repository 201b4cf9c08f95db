"""Files of what happened: the entries that the ledger's page means, and the moves of tier flow's. Always masked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from members.lib.refusals import Invalid
from members.models import EntryKind, Export, Merchant, PointsEntry, TierMove
from members.selectors import ledger, ledger_lines, tier_flow
from members.selectors.ledger import LedgerFilter
from members.selectors.tier_flow import Span
from members.services.exports.kind import GONE, Filters, Kind, search_of


def _instant(filters: Filters, name: str) -> dt.datetime | None:
    """An instant of the filters. Raises Invalid for what is none."""
    text = filters.get(name)
    try:
        at = dt.datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        raise Invalid(GONE) from None
    if at is not None and at.tzinfo is None:
        raise Invalid(GONE)
    return at


def _wanted(merchant: Merchant, filters: Filters) -> LedgerFilter:
    return LedgerFilter(
        kind=str(filters.get("kind") or ""),
        cause=str(filters.get("cause") or ""),
        search=search_of(merchant.pk, filters),
        from_at=_instant(filters, "from_at"),
        to_at=_instant(filters, "to_at"),
    )


def _check_entries(merchant: Merchant, filters: Filters, at: dt.datetime) -> None:
    wanted = _wanted(merchant, filters)
    is_known = not wanted.kind or wanted.kind in EntryKind.values
    if not is_known or (wanted.cause and wanted.cause not in ledger.CAUSES):
        raise Invalid(GONE)


def _entry_ids(merchant: Merchant, filters: Filters, at: dt.datetime) -> Iterator[int]:
    rows = ledger.listed(merchant=merchant, wanted=_wanted(merchant, filters))
    ids = rows.select_related(None).order_by(*ledger.OLDEST_FIRST).values_list("pk", flat=True)
    return ids.iterator(chunk_size=10_000)


def _entry_lines(merchant: Merchant, ids: Sequence[int], job: Export) -> Iterator[Sequence[Any]]:
    rows = PointsEntry.objects.of(merchant.pk).select_related("order", "request", "member").filter(pk__in=ids)
    known = {entry.pk: entry for entry in rows}
    return ledger_lines.lines(merchant, (known[pk] for pk in ids if pk in known))


def _span(filters: Filters) -> Span:
    start, end = _instant(filters, "from_at"), _instant(filters, "to_at")
    if start is None or end is None:
        raise Invalid(GONE)
    return Span(start, end)


def _check_moves(merchant: Merchant, filters: Filters, at: dt.datetime) -> None:
    _span(filters)
    cause, way = filters.get("cause"), filters.get("way")
    if (cause and cause not in tier_flow.CAUSES) or (way and way not in tier_flow.WAYS):
        raise Invalid(GONE)


def _move_ids(merchant: Merchant, filters: Filters, at: dt.datetime) -> Iterator[int]:
    wanted = {name: str(filters.get(name) or "") for name in ("cause", "way")}
    rows = tier_flow.asked_moves(merchant=merchant, span=_span(filters), **wanted)
    return rows.select_related(None).values_list("pk", flat=True).iterator(chunk_size=10_000)


def _move_lines(merchant: Merchant, ids: Sequence[int], job: Export) -> Iterator[Sequence[Any]]:
    rows = (
        TierMove.objects.of(merchant.pk).select_related("from_tier", "to_tier", "member").filter(pk__in=ids)
    )
    known = {move.pk: move for move in rows}
    return (tier_flow.move_line(merchant, known[pk]) for pk in ids if pk in known)


LEDGER = Kind(_check_entries, _entry_ids, lambda: ledger_lines.HEAD, _entry_lines, ledger_lines.NUMBERS)
MOVES = Kind(_check_moves, _move_ids, lambda: tier_flow.MOVE_HEAD, _move_lines, tier_flow.MOVE_NUMBERS)
