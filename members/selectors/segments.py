"""Segments and who is in them, counted and listed by one query each (domain.md 10)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from members.lib import set_based
from members.lib.periods import merchant_day
from members.lib.refusals import Conflict
from members.lib.segments import Known, Rule, named, too_large
from members.lib.set_based import stream
from members.models import (
    Channel,
    Member,
    Merchant,
    Segment,
    SegmentKind,
    SegmentMember,
    Store,
    Tier,
)
from members.selectors import benefit_names
from members.selectors import rules as rules_of
from members.selectors.segment_query import Query, Scope

WAIT_MS = 2_000  # how long a count may take while somebody types
PLACES, EACH = 200, 100  # of a sample: where it looks, and how many members there
EVERYBODY = """
select (select count(*) from members_member where merchant_id = %(merchant)s and joined_on <= 'infinity')
    - (select count(*) from members_member where merchant_id = %(merchant)s and status <> 'active')
"""
SAMPLE = """
with ends as (
    select (select id from members_member where merchant_id = %(merchant)s order by id limit 1) as least,
        (select id from members_member where merchant_id = %(merchant)s order by id desc limit 1) as most
)
select distinct m.id from ends cross join generate_series(0, %(places)s - 1) place cross join lateral (
    select id, status from members_member
    where merchant_id = %(merchant)s and id >= least + (most - least) * place / %(places)s order by id limit %(each)s
) m where m.status = 'active'
"""
MOST = 100  # segments of a merchant
MOST_LISTED = 100_000  # of a page without an end


class TooLarge(Conflict):
    """A segment that became larger than a query may be; it can be changed, and is not asked until then."""


def listed(*, merchant_id: int) -> list[Segment]:
    """A merchant's segments by name. One query."""
    return list(Segment.objects.of(merchant_id).order_by("name", "pk"))


def by_public_id(*, merchant_id: int, public_id: str) -> Segment | None:
    """One segment by the id shown outside. One query."""
    return Segment.objects.of(merchant_id).filter(public_id=public_id).first()


@dataclass(frozen=True, slots=True)
class Shop:
    """All that rules of a merchant may name and what queries need of it."""

    merchant: Merchant
    at: dt.datetime
    tiers: Mapping[str, Tier]  # of the ladder in force, lowest first
    stores: Mapping[str, Store]
    segments: Mapping[str, Segment]
    benefits: Mapping[str, str]  # names by id

    @property
    def known(self) -> Known:
        """What a rule is checked against."""
        return Known(
            choices={
                "tier": frozenset(self.tiers),
                "store": frozenset(self.stores),
                "segment": frozenset(self.segments),
                "benefit": frozenset(self.benefits),
                "channel": frozenset(Channel.values),
            },
            rules={key: each.rule for key, each in self.segments.items() if each.kind == SegmentKind.DYNAMIC},
        )

    def too_large(self, rule: Rule) -> bool:
        """Whether a rule with all that it names is too large to be asked."""
        return "" in too_large({**self.known.rules, "": rule})

    def require_askable(self, *rules: Rule) -> None:
        """Raises TooLarge."""
        if any(self.too_large(rule) for rule in rules):
            raise TooLarge(
                _(
                    "This segment has too many conditions with all the segments it is made of, so it cannot be "
                    "counted. Change it: take conditions or segments out."
                )
            )

    @property
    def scope(self) -> Scope:
        """What a query is made with."""
        base = next(iter(self.tiers.values()), None)
        return Scope(
            merchant_id=self.merchant.pk,
            today=merchant_day(self.at, self.merchant.zone),
            base_tier_id=base.pk if base else None,
            tier_ids={code: tier.pk for code, tier in self.tiers.items()},
            store_ids={key: store.pk for key, store in self.stores.items()},
            segment_ids={key: each.pk for key, each in self.segments.items()},
            segment_rules={
                key: each.rule if each.kind == SegmentKind.DYNAMIC else None
                for key, each in self.segments.items()
            },
        )

    def gone(self, rule: Rule) -> list[str]:
        """The tiers, stores, segments and benefits that a rule names and that are no more."""
        choices = self.known.choices
        return sorted(
            gone
            for fact in ("tier", "store", "segment", "benefit")
            for gone in named(rule, fact) - choices[fact]
        )


