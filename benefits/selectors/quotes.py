"""A basket priced as it is or was at an instant (domain.md 7)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from benefits.lib.cuts import cut_of
from benefits.lib.entitlements import Standing
from benefits.lib.offers import (
    BY_THEMSELVES,
    CODED,
    Published,
    Right,
    Situation,
    is_over,
    shop_offers,
    with_rights,
)
from benefits.lib.quotes import (
    Asked,
    Buyer,
    Cut,
    Offers,
    PriceRules,
    Quote,
    Reward,
    SkuPrices,
    Stack,
    Unit,
    UnknownSku,
    Way,
    quote_units,
    unit_of,
)
from benefits.lib.scope import NOWHERE, Place
from benefits.models import PriceVersion, SkuPrice
from members.lib import prepared
from members.lib.refusals import Invalid, NotFound
from members.models import Member, Program

# What quotes rest on, in one statement that the server plans once, however many baskets: a till waits for it. Its parts
# are json, not jsonb: they are read once, so nothing is to be sorted and packed for them. All of
# it is read as it was at the instant: a benefit from its revisions, a code from its uses, points from their entries.
# Points of a hold that had ended are there again, whenever the release was written.
AS_IT_STOOD = """
cross join lateral (
    select kind, settings, audience, stock, scope, from_at, to_at from benefits_benefitrevision
    where merchant_id = b.merchant_id and benefit_id = b.id and at <= %(at)s order by number desc limit 1) r
cross join lateral (
    select case action when 'pause' then 'paused' when 'end' then 'ended' else 'published' end as status
    from benefits_benefitrevision
    where merchant_id = b.merchant_id and benefit_id = b.id and at <= %(at)s
        and action in ('publish', 'pause', 'resume', 'end') order by number desc limit 1) s
"""
RIGHTS = f"""
select json_agg(json_build_array(e.code, b.public_id, b.name, g.kind, g.settings,
    case when e.revoked_at <= %(at)s then 'revoked' else coalesce(u.state_after, 'issued') end,
    coalesce(u.left_after, e.uses_total), e.valid_from, e.valid_until, u.until,
    e.paid_with <> 'nothing' or e.source = 'draw', s.status, r.to_at, g.scope) order by e.valid_until nulls last, e.id)
from benefits_entitlement e
join benefits_benefit b on b.merchant_id = e.merchant_id and b.id = e.benefit_id
join benefits_benefitrevision g on g.merchant_id = e.merchant_id and g.benefit_id = e.benefit_id
    and g.number = e.revision
{AS_IT_STOOD}
left join lateral (
    select state_after, left_after, until from benefits_entitlementuse
    where merchant_id = e.merchant_id and entitlement_id = e.id and at <= %(at)s order by id desc limit 1) u on true
where e.merchant_id = p.merchant_id and e.member_id = m.id and e.at <= %(at)s and g.kind = any(%(coded)s::text[])
    and (e.code = any(%(codes)s::text[]) or (coalesce(u.left_after, e.uses_total) > 0
        and (e.valid_until is null or e.valid_until > %(at)s) and (e.revoked_at is null or e.revoked_at > %(at)s)))
