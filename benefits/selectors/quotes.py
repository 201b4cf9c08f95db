"""A basket priced as it is or was at an instant (domain.md 7)."""

from __future__ import annotations

import datetime as dt
import json
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
from members.lib import prepared
from members.lib.refusals import NotFound
from members.models import Closure, Program, ProgramStatus, TierMove
from members.selectors import rules as rules_selector

# What a quote rests on, in one statement that the server plans once: a till waits for it.
GROUND = """
select p.status <> 'draft' and p.first_opened_at <= %(at)s and not exists (
        select from members_closure c where c.merchant_id = p.merchant_id and c.from_at <= %(at)s
            and (c.to_at is null or c.to_at > %(at)s)) as was_open,
    (select t.code from members_tiermove m
        join members_tier t on t.merchant_id = m.merchant_id and t.id = m.to_tier_id
        where m.merchant_id = p.merchant_id and m.member_id = %(member)s::bigint and m.at <= %(at)s
        order by m.at desc, m.id desc limit 1) as moved_to,
    (select t.code from (
            select (r.ladder -> 0 ->> 'tier')::bigint as tier_id from members_rulesversion r
            where r.merchant_id = p.merchant_id and r.at <= %(at)s order by r.at desc, r.number desc limit 1) r
        join members_tier t on t.merchant_id = p.merchant_id and t.id = r.tier_id) as lowest,
    v.number, v.stack, v.rewards,
    (select jsonb_agg(jsonb_build_array(s.sku, s.list_minor, s.sale_minor, s.floor_minor, s.members, s.fans))
        from benefits_skuprice s where s.merchant_id = p.merchant_id and s.sku = any(%(skus)s::text[])
            and s.from_at <= %(at)s and (s.to_at is null or s.to_at > %(at)s)) as prices
from members_program p
left join lateral (
    select number, stack, rewards from benefits_priceversion
    where merchant_id = p.merchant_id and at <= %(at)s order by at desc, number desc limit 1) v on true
where p.merchant_id = %(merchant)s
"""


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
    skus = {sku for sku, _quantity in lines}
    ground = prepared.fetch_one(
        GROUND, {"merchant": merchant_id, "member": member_id, "skus": list(skus), "at": at}
    )
    if ground is None:
        raise Program.DoesNotExist
    was_open, moved_to, lowest, number, stack, rewards, rows = ground
    prices = {row[0]: _prices_from(*row) for row in json.loads(rows or "[]")}
    unknown = {f"lines[{i}].sku": sku for i, (sku, _quantity) in enumerate(lines) if sku not in prices}
    if unknown:
        errors = {
            place: _("There is no price of the SKU “%(sku)s”.") % {"sku": sku}
            for place, sku in unknown.items()
        }
        raise UnknownSku(next(iter(errors.values())), errors=errors)
    tier = None
    if was_open and (member_id is not None or as_tier is not None):
        tier = as_tier or moved_to or lowest
        if tier is None:
            raise NotFound("This program has no rules yet.")
    buyer = Buyer(tier, follows)
    basket = [(prices[sku], quantity) for sku, quantity in lines]
    rules = _rules(stack, json.loads(rewards)) if number is not None else PriceRules()
    return Explained(quote(basket, rules, buyer), buyer.tier, number or 0, rules.stack)


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
    return row.number, _rules(row.stack, row.rewards)


def _rules(stack: str, rewards: Sequence[Sequence[int]]) -> PriceRules:
    return PriceRules(cast(Stack, stack), tuple(Reward(least, off) for least, off in rewards))


def _prices(merchant_id: int, skus: set[str], at: dt.datetime) -> dict[str, SkuPrices]:
    rows = SkuPrice.objects.of(merchant_id).filter(
        Q(to_at=None) | Q(to_at__gt=at), sku__in=skus, from_at__lte=at
    )
    return {row.sku: prices_of(row) for row in rows}


def prices_of(row: SkuPrice) -> SkuPrices:
    """The prices of a stored row."""
    return _prices_from(row.sku, row.list_minor, row.sale_minor, row.floor_minor, row.members, row.fans)


def _prices_from(
    sku: str,
    list_minor: int,
    sale_minor: int | None,
    floor_minor: int,
    members: dict[str, dict[str, Any]],
    fans: dict[str, Any] | None,
) -> SkuPrices:
    cuts = {tier: _cut(said) for tier, said in members.items()}
    return SkuPrices(sku, list_minor, sale_minor, floor_minor, cuts, None if fans is None else _cut(fans))


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
