"""The catalogue: products, names and stock of SKUs, and the history of their prices (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from benefits.lib.price_edits import NAME, PRODUCT, STOCK, Value
from benefits.models import CatalogueSku, PriceEntry, Product
from members.services.audit import Actor

BATCH = 2_000


def store(
    *,
    merchant_id: int,
    wanted: Mapping[str, Mapping[str, Value]],
    lists: Mapping[str, int],
    at: dt.datetime,
) -> None:
    """Note what is said of SKUs in the catalogue: cells by column, and list prices; SKUs that are new are added. In the
    caller's transaction, with the program locked. Set-based."""
    skus = {*wanted, *lists}
    if not skus:
        return
    rows = CatalogueSku.objects.of(merchant_id).filter(sku__in=skus).select_for_update(of=("self",))
    known = {row.sku: row for row in rows}
    products = _products(
        merchant_id, {str(cells[PRODUCT]) for cells in wanted.values() if cells.get(PRODUCT)}, at
    )
    fresh = []
    for sku in sorted(skus):
        row = known.get(sku) or CatalogueSku(merchant_id=merchant_id, sku=sku)
        if _set(row, wanted.get(sku, {}), lists.get(sku), products):
            row.changed_at = at
            fresh.append(row)
    CatalogueSku.objects.bulk_create(
        fresh,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["merchant", "sku"],
        update_fields=["name", "product", "stock", "list_minor", "changed_at"],
    )


def _set(
    row: CatalogueSku, cells: Mapping[str, Value], list_minor: int | None, products: Mapping[str, int]
) -> bool:
    """Whether a row is another one now, or new."""
    before = (row.name, row.product_id, row.stock, row.list_minor)
    if NAME in cells:
        row.name = str(cells[NAME] or "")
    if PRODUCT in cells:
        row.product_id = products[str(cells[PRODUCT])] if cells[PRODUCT] else None
    if STOCK in cells:
        stock = cells[STOCK]
        row.stock = stock if isinstance(stock, int) else None
    if list_minor is not None:
        row.list_minor = list_minor
    return row.pk is None or before != (row.name, row.product_id, row.stock, row.list_minor)


def _products(merchant_id: int, names: Collection[str], at: dt.datetime) -> dict[str, int]:
    """Products by name, those that are new made. Two queries."""
    if not names:
        return {}
    Product.objects.bulk_create(
        [Product(merchant_id=merchant_id, name=name, created_at=at) for name in sorted(names)],
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    rows = Product.objects.of(merchant_id).filter(name__in=names)
    return dict(rows.values_list("name", "id"))


def note(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    source: str,
    cells: Mapping[str, Sequence[Sequence[Any]]],
    change: str = "",
    version: int | None = None,
) -> None:
    """Add to the history of SKUs: cells as [column, before, after(, from, to)] by SKU. In the caller's transaction."""
    PriceEntry.objects.bulk_create(
        [
            PriceEntry(
                merchant_id=merchant_id,
                sku=sku,
                at=at,
                source=source,
                change=change,
                version=version,
                by_label=actor.label[:120],
                cells=[list(each) for each in some],
            )
            for sku, some in sorted(cells.items())
        ],
        batch_size=BATCH,
    )