"""
GROUND = f"""
select p.status, p.status <> 'draft' and p.first_opened_at <= %(at)s and not exists (
        select from members_closure c where c.merchant_id = p.merchant_id and c.from_at <= %(at)s
            and (c.to_at is null or c.to_at > %(at)s)) as was_open,
    (select t.code from (
            select (r.ladder -> 0 ->> 'tier')::bigint as tier_id from members_rulesversion r
            where r.merchant_id = p.merchant_id and r.at <= %(at)s order by r.at desc, r.number desc limit 1) r
        join members_tier t on t.merchant_id = p.merchant_id and t.id = r.tier_id) as lowest,
    v.number, v.stack, v.rewards, v.layers,
    (select json_agg(json_build_array(s.sku, s.list_minor, s.sale_minor, s.floor_minor, s.members, s.fans,
            s.plans))
        from benefits_skuprice s where s.merchant_id = p.merchant_id and s.sku = any(%(skus)s::text[])
            and s.from_at <= %(at)s and (s.to_at is null or s.to_at > %(at)s)) as prices,
    (select json_agg(json_build_array(b.public_id, b.name, r.kind, r.settings, r.audience, s.status, r.from_at,
            r.to_at, r.stock, r.scope, b.holdout_percent > 0) order by b.id)
        from benefits_benefit b {AS_IT_STOOD}
        where b.merchant_id = p.merchant_id and b.status <> 'draft'
            and (b.status <> 'ended' or b.revision_at > %(at)s) and r.kind = any(%(kinds)s::text[])
            and (r.to_at is null or r.to_at > %(at)s)) as benefits,
    (select json_agg(json_build_array(m.public_id, m.status = 'active',
            (select t.code from members_tiermove v
                join members_tier t on t.merchant_id = v.merchant_id and t.id = v.to_tier_id
                where v.merchant_id = p.merchant_id and v.member_id = m.id and v.at <= %(at)s
                order by v.at desc, v.id desc limit 1),
            case when m.public_id = any(%(spending)s::text[]) then
                coalesce((select sum(points) from members_pointsentry
                    where merchant_id = p.merchant_id and member_id = m.id and at <= %(at)s), 0)
                + coalesce((select sum(points) from members_pointsrequest
                    where merchant_id = p.merchant_id and member_id = m.id and status = 'held'
                        and ends_at <= %(at)s), 0) end,
            ({RIGHTS}),
            (select jsonb_agg(distinct l.code) from benefits_subscription s
                join benefits_plan l on l.merchant_id = s.merchant_id and l.id = s.plan_id
                where s.merchant_id = p.merchant_id and s.member_id = m.id and s.from_at <= %(at)s
                    and s.ends_at > %(at)s)))
        from members_member m
        where m.merchant_id = p.merchant_id and m.public_id = any(%(members)s::text[])) as people
from members_program p
left join lateral (
    select number, stack, rewards, layers from benefits_priceversion
    where merchant_id = p.merchant_id and at <= %(at)s order by at desc, number desc limit 1) v on true
where p.merchant_id = %(merchant)s
"""
OF_BENEFIT = (
    "id", "name", "kind", "settings", "audience", "status", "from_at", "to_at", "stock", "scope", "holds_out",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """What is to be priced, (SKU, quantity) lines, and for whom: a member by the id shown outside, or a visitor.
    as_tier: for whoever held that tier then, as_plan: a term in that plan, instead of a member; points: None for all
    that fit. place: where it is bought; unsaid, what is to be had in some places alone does not act. without: layers of
    benefits to leave out, which shows what they do; no till asks so."""

    lines: Sequence[tuple[str, int]]
    member: str | None = None
    as_tier: str | None = None
    as_plan: str | None = None
    follows: bool = False
    coupon: str = ""
    points: int | None = 0
    shipping_minor: int = 0
    place: Place = NOWHERE
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Explained:
    """A quote with what it rests on: the tier that counted, the version of the rules (0 before any), and the names of
    the shop's benefits by id."""

    quote: Quote
    tier: str | None
    version: int
    stack: Stack
    names: Mapping[str, str]


@dataclass(slots=True)
class _Person:
    """A member as they were."""

    is_active: bool
    moved_to: str | None
    points: int
    rights: list[Any]
    plans: frozenset[str]


