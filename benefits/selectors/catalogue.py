"""Reading the catalogue: SKUs with product, stock and prices, and the history of one (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from benefits.lib.price_edits import NAME, PRODUCT, STOCK, Stretch, Value
from benefits.lib.price_plans import Item
from benefits.models import CatalogueSku, PriceEntry, Product, SkuPrice
from benefits.selectors.quotes import prices_of

STATES = ("on_sale", "no_stock", "no_price", "no_product")
COLUMNS = (PRODUCT, NAME, STOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueFilter:
    """Which SKUs. `search`: how a SKU begins, or part of its name or product; `state`: one of STATES."""

    search: str = ""
    product: str = ""
    state: str = ""

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.search or self.product or self.state)


@dataclass(frozen=True, slots=True)
class Shown:
    """A SKU as lists show it. prices: its stretch now, else its next one; sale: that in force, else the next one that
    is planned, with its time (no `from`: it runs)."""

    item: CatalogueSku
    now: SkuPrice | None
    sale_minor: int | None = None
    sale_from: dt.datetime | None = None
    sale_to: dt.datetime | None = None

    @property
    def list_minor(self) -> int:
        """The list price in force, else the one that the catalogue was told."""
        return self.item.list_minor if self.now is None else self.now.list_minor


def listed(*, merchant_id: int, wanted: CatalogueFilter, at: dt.datetime) -> QuerySet[CatalogueSku]:
    """The SKUs a filter means, by SKU. Runs no query."""
    rows: QuerySet[CatalogueSku] = CatalogueSku.objects.of(merchant_id).select_related("product")
    text = wanted.search.strip().replace("\x00", "")
    if text:
        rows = rows.filter(
            Q(sku__startswith=text) | Q(name__icontains=text) | Q(product__name__icontains=text)
        )
    if wanted.product:
        rows = rows.filter(product__name=wanted.product)
    prices = SkuPrice.objects.of(merchant_id).filter(
        Q(to_at=None) | Q(to_at__gt=at), from_at__lte=at, sku=OuterRef("sku")
    )
    if wanted.state == "on_sale":
        rows = rows.filter(Exists(prices.filter(sale_minor__isnull=False)))
    elif wanted.state == "no_price":
        rows = rows.filter(~Exists(prices))
    elif wanted.state == "no_stock":
        rows = rows.filter(stock=0)
    elif wanted.state == "no_product":
        rows = rows.filter(product=None)
    return rows.order_by("sku")


def shown(rows: Sequence[CatalogueSku], *, merchant_id: int, at: dt.datetime) -> list[Shown]:
    """SKUs with their prices. One query."""
    prices = SkuPrice.objects.of(merchant_id).filter(
        Q(to_at=None) | Q(to_at__gt=at), sku__in=[row.sku for row in rows]
    )
    coming: dict[str, list[SkuPrice]] = {}
    for price in prices.order_by("sku", "from_at"):
        if price.to_at is None or price.to_at > price.from_at:
            coming.setdefault(price.sku, []).append(price)
    return [_one(row, coming.get(row.sku, []), at) for row in rows]


def _one(item: CatalogueSku, coming: Sequence[SkuPrice], at: dt.datetime) -> Shown:
    now = coming[0] if coming and coming[0].from_at <= at else None
    first = next((i for i, each in enumerate(coming) if each.sale_minor is not None), None)
    if first is None:
        return Shown(item, now)
    begin = last = coming[first]
    for each in coming[first + 1 :]:
        if each.sale_minor != begin.sale_minor or each.from_at != last.to_at:
            break
        last = each
    return Shown(item, now, begin.sale_minor, begin.from_at, last.to_at)


def exported(*, merchant_id: int, wanted: CatalogueFilter, at: dt.datetime) -> Iterator[Shown]:
    """All of them, a thousand at a time."""
    rows = listed(merchant_id=merchant_id, wanted=wanted, at=at)
    last = ""
    while some := list(rows.filter(sku__gt=last)[:1_000]):
        last = some[-1].sku
        yield from shown(some, merchant_id=merchant_id, at=at)


def items(*, merchant_id: int, skus: Collection[str]) -> dict[str, Item]:
    """What the catalogue says of SKUs, by the columns of a change. One query."""
    rows = CatalogueSku.objects.of(merchant_id).filter(sku__in=skus).select_related("product")
    return {row.sku: item_of(row) for row in rows}


def item_of(row: CatalogueSku) -> Item:
    """A SKU's cells in the catalogue; what is empty is None."""
    return {PRODUCT: row.product.name if row.product else None, NAME: row.name or None, STOCK: row.stock}