def shop(*, merchant: Merchant, at: dt.datetime) -> Shop:
    """A merchant's tiers, stores, segments and benefits. Five queries."""
    version = rules_of.version_at(merchant_id=merchant.pk, at=at)
    rows = {tier.pk: tier for tier in Tier.objects.of(merchant)}
    ladder = [rows[rung["tier"]] for rung in version.ladder if rung["tier"] in rows] if version else []
    return Shop(
        merchant=merchant,
        at=at,
        tiers={tier.code: tier for tier in ladder},
        stores={store.public_id: store for store in Store.objects.of(merchant).order_by("name")},
        segments={each.public_id: each for each in listed(merchant_id=merchant.pk)},
        benefits=benefit_names.names(merchant.pk),
    )


def rule_of(segment: Segment) -> Rule:
    """How a segment's members are asked for: by its rule, or by its list."""
    if segment.kind == SegmentKind.DYNAMIC:
        return segment.rule
    return {"all": [{"fact": "segment", "op": "is_in", "value": [segment.public_id]}]}


def count(*, shop: Shop, rule: Rule) -> int:
    """How many members a checked rule means now. One query. Raises TooLarge."""
    shop.require_askable(rule)
    query = Query(shop.scope)
    return _one(query, query.count_of(rule))[0]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many members a rule means, of how many; `is_about` when a sample says so."""

    members: int
    total: int
    is_about: bool = False

    @property
    def share(self) -> int:
        """Tenths of a percent of all members."""
        return self.members * 1000 // self.total if self.total else 0


def count_in_time(*, shop: Shop, rule: Rule) -> Counted:
    """How many members a checked rule means now, for somebody who waits: exactly where that takes no longer than
    WAIT_MS, else about, from a sample. Four queries at most. Raises TooLarge."""
    total = everybody(merchant_id=shop.merchant.pk)
    exact = set_based.in_time(lambda: count(shop=shop, rule=rule), milliseconds=WAIT_MS)
    if exact is not None:
        return Counted(exact, total)
    return estimated(shop=shop, rule=rule)


def estimated(*, shop: Shop, rule: Rule) -> Counted:
    """About how many members a checked rule means: of those at many places among the shop's, in the order of their
    joining, the share that it means. Three queries."""
    total = everybody(merchant_id=shop.merchant.pk)
    known = {"merchant": shop.merchant.pk, "places": PLACES, "each": EACH}
    sample = [row[0] for row in set_based.fetch_few(SAMPLE, known)]
    query = Query(shop.scope, among=sample)
    found = _one(query, query.select_of("count(*)", rule))[0]
    return Counted(found * total // len(sample) if sample else 0, total, is_about=True)


def everybody(*, merchant_id: int) -> int:
    """How many members there are that rules may mean: all, less the few who are none any more. One query, of indexes
    alone."""
    return int(set_based.fetch_few(EVERYBODY, {"merchant": merchant_id})[0][0])


def counts(*, shop: Shop, segments: Iterable[Segment]) -> dict[int, int]:
    """How many members each segment has now, by its row id; those too large to be asked are left out. Two queries: the
    rules', and the snapshots'."""
    large = too_large(shop.known.rules)
    chosen = [each for each in segments if each.public_id not in large]
    static = [each.pk for each in chosen if each.kind == SegmentKind.STATIC]
    rows = SegmentMember.objects.of(shop.merchant).filter(segment_id__in=static).values_list("segment_id")
    found: dict[int, int] = dict(rows.annotate(n=Count("member_id")).order_by()) if static else {}
    dynamic = [each for each in chosen if each.kind == SegmentKind.DYNAMIC]
    if dynamic:
        query = Query(shop.scope)
        columns = [f"count(*) filter (where {query.predicate(each.rule)})" for each in dynamic]
        numbers = _one(query, query.select(", ".join(columns)))
        found |= {each.pk: number for each, number in zip(dynamic, numbers, strict=True)}
    return {each.pk: found.get(each.pk, 0) for each in chosen}


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two segments: how many are in each, and in both."""

    left: int
    right: int
    both: int