class Ground:
    """All that the quotes of some baskets rest on, read in one query; `price` runs none.

    program: the program's state now, for a door that a clearance closes. Not for longer than the request.
    """

    def __init__(self, *, merchant_id: int, baskets: Sequence[Basket], at: dt.datetime) -> None:
        members = {each.member for each in baskets if each.member is not None}
        row = prepared.fetch_one(
            GROUND,
            {
                "merchant": merchant_id,
                "at": at,
                "skus": list({sku for each in baskets for sku, _quantity in each.lines}),
                "members": list(members),
                "spending": list({each.member for each in baskets if each.member and each.points != 0}),
                "codes": list({each.coupon for each in baskets if each.coupon}),
                "kinds": list(BY_THEMSELVES),
                "coded": list(CODED),
            },
            is_planned_once=True,
        )
        if row is None:
            raise Program.DoesNotExist
        self.at = at
        self.program, self._was_open, self._lowest, number, stack, rewards, layers, *rest = row
        self.version: int = number or 0
        self.rules = (
            PriceRules() if number is None else _rules(stack, json.loads(rewards), json.loads(layers))
        )
        prices, benefits, people = (each or [] for each in rest)
        self._rows: dict[str, list[Any]] = {each[0]: each for each in prices}
        self._units: dict[tuple[str, Buyer, Place, frozenset[str]], Unit] = {}
        self._benefits = [_published(each) for each in benefits]
        self._people = {
            each[0]: _Person(each[1], each[2], each[3] or 0, each[4] or [], frozenset(each[5] or ()))
            for each in people
        }
        self._offers: dict[tuple[str | None, Buyer, str, Place], Offers] = {}
        self._shop_offers: dict[tuple[str | None, frozenset[str], Place], Offers] = {}
        self._names = {each.id: each.name for each in self._benefits}

    def price(self, basket: Basket) -> Explained:
        """Price one of the baskets. While the program is not open nobody is a member to a price.

        Raises UnknownSku, with every line that names a SKU without a price then, NotFound for a member or coupon that
        there is not, Invalid for what only a member can ask for, and what `benefits.lib.quotes.quote_units` raises.
        """
        tier = self._tier_of(basket)
        buyer = Buyer(tier, basket.follows, self._plans_of(basket, tier))
        offers = self._offers_of(basket, buyer)
        if basket.coupon and all(each.code != basket.coupon for each in offers.offs):
            raise NotFound.on("coupon", _("The member has no such coupon."))
        unknown = [place for place, (sku, _quantity) in enumerate(basket.lines) if sku not in self._rows]
        if unknown:
            raise _unknown(basket.lines, unknown)
        rules = self.rules.leaving_out(basket.without) if basket.without else self.rules
        lines = [
            (self._unit_of(sku, buyer, offers, rules, basket), quantity) for sku, quantity in basket.lines
        ]
        asked = Asked(basket.coupon, basket.points, basket.shipping_minor)
        found = quote_units(lines, rules, offers, asked)
        return Explained(found, tier, self.version, self.rules.stack, self._names)

    def _tier_of(self, basket: Basket) -> str | None:
        """The tier whose prices count; None for a visitor, and while the program was not open."""
        person = None
        if basket.member is not None:
            person = self._people.get(basket.member)
            if person is None:
                raise NotFound.on("member", _("There is no such member."))
        elif basket.coupon or (basket.points != 0 and not (basket.as_tier or basket.as_plan)):
            place = "coupon" if basket.coupon else "points"
            raise Invalid.on(place, _("Only a member has coupons and points. Say whose basket it is."))
        if not self._was_open or (person is None and not (basket.as_tier or basket.as_plan)):
            return None
        tier = basket.as_tier or (person.moved_to if person else None) or self._lowest
        if tier is None:
            raise NotFound("This program has no rules yet.")
        return cast(str, tier)

    def _plans_of(self, basket: Basket, tier: str | None) -> frozenset[str]:
        """The plans whose prices count: of members, while the program was open."""
        if tier is None:
            return frozenset()
        if basket.member is not None:
            return self._people[basket.member].plans
        return frozenset([basket.as_plan] if basket.as_plan else ())

    def _unit_of(self, sku: str, buyer: Buyer, offers: Offers, rules: PriceRules, basket: Basket) -> Unit:
        """What one of a SKU costs; fan offers are the same for all who hold a tier at a place."""
        key = (sku, buyer, basket.place, basket.without)
        found = self._units.get(key)
        if found is None:
            _sku, list_minor, sale, floor, members, fans, plans = self._rows[sku]
            member = None if buyer.tier is None else _cut_of(members.get(buyer.tier))
            fan = _cut_of(fans) if buyer.follows else None
            held = {code: _cut(plans[code]) for code in buyer.plans if code in plans}
            found = unit_of(sku, list_minor, sale, floor, member, fan, rules, buyer, offers.fans, held)
            self._units[key] = found
        return found

    def _offers_of(self, basket: Basket, buyer: Buyer) -> Offers:
        """What benefits may give whoever buys. Of the codes that are over only the one asked for is told of."""
        key = (basket.member, buyer, basket.coupon, basket.place)
        found = self._offers.get(key)
        if found is None:
            person = self._people.get(basket.member) if basket.member is not None else None
            rights = [_right(person, self._was_open, *each) for each in person.rights] if person else []
            rights = [each for each in rights if each.code == basket.coupon or not is_over(each, self.at)]
            self._names |= {each.benefit: each.name for each in rights}
            points = person.points if person else 0
            now = Situation(self.at, bool(self._was_open), buyer.tier, points, basket.place, buyer.plans)
            alike = (buyer.tier, buyer.plans, basket.place)
            of_shop = self._shop_offers.get(alike)
            if of_shop is None:
                of_shop = shop_offers(self._benefits, now)
                self._shop_offers[alike] = of_shop
            found = self._offers[key] = with_rights(of_shop, rights, now)
        return found