def one(*, merchant_id: int, sku: str) -> CatalogueSku | None:
    """One SKU with its product. One query."""
    return CatalogueSku.objects.of(merchant_id).filter(sku=sku).select_related("product").first()


def products(*, merchant_id: int, most: int) -> list[str]:
    """The names of products, to be offered. One query."""
    rows = Product.objects.of(merchant_id).order_by("name").values_list("name", flat=True)
    return list(rows[:most])


@dataclass(frozen=True, slots=True)
class Families:
    """SKUs by product: the members of each, the product of each SKU, and what is known of stock."""

    of: Mapping[str, str]
    members: Mapping[str, Sequence[str]]
    stock: Mapping[str, int | None]

    def kin(self, skus: Collection[str]) -> set[str]:
        """Every SKU of the products of some SKUs."""
        products = {self.of[sku] for sku in skus if sku in self.of}
        return {each for product in products for each in self.members[product]}


def families(*, merchant_id: int, skus: Collection[str], told: Mapping[str, Mapping[str, Value]]) -> Families:
    """The products of SKUs with all of their SKUs, as they are once `told` holds. One query."""
    rows = CatalogueSku.objects.of(merchant_id)
    wanted = rows.filter(sku__in=skus, product__isnull=False).values("product")
    named = {cells[PRODUCT] for cells in told.values() if cells.get(PRODUCT)}
    rows = rows.filter(Q(sku__in=skus) | Q(product__in=wanted) | Q(product__name__in=named))
    of: dict[str, str] = {}
    stock: dict[str, int | None] = {}
    for sku, product, count in rows.values_list("sku", "product__name", "stock"):
        stock[sku] = count
        if product:
            of[sku] = product
    for sku, cells in told.items():
        if STOCK in cells:
            units = cells[STOCK]
            stock[sku] = units if isinstance(units, int) else None
        if PRODUCT in cells:
            of.pop(sku, None)
            if cells[PRODUCT]:
                of[sku] = str(cells[PRODUCT])
    groups: dict[str, list[str]] = {}
    for sku, product in of.items():
        groups.setdefault(product, []).append(sku)
    return Families(of, groups, stock)


def past(
    *, merchant_id: int, skus: Collection[str], since: dt.datetime, before: dt.datetime
) -> dict[str, list[Stretch]]:
    """The stretches of SKUs that lie in `[since, before)`, cut off there, in order. One query."""
    rows = SkuPrice.objects.of(merchant_id).filter(
        Q(to_at=None) | Q(to_at__gt=since), sku__in=skus, from_at__lt=before
    )
    found: dict[str, list[Stretch]] = {}
    for row in rows.order_by("sku", "from_at"):
        if row.to_at is None or row.to_at > row.from_at:
            until = before if row.to_at is None else min(row.to_at, before)
            found.setdefault(row.sku, []).append(Stretch(row.from_at, until, prices_of(row)))
    return found


def entries(*, merchant_id: int, sku: str) -> QuerySet[PriceEntry]:
    """The history of a SKU, the newest first. Runs no query."""
    rows: QuerySet[PriceEntry] = PriceEntry.objects.of(merchant_id).filter(sku=sku)
    return rows.order_by("-id")
