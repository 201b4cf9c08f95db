"""SKUs as a shop system sends them: put as they are now, as often as it likes (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import transaction
from django.utils.translation import gettext as _

from benefits.lib.price_edits import ITEMS, LIST, SALE, Edit, Stretch, Value
from benefits.lib.price_plans import Item, by_sku, differing
from benefits.models import PriceChangeKind
from benefits.selectors import catalogue, price_table
from benefits.services import catalogue as catalogue_service
from benefits.services import price_changes, pricing
from benefits.services.locks import gate
from members.lib.refusals import Invalid
from members.services import programs
from members.services.audit import Actor

MOST_SENT = 1_000
Outcome = Literal["created", "changed", "unchanged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentSku:
    """A SKU as a shop system knows it: `cells` by column, those left out stay. `sale_from`, `sale_to`: the time of its
    sale, `[from, to)`; none of them: from now on."""

    sku: str
    cells: Mapping[str, Value]
    sale_from: dt.datetime | None = None
    sale_to: dt.datetime | None = None

    def edits(self, at: dt.datetime) -> list[Edit]:
        """As edits of the price table; its sale takes the place of every one from now on."""
        return [
            Edit(self.sku, column, value, self.sale_from or at, self.sale_to)
            if column == SALE
            else Edit(self.sku, column, value)
            for column, value in self.cells.items()
        ]


@transaction.atomic
def put(*, merchant_id: int, at: dt.datetime, actor: Actor, sent: Sequence[SentSku]) -> list[Outcome]:
    """Make SKUs be so from now on; again it changes nothing. All or none.

    Prices are a change of prices like any other: in its list, with its history, and to be taken back; what a shop
    counts (names, products, stock) is simply noted. Queries do not grow with SKUs. Raises Invalid, with the errors by
    place ("0.sale_minor"), PriceBlocked, ProgramNotOpen, ProgramCleared.
    """
    programs.lock_for_close(merchant_id=merchant_id)
    gate(merchant_id=merchant_id)
    _check_once(sent)
    at = pricing.in_turn(merchant_id=merchant_id, at=at)
    skus = [each.sku for each in sent]
    items = catalogue.items(merchant_id=merchant_id, skus=skus)
    timelines = price_table.timelines(merchant_id=merchant_id, skus=skus, start=at)
    errors: dict[str, Any] = {}
    wanted: dict[str, list[Edit]] = {}
    for place, each in enumerate(sent):
        edits = by_sku(each.edits(at)).get(each.sku, [])
        try:
            wanted[each.sku] = differing(
                each.sku, timelines.get(each.sku, []), items.get(each.sku), edits, at, None
            )
        except Invalid as refusal:
            errors |= {f"{place}.{name}": text for name, text in (refusal.errors or {}).items()} or {
                str(place): refusal.detail
            }
    if errors:
        raise Invalid(next(iter(errors.values())), errors=errors)
    _note_items(merchant_id, wanted, known=items, timelines=timelines, at=at)
    prices = [edit for edits in wanted.values() for edit in edits if edit.column not in ITEMS]
    if prices:
        change = price_changes.draft(
            merchant_id=merchant_id, at=at, actor=actor, kind=PriceChangeKind.API, edits=prices
        )
        price_changes.apply(merchant_id=merchant_id, public_id=change.public_id, at=at, actor=actor)
    return ["created" if sku not in items else "changed" if wanted[sku] else "unchanged" for sku in skus]


def _note_items(
    merchant_id: int,
    wanted: Mapping[str, Sequence[Edit]],
    *,
    known: Mapping[str, Item],
    timelines: Mapping[str, Sequence[Stretch]],
    at: dt.datetime,
) -> None:
    """Note names, products and stock: first, since the price guard judges prices by them."""
    told = {sku: {e.column: e.value for e in edits if e.column in ITEMS} for sku, edits in wanted.items()}
    told = {sku: cells for sku, cells in told.items() if cells}
    lists = {
        sku: timelines[sku][0].prices.list_minor for sku in told if sku not in known and sku in timelines
    }
    for sku in told:
        for edit in wanted[sku]:
            if sku not in known and edit.column == LIST and isinstance(edit.value, int):
                lists[sku] = edit.value
    catalogue_service.store(merchant_id=merchant_id, wanted=told, lists=lists, at=at)


def _check_once(sent: Sequence[SentSku]) -> None:
    """Raises Invalid."""
    if not 1 <= len(sent) <= MOST_SENT:
        raise Invalid.on("skus", _("Send 1 to %(most)s SKUs.") % {"most": f"{MOST_SENT:,}"})
    seen: set[str] = set()
    for place, each in enumerate(sent):
        if each.sku in seen:
            text = _("The SKU “%(sku)s” is named twice.") % {"sku": each.sku}
            raise Invalid(text, errors={f"{place}.sku": text})
        seen.add(each.sku)