def explained(*, merchant_id: int, basket: Basket, at: dt.datetime) -> Explained:
    """Price one basket as it is or was at an instant. One query. Raises as `Ground.price`."""
    return Ground(merchant_id=merchant_id, baskets=[basket], at=at).price(basket)


def quoted(
    *,
    merchant_id: int,
    member_id: int | None,
    lines: Sequence[tuple[str, int]],
    follows: bool,
    at: dt.datetime,
) -> Quote:
    """The quote alone of lines for a member by row id, or for a visitor."""
    member = None
    if member_id is not None:
        member = Member.objects.of(merchant_id).values_list("public_id", flat=True).get(pk=member_id)
    basket = Basket(lines=lines, member=member, follows=follows)
    return explained(merchant_id=merchant_id, basket=basket, at=at).quote


def _unknown(lines: Sequence[tuple[str, int]], places: Sequence[int]) -> UnknownSku:
    text = _("There is no price of the SKU “%(sku)s”.")
    errors = {f"lines[{place}].sku": text % {"sku": lines[place][0]} for place in places}
    return UnknownSku(next(iter(errors.values())), errors=errors)


def _published(row: Sequence[Any]) -> Published:
    """A benefit from what the statement tells of it."""
    said = dict(zip(OF_BENEFIT, row, strict=True))
    return Published(**said | {name: _instant(said[name]) for name in ("from_at", "to_at")})


def _right(
    person: _Person, was_open: bool, code: str, benefit: str, name: str, kind: str, *rest: Any
) -> Right:
    """A code of a member, with all that decides whether it could be used."""
    settings, state, left, valid_from, valid_until, reserved_until, is_paid, status, to_at, scope = rest
    standing = Standing(
        state=state,
        uses_left=left,
        valid_from=cast(dt.datetime, _instant(valid_from)),
        valid_until=_instant(valid_until),
        reserved_until=_instant(reserved_until),
        is_paid=is_paid,
        benefit_status=status,
        benefit_to=_instant(to_at),
        program="open" if was_open else "closed",
        closed_since=None,
        is_member=person.is_active,
    )
    return Right(
        code=code, benefit=benefit, name=name, kind=kind, settings=settings, standing=standing, scope=scope
    )


def _instant(said: str | None) -> dt.datetime | None:
    return None if said is None else dt.datetime.fromisoformat(said)


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
    return row.number, _rules(row.stack, row.rewards, row.layers)


def _rules(stack: str, rewards: Sequence[Sequence[int]], layers: Sequence[str]) -> PriceRules:
    return PriceRules(cast(Stack, stack), tuple(Reward(least, off) for least, off in rewards), tuple(layers))


def _prices(merchant_id: int, skus: set[str], at: dt.datetime) -> dict[str, SkuPrices]:
    rows = SkuPrice.objects.of(merchant_id).filter(
        Q(to_at=None) | Q(to_at__gt=at), sku__in=skus, from_at__lte=at
    )
    return {row.sku: prices_of(row) for row in rows}


def prices_of(row: SkuPrice) -> SkuPrices:
    """The prices of a stored row."""
    members, plans = ({code: _cut(said) for code, said in each.items()} for each in (row.members, row.plans))
    return SkuPrices(
        row.sku, row.list_minor, row.sale_minor, row.floor_minor, members, _cut_of(row.fans), plans
    )


def _cut(said: dict[str, Any]) -> Cut:
    ((way, value),) = said.items()
    return cut_of(cast(Way, way), str(value))


def _cut_of(said: dict[str, Any] | None) -> Cut | None:
    return None if said is None else _cut(said)
