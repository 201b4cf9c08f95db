"""Changing cells of the price table: shown as differences, applied by a person, taken back by one (domain.md 7).

What was quoted before stays what it was: stretches that were in force end where a change begins, and no row of the past
is touched. Stretches of the future are planned anew.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from benefits.lib.price_edits import ITEMS, Edit, Stretch, Value, as_json, clipped
from benefits.lib.price_guard import Finding
from benefits.lib.price_plans import (
    Item,
    Row,
    by_sku,
    edit_of,
    in_force,
    planned,
    value_before,
)
from benefits.models import PriceChange, PriceChangeKind, PriceChangeState, PriceVersion, SkuPrice
from benefits.selectors import catalogue, price_table
from benefits.services import catalogue as catalogue_service
from benefits.services import price_guard, pricing
from benefits.services.locks import gate
from benefits.services.price_guard import PriceBlocked
from benefits.services.price_stretches import stretches_from_json, stretches_json
from members.lib import batches
from members.lib.refusals import Conflict, Invalid, NotFound
from members.services import audit, programs
from members.services.audit import Actor

MOST_EDITS = 20_000  # cells that differ
MOST_LOOKED = 400_000  # cells that are compared
MOST_REJECTS = 1_000
BATCH = 2_000
KEPT_DRAFTS = dt.timedelta(days=7)
Rejects = Sequence[tuple[str, str]]


@transaction.atomic
def draft(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    kind: PriceChangeKind,
    edits: Sequence[Edit],
    label: str = "",
    rejects: Rejects = (),
    from_at: dt.datetime | None = None,
    to_at: dt.datetime | None = None,
) -> PriceChange:
    """Keep edits that a person has yet to look at; no price changes. A SKU that cannot be so is left out, with why.

    From `from_at`, or from when it is applied, until `to_at`, exclusive. Cells that are as they were count for nothing.
    What the price guard finds is kept with it. Raises Invalid (a period that is over or ends before it begins, too
    many, nothing that differs), ProgramNotOpen, ProgramCleared.
    """
    gate(merchant_id=merchant_id)
    start = _start(from_at, to_at, at)
    if len(edits) > MOST_LOOKED:
        raise _too_many(MOST_LOOKED)
    plan = price_table.plan(merchant_id=merchant_id, edits=edits, start=start, to_at=to_at)
    left = [*rejects, *plan.refused]
    if not plan.rows:
        raise Invalid(left[0][1] if left else _("Nothing differs from the prices in force then."))
    if len(plan.rows) > MOST_EDITS:
        raise _too_many(MOST_EDITS)
    found = price_guard.judge(
        merchant_id=merchant_id, at=at, start=start, timelines=plan.after, told=_told(plan.rows)
    )
    return PriceChange.objects.create(
        merchant_id=merchant_id,
        kind=kind,
        label=label[:160].replace("\x00", ""),
        from_at=from_at,
        to_at=to_at,
        rows=plan.rows,
        rejects=[list(each) for each in left[:MOST_REJECTS]],
        findings=[each.as_json() for each in _worst_first(found)[:MOST_REJECTS]],
        by_id=actor.user_id,
        by_label=actor.label[:120],
        created_at=at,
    )


def _too_many(most: int) -> Invalid:
    return Invalid(_("A change has at most %(most)s prices. Make it smaller.") % {"most": f"{most:,}"})


def _worst_first(found: Sequence[Finding]) -> list[Finding]:
    return sorted(found, key=lambda each: not each.is_blocked)


def _told(rows: Sequence[Row]) -> dict[str, dict[str, Value]]:
    """The cells of the catalogue among a change's rows."""
    told: dict[str, dict[str, Value]] = {}
    for each in map(edit_of, rows):
        if each.column in ITEMS:
            told.setdefault(each.sku, {})[each.column] = each.value
    return told


def _start(from_at: dt.datetime | None, to_at: dt.datetime | None, at: dt.datetime) -> dt.datetime:
    """When a change begins. Raises Invalid for a period that cannot be."""
    if from_at is not None and from_at < at:
        raise Invalid.on("from_at", _("The first instant of this change is over. Choose a later one."))
    start = from_at or at
    if to_at is not None and to_at <= start:
        raise Invalid.on("to_at", _("The change would end before it begins."))
    return start


