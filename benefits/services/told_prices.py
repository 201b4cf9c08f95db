"""Member prices told row by row, as a shop system sends them (domain.md 7); a file of them is read in lib.prices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from benefits.lib.prices import PriceRow
from benefits.models import Benefit, CatalogueSku
from benefits.selectors.audiences import tier_names
from benefits.services.benefits import publish_benefit
from members.lib.refusals import Invalid

MOST_TOLD = 5_000
MOST_ERRORS = 100  # told at once; who mends them is told the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldPrice:
    """A price as it is told, in minor units; without `list_minor` the catalogue's list price holds."""

    sku: str
    price_minor: int
    list_minor: int | None = None
    name: str = ""
    tier: str = ""


@transaction.atomic
def publish_told(
    *, merchant_id: int, at: dt.datetime, kind: str, prices: Sequence[ToldPrice], **rest: Any
) -> Benefit:
    """Publish a member price benefit with its list. Raises Invalid, with the errors by row; what publishing raises."""
    if kind != "member_price":
        raise Invalid.on("prices", _("Only member prices (kind member_price) have a list of prices."))
    if not 1 <= len(prices) <= MOST_TOLD:
        raise Invalid.on("prices", _("Send 1 to %(most)s prices.") % {"most": f"{MOST_TOLD:,}"})
    rows = _rows(merchant_id, at, prices)
    return publish_benefit(merchant_id=merchant_id, at=at, kind=kind, prices=rows, **rest)


def _rows(merchant_id: int, at: dt.datetime, prices: Sequence[ToldPrice]) -> list[PriceRow]:
    """The rows of a list, each checked, all errors told. Two queries."""
    lists = _list_prices(merchant_id, prices)
    tiers = {"", *(code for code, _name in tier_names(merchant_id=merchant_id, at=at))}
    errors: dict[str, str] = {}
    rows: dict[tuple[str, str], PriceRow] = {}
    for number, told in enumerate(prices):
        wrong = _wrong(told, lists.get(told.sku), tiers, (told.sku, told.tier) in rows)
        if wrong:
            errors |= {f"prices[{number}].{name}": text for name, text in wrong.items()}
            if len(errors) >= MOST_ERRORS:
                break
        row = PriceRow(
            sku=told.sku,
            name=told.name,
            list_minor=lists.get(told.sku) or told.price_minor,
            price_minor=told.price_minor,
            tier_code=told.tier,
        )
        rows[row.key] = row
    if errors:
        place, text = next(iter(errors.items()))
        raise Invalid(f"{place}: {text}", errors=errors)
    return list(rows.values())


def _list_prices(merchant_id: int, prices: Iterable[ToldPrice]) -> dict[str, int]:
    """The list price of each SKU: the first one told, else the catalogue's. One query."""
    told: dict[str, int] = {}
    for price in prices:
        if price.list_minor is not None:
            told.setdefault(price.sku, price.list_minor)
    unsaid = {price.sku for price in prices} - set(told)
    known = CatalogueSku.objects.of(merchant_id).filter(sku__in=unsaid).values_list("sku", "list_minor")
    return dict(known) | told


def _wrong(told: ToldPrice, list_minor: int | None, tiers: set[str], is_repeated: bool) -> Mapping[str, str]:
    """What is wrong with one row, by its field."""
    if is_repeated:
        return {"sku": _("The list has another price of this SKU for the same tier.")}
    if told.tier not in tiers:
        known = ", ".join(sorted(tiers - {""}))
        return {
            "tier": _("There is no tier “%(tier)s”. Tiers: %(tiers)s.") % {"tier": told.tier, "tiers": known}
        }
    if list_minor is None:
        return {"list_minor": _("The catalogue has no list price of this SKU yet. Give one.")}
    if told.list_minor is not None and told.list_minor != list_minor:
        return {"list_minor": _("The list has another list price of this SKU.")}
    if told.price_minor > list_minor:
        return {"price_minor": _("The member price is above the list price.")}
    return {}
