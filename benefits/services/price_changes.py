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

from benefits.lib.price_edits import (
    Edit,
    Stretch,
    Value,
    as_json,
    changed,
    clipped,
    edited,
    from_json,
    value_of,
)
from benefits.lib.quotes import SkuPrices
from benefits.models import PriceChange, PriceChangeKind, PriceChangeState, PriceVersion, SkuPrice
from benefits.selectors import price_table
from benefits.services import benefits, pricing
from benefits.services.price_stretches import stretches_from_json, stretches_json
from members.lib import batches
from members.lib.refusals import Conflict, Invalid, NotFound
from members.services import audit, programs
from members.services.audit import Actor

MOST_EDITS = 20_000
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

    From `from_at`, or from when it is applied, until `to_at`, exclusive. Raises Invalid (a period that is over or ends
    before it begins, too many, nothing that differs), ProgramNotOpen, ProgramCleared.
    """
    benefits.gate(merchant_id=merchant_id)
    start = _start(from_at, to_at, at)
    if len(edits) > MOST_EDITS:
        raise Invalid(
            _("A change has at most %(most)s prices. Make it smaller.") % {"most": f"{MOST_EDITS:,}"}
        )
    rows, refused = _differing(merchant_id, edits, start, to_at)
    left = [*rejects, *refused]
    if not rows:
        raise Invalid(left[0][1] if left else _("Nothing differs from the prices in force then."))
    return PriceChange.objects.create(
        merchant_id=merchant_id,
        kind=kind,
        label=label[:160].replace("\x00", ""),
        from_at=from_at,
        to_at=to_at,
        rows=rows,
        rejects=[list(each) for each in left[:MOST_REJECTS]],
        by_id=actor.user_id,
        by_label=actor.label[:120],
        created_at=at,
    )


def _differing(
    merchant_id: int, edits: Sequence[Edit], start: dt.datetime, to_at: dt.datetime | None
) -> tuple[list[list[Any]], list[tuple[str, str]]]:
    """The cells that differ from the prices in force at `start`, and (SKU, reason) of those that cannot be."""
    cells = _by_sku(edits)
    found = price_table.timelines(merchant_id=merchant_id, skus=cells, start=start)
    rows: list[list[Any]] = []
    refused = []
    for sku, wanted in cells.items():
        now = price_table.in_force(found.get(sku, []), start)
        differing = {column: value for column, value in wanted.items() if value_of(now, column) != value}
        try:
            _check(sku, now, differing)
            edited(sku, found.get(sku, []), differing, start, to_at)
        except Invalid as refusal:
            refused.append((sku, str(refusal.detail)))
            continue
        rows += [[sku, column, as_json(value_of(now, column)), as_json(v)] for column, v in differing.items()]
    return rows, refused


def _start(from_at: dt.datetime | None, to_at: dt.datetime | None, at: dt.datetime) -> dt.datetime:
    """When a change begins. Raises Invalid for a period that cannot be."""
    if from_at is not None and from_at < at:
        raise Invalid.on("from_at", _("The first instant of this change is over. Choose a later one."))
    start = from_at or at
    if to_at is not None and to_at <= start:
        raise Invalid.on("to_at", _("The change would end before it begins."))
    return start


def _by_sku(edits: Sequence[Edit]) -> dict[str, dict[str, Value]]:
    found: dict[str, dict[str, Value]] = defaultdict(dict)
    for each in edits:
        found[each.sku][each.column] = each.value
    return found


def _check(sku: str, now: SkuPrices | None, cells: Mapping[str, Value]) -> None:
    """Raises Invalid."""
    if not 1 <= len(sku) <= pricing.LONGEST_SKU:
        raise Invalid(_("A SKU has 1 to %(most)s characters.") % {"most": pricing.LONGEST_SKU})
    if cells:
        changed(sku, now, cells)


@transaction.atomic
def apply(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> PriceChange:
    """Have a change's prices count; again it changes nothing. Raises NotFound, Conflict when prices are not those that
    were shown any more, Invalid when its first instant is over, ProgramNotOpen, ProgramCleared."""
    _gate_and_lock(merchant_id)
    change = _locked(merchant_id, public_id)
    if change.state != PriceChangeState.DRAFT:
        return change
    start = _start(change.from_at, change.to_at, at)
    skus = {row[0] for row in change.rows}
    found = price_table.timelines(merchant_id=merchant_id, skus=skus, start=start, is_locked=True)
    cells: dict[str, dict[str, Value]] = defaultdict(dict)
    for sku, column, before, after in change.rows:
        if value_of(price_table.in_force(found.get(sku, []), start), column) != from_json(before):
            raise Conflict(
                _(
                    "Prices changed since this was shown. Drop it and make the change again: nothing was saved."
                )
            )
        cells[sku][column] = from_json(after)
    after = {sku: edited(sku, found.get(sku, []), cells[sku], start, change.to_at) for sku in sorted(skus)}
    write(merchant_id=merchant_id, timelines=after, start=start)
    change.before = {sku: stretches_json(found.get(sku, [])) for sku in after}
    change.after = {sku: stretches_json(timeline) for sku, timeline in after.items()}
    change.state, change.applied_at = PriceChangeState.APPLIED, at
    change.version = _next_version(change, at, actor, "prices.changed", len(after))
    change.save(update_fields=["before", "after", "state", "applied_at", "version"])
    return change


@transaction.atomic
def undo(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> PriceChange:
    """Have the prices be what they were before a change, from now on (or from its beginning, if that is still to come).

    SKUs whose prices were changed since stay as they are, and are kept in `left`. Again it changes nothing. Raises
    NotFound, Conflict (not applied, over, every SKU changed since), ProgramNotOpen, ProgramCleared.
    """
    _gate_and_lock(merchant_id)
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
    if not wanted:
        raise Conflict(_("All of these prices were changed again since. Change them in the price table."))
    write(merchant_id=merchant_id, timelines=wanted, start=start)
    change.state, change.undone_at, change.left = PriceChangeState.UNDONE, at, left
    change.save(update_fields=["state", "undone_at", "left"])
    _next_version(change, at, actor, "prices.undone", len(wanted))
    return change


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


def _gate_and_lock(merchant_id: int) -> None:
    """One writer of prices at a time. The stronger lock comes first: two who both held the gate's would wait for each
    other."""
    programs.lock_for_close(merchant_id=merchant_id)
    benefits.gate(merchant_id=merchant_id)


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