def apply(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> PriceChange:
    """Have a change's prices count; again it changes nothing. Raises NotFound, Conflict when prices are not those that
    were shown any more, Invalid when its first instant is over, ProgramNotOpen, ProgramCleared; PriceBlocked, of which
    a record is kept when the caller goes on."""
    try:
        with transaction.atomic():
            return _apply(merchant_id, public_id, at, actor)
    except PriceBlocked as refusal:
        with transaction.atomic():
            price_guard.keep(
                refusal.findings, merchant_id=merchant_id, at=at, actor=actor,
                source="change", source_id=public_id, was_blocked=True,
            )  # fmt: skip
        raise


def _apply(merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> PriceChange:
    at = _turn(merchant_id, at)
    change = _locked(merchant_id, public_id)
    if change.state != PriceChangeState.DRAFT:
        return change
    start = _start(change.from_at, change.to_at, at)
    edits = by_sku([edit_of(row) for row in change.rows])
    before = price_table.timelines(merchant_id=merchant_id, skus=edits, start=start, is_locked=True)
    items = catalogue.items(merchant_id=merchant_id, skus=edits)
    _require_as_shown(change, before, items, start)
    after = {
        sku: planned(sku, before.get(sku, []), some, start, change.to_at)
        for sku, some in sorted(edits.items())
    }
    priced = {sku: found for sku, found in after.items() if found != before.get(sku, [])}
    write(merchant_id=merchant_id, timelines=priced, start=start)
    _note_items(change, after, start, at)
    found = price_guard.judge(merchant_id=merchant_id, at=at, start=start, timelines=after)
    price_guard.refuse(found, merchant_id=merchant_id)
    change.before = {sku: stretches_json(before.get(sku, [])) for sku in priced}
    change.after = {sku: stretches_json(timeline) for sku, timeline in priced.items()}
    change.state, change.applied_at = PriceChangeState.APPLIED, at
    change.version = _next_version(change, at, actor, "prices.changed", len(edits))
    change.save(update_fields=["before", "after", "state", "applied_at", "version"])
    price_guard.keep(found, merchant_id=merchant_id, at=at, actor=actor, source="change", source_id=public_id)
    _note(change, change.rows, change.kind, at, actor)
    return change


def _require_as_shown(
    change: PriceChange,
    before: Mapping[str, list[Stretch]],
    items: Mapping[str, Item],
    start: dt.datetime,
) -> None:
    """Raises Conflict where a cell is not what the page of differences showed."""
    for row in change.rows:
        edit = edit_of(row)
        now = value_before(edit, before.get(edit.sku, []), items.get(edit.sku), start)
        if as_json(now) != row[2]:
            raise Conflict(
                _(
                    "Prices changed since this was shown. Drop it and make the change again: nothing was saved."
                )
            )


def _note_items(
    change: PriceChange, after: Mapping[str, Sequence[Stretch]], start: dt.datetime, at: dt.datetime
) -> None:
    """Write down what the catalogue is told: cells, list prices of now, SKUs that are new."""
    lists = {
        sku: (in_force(timeline, start) or timeline[0].prices).list_minor
        for sku, timeline in after.items()
        if timeline and (start <= at or in_force(timeline, at) is None)
    }
    told = _told(change.rows)
    catalogue_service.store(merchant_id=change.merchant_id, wanted=told, lists=lists, at=at)


def _note(change: PriceChange, rows: Sequence[Row], source: str, at: dt.datetime, actor: Actor) -> None:
    """Add to the history of the SKUs; the period of the change is that of cells without one."""
    times = [each and each.astimezone(dt.UTC).isoformat() for each in (change.from_at, change.to_at)]
    cells: dict[str, list[list[Any]]] = defaultdict(list)
    for row in rows:
        has_own = len(row) > 4 or row[1] in ITEMS or not any(times)
        cells[row[0]].append([*row[1:], *([] if has_own else times)])
    catalogue_service.note(
        merchant_id=change.merchant_id,
        at=at,
        actor=actor,
        source=source,
        cells=cells,
        change=change.public_id,
        version=change.version,
    )


@transaction.atomic
def undo(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> PriceChange:
    """Have the prices be what they were before a change, from now on (or from its beginning, if that is still to come).

    SKUs whose prices were changed since stay as they are, and are kept in `left`. Again it changes nothing. Raises
    NotFound, Conflict (not applied, over, every SKU changed since), ProgramNotOpen, ProgramCleared.
    """
    at = _turn(merchant_id, at)
    change = _locked(merchant_id, public_id)
    if change.state == PriceChangeState.UNDONE:
        return change
    if change.applied_at is None:
        raise Conflict(_("This change was never applied."))
    if change.to_at is not None and change.to_at <= at:
        raise Conflict(_("The time of this change is over; the prices of before are in force again."))
    start = max(at, change.from_at or change.applied_at)
    now = price_table.timelines(merchant_id=merchant_id, skus=list(change.after), start=start, is_locked=True)
    wanted, left = {}, []
    for sku, said in change.after.items():
        if now.get(sku, []) == clipped(stretches_from_json(sku, said), start):
            wanted[sku] = clipped(stretches_from_json(sku, change.before[sku]), start)
        else:
            left.append(sku)
    items, changed_since = _items_before(change)
    left += [sku for sku in changed_since if sku not in left and sku not in wanted]
    if not wanted and not items:
        raise Conflict(_("All of these prices were changed again since. Change them in the price table."))
    write(merchant_id=merchant_id, timelines=wanted, start=start)
    lists = {sku: timeline[0].prices.list_minor for sku, timeline in wanted.items() if timeline}
    catalogue_service.store(merchant_id=merchant_id, wanted=items, lists=lists, at=at)
    change.state, change.undone_at, change.left = PriceChangeState.UNDONE, at, left
    change.save(update_fields=["state", "undone_at", "left"])
    _next_version(change, at, actor, "prices.undone", len({*wanted, *items}))
    rows = [
        [row[0], row[1], row[3], row[2]]
        for row in change.rows
        if (row[1] in items.get(row[0], {}) if row[1] in ITEMS else row[0] in wanted)
    ]
    _note(change, rows, "undo", at, actor)
    return change


def _items_before(change: PriceChange) -> tuple[dict[str, dict[str, Value]], list[str]]:
    """The catalogue's cells as they were before a change, and the SKUs whose cells were changed again since."""
    rows = [row for row in change.rows if row[1] in ITEMS]
    if not rows:
        return {}, []
    now = catalogue.items(merchant_id=change.merchant_id, skus={row[0] for row in rows})
    found: dict[str, dict[str, Value]] = {}
    left = []
    for sku, column, before, after, *_times in rows:
        if now.get(sku, {}).get(column) == after:
            found.setdefault(sku, {})[column] = before
        else:
            left.append(sku)
    return found, left


@transaction.atomic
def drop(*, merchant_id: int, public_id: str) -> None:
    """Forget a change that was not applied. Raises NotFound, Conflict when it was."""
    change = _locked(merchant_id, public_id)
    if change.state != PriceChangeState.DRAFT:
        raise Conflict(_("This change is applied. Take it back instead."))
    change.delete()


def forget_drafts(*, at: dt.datetime) -> int:
    """Delete changes that nobody applied within a week; returns how many. Works as platform."""
    return batches.delete(
        "benefits_pricechange",
        key=["merchant_id", "id"],
        condition="state = 'draft' and created_at < %s",
        values=[at - KEPT_DRAFTS],
    )


def write(*, merchant_id: int, timelines: Mapping[str, Sequence[Stretch]], start: dt.datetime) -> None:
    """Make these the SKUs' stretches from `start` on; what was before stays. In the caller's transaction, with the
    program locked."""
    rows = SkuPrice.objects.of(merchant_id).filter(sku__in=list(timelines))
    rows.filter(from_at__gte=start).delete()
    wanted = {sku: list(timeline) for sku, timeline in timelines.items()}
    ends: dict[dt.datetime | None, list[int]] = defaultdict(list)
    for row in rows.filter(Q(to_at=None) | Q(to_at__gt=start)):
        coming = wanted[row.sku]
        goes_on = (
            bool(coming) and coming[0].from_at == start and coming[0].prices == price_table.prices_of(row)
        )
        until = coming.pop(0).to_at if goes_on else start
        if until != row.to_at:
            ends[until].append(row.pk)
    for until, ids in ends.items():
        SkuPrice.objects.of(merchant_id).filter(pk__in=ids).update(to_at=until)
    SkuPrice.objects.bulk_create(
        [
            pricing.row_of(merchant_id, each.prices, each.from_at, each.to_at)
            for timeline in wanted.values()
            for each in timeline
        ],
        batch_size=BATCH,
    )


def _turn(merchant_id: int, at: dt.datetime) -> dt.datetime:
    """One writer of prices at a time; the instant of this one. The stronger lock comes first: two who both held the
    gate's would wait for each other."""
    programs.lock_for_close(merchant_id=merchant_id)
    gate(merchant_id=merchant_id)
    return pricing.in_turn(merchant_id=merchant_id, at=at)


def _locked(merchant_id: int, public_id: str) -> PriceChange:
    found = PriceChange.objects.of(merchant_id).select_for_update().filter(public_id=public_id).first()
    if found is None:
        raise NotFound(_("There is no such change of prices."))
    return found


def _next_version(change: PriceChange, at: dt.datetime, actor: Actor, action: str, skus: int) -> int:
    """Number the prices anew; how they meet stays."""
    last = pricing.latest(merchant_id=change.merchant_id, at=at)
    version = PriceVersion.objects.create(
        merchant_id=change.merchant_id,
        number=1 if last is None else last.number + 1,
        at=at,
        stack="on_sale_price" if last is None else last.stack,
        rewards=[] if last is None else last.rewards,
        by_id=actor.user_id,
    )
    audit.record(
        merchant_id=change.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("price_change", change.public_id),
        label=change.label,
        after={"version": version.number, "skus": skus},
    )
    return int(version.number)
