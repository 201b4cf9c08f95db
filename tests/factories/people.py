"""Members with random lives, written straight to the tables and told to the pure rules alike."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field, replace
from typing import Any

from members.lib import lifecycle
from members.lib.segments import Person, Rule, matches
from members.models import (
    BenefitUse,
    DailyTotal,
    Member,
    MemberTag,
    Merchant,
    Order,
    PointsAccount,
    PointsLot,
    Segment,
    SegmentMember,
    Store,
    Tier,
    TierStanding,
)

CHANNELS = ("web", "taobao", "pos")
TAGS = ("vip", "tea", "教师")
BENEFITS = ("teacoupon", "cakegift")
LOT_DAYS = (-3, -1, 0, 1, 7, 30, 90)


@dataclass
class People:
    """A shop's members as rows and as the pure rule sees them, by row id."""

    merchant: Merchant
    today: dt.date
    tiers: list[Tier]
    stores: list[Store]
    persons: dict[int, Person] = field(default_factory=dict)
    program: lifecycle.Rhythm = lifecycle.USUAL

    def meant(self, rule: Rule) -> set[int]:
        """Whom a rule means, one by one."""
        return {pk for pk, person in self.persons.items() if matches(rule, person, self.today)}


def _days(draw: random.Random, today: dt.date) -> dict[dt.date, tuple[int, int]]:
    """A life of purchases: none, a few, or a rhythm with or without an end; some days refunded whole, some to come."""
    count, gap = draw.choice((0, 1, 2, 3, 4, 6, 12)), draw.randint(1, 60)
    day = today - dt.timedelta(days=draw.choice((-2, 0, 0, 1, 9, 29, 30, 31, 60, 89, 90, 200, 400)))
    found: dict[dt.date, tuple[int, int]] = {}
    for _each in range(count):
        orders = draw.choice((0, 1, 1, 1, 2))
        found[day] = (orders, orders * draw.choice((100, 2_500, 10_000, 99_999)))
        day -= dt.timedelta(days=max(1, gap + draw.randint(-gap // 2, gap // 2)))
    return found


def _birthday(draw: random.Random, today: dt.date) -> tuple[int, int] | None:
    day = today + dt.timedelta(days=draw.choice((-1, 0, 1, 6, 7, 8, 30, 200)))
    return draw.choice((None, (2, 29), (day.month, day.day), (day.month, day.day)))


def _row(merchant: Merchant, number: int, draw: random.Random, today: dt.date) -> Member:
    joined = dt.datetime.combine(today, dt.time(12), merchant.zone) - dt.timedelta(
        days=draw.choice((0, 1, 29, 30, 31, 100, 300, 900))
    )
    birthday = _birthday(draw, today)
    return Member(
        merchant=merchant,
        public_id=f"random{number}",
        at=joined,
        joined_at=joined,
        joined_on=joined.date(),
        channel=draw.choice(CHANNELS),
        source="page",
        phone="",
        name="",
        birth_month=birthday[0] if birthday else None,
        birth_day=birthday[1] if birthday else None,
        status=draw.choice(("active",) * 9 + ("left",)),
    )


def populate(merchant: Merchant, today: dt.date, *, members: int, seed: int) -> People:
    """Fill a shop that has a ladder of tiers, under its own tenant."""
    draw = random.Random(seed)
    tiers = list(Tier.objects.of(merchant).order_by("pk"))
    stores = [
        Store.objects.create(merchant=merchant, code=f"s{n}", name=f"Store {n}", channel="pos")
        for n in range(2)
    ]
    people = People(merchant, today, tiers, stores)
    rows = [_row(merchant, number, draw, today) for number in range(members)]
    Member.objects.bulk_create(rows)
    left: set[int] = set()
    for row in rows:
        people.persons[row.pk] = _live(people, row, draw)
        if row.status == "left":
            left.add(row.pk)
    bought = {
        pk: {day for day, (orders, _spend) in person.days.items() if orders and day <= today}
        for pk, person in people.persons.items()
    }
    own = [r for pk, days in bought.items() if pk not in left and (r := lifecycle.own_rhythm(days))]
    people.program = lifecycle.program_rhythm(own)
    people.persons = {
        pk: replace(
            person,
            lifecycle=lifecycle.stage(
                days=bought[pk], joined_on=person.joined_on, today=today, program=people.program
            ),
        )
        for pk, person in people.persons.items()
        if pk not in left
    }
    return people


def _live(people: People, row: Member, draw: random.Random) -> Person:
    """One member's rows beside its own, and the same for the pure rule."""
    merchant, today = people.merchant, people.today
    who: dict[str, Any] = {"merchant": merchant, "member": row}
    days = _days(draw, today)
    DailyTotal.objects.bulk_create(
        DailyTotal(**who, day=day, orders=orders, spend_minor=spend) for day, (orders, spend) in days.items()
    )
    tier = draw.choice((None, *people.tiers))
    if tier is not None:
        TierStanding.objects.create(**who, tier=tier, since=row.at)
    tags = frozenset(draw.sample(TAGS, draw.randint(0, len(TAGS))))
    MemberTag.objects.bulk_create(MemberTag(**who, name=name, at=row.at) for name in sorted(tags))
    points, lots = _points(who, draw, today)
    return Person(
        joined_on=row.joined_on,
        channel=row.channel,
        tier=(tier or people.tiers[0]).code,
        lifecycle="",
        days=days,
        tags=tags,
        bought_at=_orders(people, row, draw),
        points=points,
        lots=lots,
        birthday=(row.birth_month, row.birth_day) if row.birth_month and row.birth_day else None,
        used=_uses(who, random.Random(len(people.persons)), today),
    )


def _uses(who: dict[str, Any], draw: random.Random, today: dt.date) -> list[tuple[str, dt.date, int]]:
    """Days on which benefits were used, some of which were taken back whole, some to come."""
    chosen = {
        (draw.choice(BENEFITS), draw.choice((-1, 0, 1, 29, 30, 90, 400))) for _n in range(draw.randint(0, 4))
    }
    found = [
        (name, today - dt.timedelta(days=ago), draw.choice((0, 1, 1, 3))) for name, ago in sorted(chosen)
    ]
    BenefitUse.objects.bulk_create(
        BenefitUse(**who, benefit=name, day=day, uses=uses) for name, day, uses in found
    )
    return found


def _points(
    who: dict[str, Any], draw: random.Random, today: dt.date
) -> tuple[int, list[tuple[dt.date | None, int]]]:
    if draw.random() < 0.3:
        return 0, []
    # The job has expired some days; a lot of them has what is left, and counts no more.
    through = draw.choice((None, today - dt.timedelta(days=2), today - dt.timedelta(days=1)))
    alive: list[tuple[dt.date | None, int]] = []
    for number in range(draw.randint(0, 3)):
        until = draw.choice((None, *(today + dt.timedelta(days=n) for n in LOT_DAYS)))
        left = draw.choice((0, 5, 100))
        PointsLot.objects.create(
            **who,
            number=number + 1,
            available_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
            amount=100,
            remaining=left,
            expires_on=until,
        )
        if through is None or until is None or until > through:
            alive.append((until, left))
    total = sum(left for _until, left in alive)
    PointsAccount.objects.create(**who, available=total, expired_through=through)
    return total, alive


def _orders(people: People, row: Member, draw: random.Random) -> list[tuple[str, dt.date]]:
    found = []
    for number in range(draw.choice((0, 0, 1, 2))):
        store = draw.choice((None, *people.stores))
        day = people.today - dt.timedelta(days=draw.choice((-1, 0, 6, 7, 100)))
        status, counts = draw.choice((("paid", True), ("paid", True), ("paid", False), ("unpaid", False)))
        Order.objects.create(
            merchant=people.merchant,
            channel="pos",
            external_id=f"{row.public_id}-{number}",
            store=store,
            member=row,
            at=row.at,
            status=status,
            paid_on=day if status == "paid" else None,
            counts=counts,
            total_minor=100,
            net_minor=100,
        )
        if store is not None and status == "paid" and counts:
            found.append((store.public_id, day))
    return found


def into_segment(people: People, segment: Segment, ids: set[int]) -> None:
    """A snapshot of these members."""
    SegmentMember.objects.bulk_create(
        SegmentMember(merchant=people.merchant, segment=segment, member_id=pk) for pk in sorted(ids)
    )
    people.persons = {
        pk: replace(person, segments=person.segments | ({segment.public_id} if pk in ids else set()))
        for pk, person in people.persons.items()
    }