def overlap(*, shop: Shop, left: Rule, right: Rule) -> Overlap:
    """How far two checked rules mean the same members. One query. Raises TooLarge."""
    shop.require_askable(left, right)
    query = Query(shop.scope)
    one, other = query.predicate(left), query.predicate(right)
    columns = ", ".join(f"count(*) filter (where {each})" for each in (one, other, f"({one}) and ({other})"))
    return Overlap(*_one(query, query.select(columns)))


def has_any(*, shop: Shop, rule: Rule) -> bool:
    """Whether a checked rule means anybody. One query."""
    query = Query(shop.scope)
    return bool(set_based.fetch_all(query.select_of("1", rule, "limit 1"), query.values))


def among(*, shop: Shop, rule: Rule, member_ids: Sequence[int]) -> list[int]:
    """Those of some members whom a checked rule means, in order of their row ids. One query. Raises TooLarge."""
    shop.require_askable(rule)
    query = Query(shop.scope)
    query.values["ids"] = list(member_ids)
    statement = query.select_of("m.id", rule, "and m.id = any(%(ids)s::bigint[]) order by m.id")
    return [row[0] for row in set_based.fetch_all(statement, query.values)]


class Found:
    """The members a checked rule means, the newest first, to be paged."""

    ordered = True

    def __init__(self, shop: Shop, rule: Rule) -> None:
        self.shop, self.rule = shop, rule

    def count(self) -> int:
        """How many there are. One query."""
        return count(shop=self.shop, rule=self.rule)

    def __getitem__(self, part: slice) -> list[Member]:
        """A page. Two queries."""
        start = part.start or 0
        ids = member_ids(
            shop=self.shop, rule=self.rule, limit=(part.stop or MOST_LISTED) - start, offset=start
        )
        return in_order(merchant_id=self.shop.merchant.pk, ids=ids)


def member_ids(*, shop: Shop, rule: Rule, limit: int | None = None, offset: int = 0) -> list[int]:
    """The row ids of the members a checked rule means, the newest first. One query. Raises TooLarge."""
    shop.require_askable(rule)
    query = Query(shop.scope)
    query.values |= {"limit": limit, "offset": offset}
    tail = "order by m.joined_at desc, m.id desc limit %(limit)s offset %(offset)s"
    return [row[0] for row in set_based.fetch_all(query.select_of("m.id", rule, tail), query.values)]


def streamed_ids(*, shop: Shop, rule: Rule) -> Iterator[int]:
    """The same of any number of members, read as they are taken. One query, in the transaction under way. Raises
    TooLarge."""
    shop.require_askable(rule)
    query = Query(shop.scope)
    statement = query.select_of("m.id", rule, "order by m.joined_at desc, m.id desc")
    return (row[0] for row in stream(statement, query.values))


def in_order(*, merchant_id: int, ids: Sequence[int]) -> list[Member]:
    """Members by their row ids, in that order. One query."""
    known = Member.objects.of(merchant_id).in_bulk(list(ids))
    return [known[pk] for pk in ids if pk in known]


def users_of(*, segments: Iterable[Segment], public_id: str) -> list[Segment]:
    """The dynamic segments whose rule names another one. Runs no query."""
    return [
        each
        for each in segments
        if each.kind == SegmentKind.DYNAMIC and public_id in named(each.rule, "segment")
    ]


def _one(query: Query, statement: str) -> tuple[int, ...]:
    (row,) = set_based.fetch_all(statement, query.values)
    return row
