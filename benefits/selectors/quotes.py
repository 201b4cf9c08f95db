"""A basket priced as it is or was at an instant (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from benefits.lib.quotes import (
    Buyer,
    Cut,
    PriceRules,
    Quote,
    Reward,
    SkuPrices,
    Stack,
    UnknownSku,
    Way,
    quote,
)
from benefits.models import PriceVersion, SkuPrice
from members.models import Closure, Program, ProgramStatus, TierMove
from members.selectors import rules as rules_selector


@dataclass(frozen=True, slots=True)
class Explained:
    """A quote with what it rests on: the tier that counted, and the version of the rules (0 before any)."""

    quote: Quote
    tier: str | None
    version: int
    stack: Stack


def explained(
    *,
    merchant_id: int,
    member_id: int | None,
    lines: Sequence[tuple[str, int]],
    follows: bool,
    at: dt.datetime,
    as_tier: str | None = None,
) -> Explained:
    """Price (SKU, quantity) lines for a member, or for a visitor (None), at an instant. Queries do not grow with lines.

    `as_tier`: for whoever held that tier then, instead of a member. While the program is not open nobody is a member to
    a price. Raises UnknownSku, with every line that names a SKU without a price then, and what
    `benefits.lib.quotes.quote` raises.
    """
    prices = _prices(merchant_id, {sku for sku, _quantity in lines}, at)
    unknown = {f"lines[{i}].sku": sku for i, (sku, _quantity) in enumerate(lines) if sku not in prices}
    if unknown:
        errors = {
            place: _("There is no price of the SKU “%(sku)s”.") % {"sku": sku}
            for place, sku in unknown.items()
        }
        raise UnknownSku(next(iter(errors.values())), errors=errors)
    tier = tier_at(merchant_id=merchant_id, member_id=member_id, at=at)
    if as_tier is not None:
        tier = as_tier if _was_open(merchant_id, at) else None
    buyer = Buyer(tier, follows)
    basket = [(prices[sku], quantity) for sku, quantity in lines]
    version, rules = _version_at(merchant_id, at)
    return Explained(quote(basket, rules, buyer), buyer.tier, version, rules.stack)


def quoted(
    *,
    merchant_id: int,
    member_id: int | None,
    lines: Sequence[tuple[str, int]],
    follows: bool,
    at: dt.datetime,
) -> Quote:
    """The quote alone, see `explained`."""
    found = explained(merchant_id=merchant_id, member_id=member_id, lines=lines, follows=follows, at=at)
    return found.quote


def known_skus(*, merchant_id: int, at: dt.datetime, skus: set[str]) -> set[str]:
    """Which of some SKUs have a price at an instant."""
    return set(_prices(merchant_id, skus, at))


def some_skus(*, merchant_id: int, at: dt.datetime, most: int) -> list[str]:
    """The first SKUs that have a price at an instant, to be offered while somebody types. One query."""
    rows = SkuPrice.objects.of(merchant_id).filter(Q(to_at=None) | Q(to_at__gt=at), from_at__lte=at)
    return list(rows.order_by("sku").values_list("sku", flat=True)[:most])


def stack_at(*, merchant_id: int, at: dt.datetime) -> Stack:
    """How a member price meets a sale at an instant. One query."""
    return _version_at(merchant_id, at)[1].stack


def _version_at(merchant_id: int, at: dt.datetime) -> tuple[int, PriceRules]:
    """How prices meet at an instant, and the number of that version; the defaults, as 0, before any."""
    row = PriceVersion.objects.of(merchant_id).filter(at__lte=at).order_by("-at", "-number").first()
    if row is None:
        return 0, PriceRules()
    rewards = tuple(Reward(least, off) for least, off in row.rewards)
    return row.number, PriceRules(cast(Stack, row.stack), rewards)


def _prices(merchant_id: int, skus: set[str], at: dt.datetime) -> dict[str, SkuPrices]:
    rows = SkuPrice.objects.of(merchant_id).filter(
        Q(to_at=None) | Q(to_at__gt=at), sku__in=skus, from_at__lte=at
    )
    return {row.sku: prices_of(row) for row in rows}


def prices_of(row: SkuPrice) -> SkuPrices:
    """The prices of a stored row."""
    return SkuPrices(
        row.sku,
        row.list_minor,
        row.sale_minor,
        row.floor_minor,
        {tier: _cut(said) for tier, said in row.members.items()},
        None if row.fans is None else _cut(row.fans),
    )


def _cut(said: dict[str, Any]) -> Cut:
    ((way, value),) = said.items()
    return Cut(cast(Way, way), Decimal(value))


def tier_at(*, merchant_id: int, member_id: int | None, at: dt.datetime) -> str | None:
    """The code of the tier that a member held at an instant; None for a visitor, and while the program is not open."""
    if member_id is None or not _was_open(merchant_id, at):
        return None
    move = (
        TierMove.objects.of(merchant_id)
        .filter(member_id=member_id, at__lte=at)
        .order_by("-at", "-id")
        .select_related("to_tier")
        .first()
    )
    if move is not None:
        return move.to_tier.code
    return rules_selector.rules_at(merchant_id=merchant_id, at=at).tiers.base.code


def _was_open(merchant_id: int, at: dt.datetime) -> bool:
    program = Program.objects.get(merchant_id=merchant_id)
    if (
        program.status == ProgramStatus.DRAFT
        or program.first_opened_at is None
        or at < program.first_opened_at
    ):
        return False
    closures = Closure.objects.of(merchant_id).filter(from_at__lte=at)
    return not closures.filter(Q(to_at=None) | Q(to_at__gt=at)).exists()
