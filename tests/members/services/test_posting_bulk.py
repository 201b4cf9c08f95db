"""Bulk posting is single posting: the same history gives the same rows."""

from __future__ import annotations

import datetime as dt
import json
import random
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.lib.refusals import Refusal
from members.models import Order
from members.services import members as joining
from members.services import merchants, orders, point_rules, programs, tier_rules
from members.services.audit import Actor
from tests.conftest import NOON

JOB = Actor.job("test")
# The members of both shops joined in one order.
WHO = "(select count(*) from members_identity j where j.member_id <= i.member_id)"
FACTS = {
    "orders": f"select o.channel, o.external_id, {WHO}, o.at, status, paid_at, paid_on, completed_at, "
    "total_minor, refunded_minor, counts, rules_version, per_major, multiplier, posted, postings, revision "
    "from members_order o left join members_identity i on i.merchant_id = o.merchant_id and i.member_id = o.member_id "
    "order by 1, 2",
    "lines": "select o.external_id, l.number, sku, quantity, amount_minor, l.points, l.refunded_minor "
    "from members_orderline l join members_order o on o.id = l.order_id order by 1, 2",
    "refunds": "select o.external_id, refund, r.at, is_whole, r.amount_minor, r.lines::text, r.sequence "
    "from members_refund r join members_order o on o.id = r.order_id order by 1, 2",
    "revisions": "select o.external_id, r.revision, r.replaced_at, r.lines::text, r.posted, r.sequence "
    "from members_orderrevision r join members_order o on o.id = r.order_id order by 1, 2",
    "entries": f"select {WHO}, sequence, e.at, kind, points, pending, balance_after, cause, o.external_id, "
    "refund, posting from members_pointsentry e join members_identity i on i.member_id = e.member_id "
    "left join members_order o on o.id = e.order_id order by 1, 2",
    "lots": f"select {WHO}, number, available_at, amount, remaining from members_pointslot l "
    "join members_identity i on i.member_id = l.member_id order by 1, 2",
    "accounts": f"select {WHO}, available, pending, deficit, earned, clawed_back, sequence "
    "from members_pointsaccount a join members_identity i on i.member_id = a.member_id where sequence > 0 order by 1",
    "days": f"select {WHO}, day, spend_minor, orders, points from members_dailytotal d "
    "join members_identity i on i.member_id = d.member_id where spend_minor <> 0 or orders <> 0 order by 1, 2",
    "standings": f"select {WHO}, t.code, since, valid_until from members_tierstanding s "
    "join members_identity i on i.member_id = s.member_id join members_tier t on t.id = s.tier_id order by 1",
    "bonuses": "select o.external_id, scene, kept::text from members_orderbonus b "
    "join members_order o on o.id = b.order_id order by 1",
    "uses": f"select {WHO}, code, day, u.points from members_earninguse u "
    "join members_identity i on i.member_id = u.member_id where u.points <> 0 order by 1, 2, 3",
    "moves": f"select {WHO}, m.at, t.code, cause, spend_minor, orders from members_tiermove m "
    "join members_identity i on i.member_id = m.member_id join members_tier t on t.id = m.to_tier_id order by 1, 2, 3",
}


def facts(merchant_id: int) -> dict[str, list[Any]]:
    """Everything derived, by external names instead of ids."""
    found = {}
    with tenancy.tenant(merchant_id), connection.cursor() as cursor:
        for name, query in FACTS.items():
            cursor.execute(query)
            found[name] = cursor.fetchall()
    return found


CAMPAIGNS = Earning.read(
    {
        "order_most": 260,
        "day_most": 300,
        "campaigns": [
            {"code": "double", "multiplier": "2", "when": {"skus": ["s0", "s2*"]}, "day_most": 90},
            {"code": "evening", "extra": 7, "when": {"scenes": ["evening"]}, "member_most": 40},
            {"code": "half", "multiplier": "1.5", "order_most": 30, "when": {"weekdays": [1, 2, 6, 7]}},
        ],
    }
)


def open_shop(name: str, earning: Earning | None = None) -> tuple[int, list[int]]:
    with tenancy.platform():
        shop = merchants.create_merchant(name=name, owner=None, at=NOON, actor=JOB)
    with tenancy.tenant(shop.pk):
        tier_rules.configure(
            merchant_id=shop.pk,
            at=NOON,
            actor=JOB,
            ladder=[
                {"code": "base"},
                {"code": "silver", "all": {"spend_minor": 20_000}},
                {"code": "gold", "any": {"spend_minor": 60_000, "orders": 9}},
            ],
        )
        point_rules.configure(
            merchant_id=shop.pk,
            at=NOON,
            actor=JOB,
            per_major=Decimal("1.37"),
            tier_multipliers={"silver": Decimal("1.2"), "gold": Decimal("1.5")},
            earning=earning,
        )
        programs.open_program(merchant_id=shop.pk, at=NOON, actor=JOB)
        people = [
            joining.join(merchant_id=shop.pk, at=NOON, actor=JOB, channel="web", external_id=f"m{n}").pk
            for n in range(4)
        ]
    return shop.pk, people


def history(seed: int, people: list[int]) -> list[orders.Item]:
    """Orders, changes, cancellations and refunds, some of them refused."""
    dice = random.Random(seed)
    items: list[orders.Item] = []
    at = NOON
    for _ in range(60):
        at += dt.timedelta(minutes=dice.randint(0, 900))
        name = f"o{dice.randint(0, 24)}"
        if dice.random() < 0.3:
            some = [(dice.randint(1, 3), dice.randint(1, 4_000)) for _ in range(dice.randint(1, 2))]
            items.append(
                (at, orders.RefundIn(name, f"r{dice.randint(0, 9)}", lines=dice.choice([None, some])))
            )
            continue
        lines = [
            orders.LineIn(f"s{n}", dice.randint(0, 3), dice.choice([0, dice.randint(1, 9_000)]))
            for n in range(dice.randint(1, 3))
        ]
        member = people[int(name[1:]) % len(people)] if dice.random() < 0.85 else None
        more: dict[str, Any] = (
            {"status": dice.choice(["unpaid", "cancelled", "paid"])} if dice.random() < 0.2 else {}
        )
        more["scene"] = dice.choice(["", "evening"])
        items.append((at, orders.OrderIn(name, lines, member_id=member, **more)))
    return items


@pytest.mark.parametrize(
    ("seed", "earning"), [*((seed, None) for seed in range(12)), *((seed, CAMPAIGNS) for seed in range(6))]
)
def test_bulk_posting_equals_single_posting(db, seed, earning):
    single, its_people = open_shop("single", earning)
    bulk, other_people = open_shop("bulk", earning)

    refused_singly = []
    for at, item in history(seed, its_people):
        with tenancy.tenant(single):
            try:
                with transaction.atomic():
                    post(single, at, item)
            except Refusal as refusal:
                refused_singly.append((item.key, refusal.slug))
    items = history(seed, other_people)
    with tenancy.tenant(bulk):
        outcomes = []
        cut = random.Random(seed).randint(1, 59)
        for part in (items[:cut], items[cut:]):
            outcomes += orders.put_many(merchant_id=bulk, actor=JOB, items=part).outcomes

    refused_in_bulk = [
        (item.key, o.refusal.slug) for (_, item), o in zip(items, outcomes, strict=True) if o.refusal
    ]
    assert refused_in_bulk == refused_singly
    assert facts(bulk) == facts(single)
    assert earning is None or limits_hold(single)


def limits_hold(merchant_id: int) -> bool:
    """What members had is what their orders hold of it, and within the limits."""
    found = facts(merchant_id)
    held: dict[str, int] = {}
    for _order, _scene, kept in found["bonuses"]:
        for code, points in json.loads(kept)["claims"].items() if kept != "{}" else ():
            held[code] = held.get(code, 0) + points
    used: dict[str, int] = {}
    most = {"": 300, "double": 90, "evening": 40}
    for _who, code, _day, points in found["uses"]:
        used[code] = used.get(code, 0) + points
        assert points <= most[code]
    return used == held and bool(used)


def post(merchant_id: int, at: dt.datetime, item: orders.OrderIn | orders.RefundIn) -> None:
    if isinstance(item, orders.OrderIn):
        orders.put_order(merchant_id=merchant_id, at=at, actor=JOB, order=item)
    else:
        orders.refund_order(
            merchant_id=merchant_id,
            at=at,
            actor=JOB,
            channel=item.channel,
            external_id=item.external_id,
            refund_id=item.refund,
            lines=item.lines,
        )


def test_many_rows_go_by_copy_and_say_the_same(db):
    single, its_people = open_shop("single")
    bulk, other_people = open_shop("bulk")

    def year(people: list[int]) -> list[orders.Item]:
        return [
            (
                NOON + dt.timedelta(hours=n),
                orders.OrderIn(f"o{n}", [orders.LineIn("s", 1, 700 + n)], member_id=people[n % 4]),
            )
            for n in range(150)
        ]

    with tenancy.tenant(single):
        for at, item in year(its_people):
            post(single, at, item)
    with tenancy.tenant(bulk):
        batch = orders.put_many(merchant_id=bulk, actor=JOB, items=year(other_people))

    assert batch.count("created") == 150
    assert facts(bulk) == facts(single)


def test_a_buyer_told_later_is_filled_in_and_one_that_is_known_stays(db):
    shop, _people = open_shop("single")
    lines = [orders.LineIn("s", 1, 700)]

    with tenancy.tenant(shop):
        for buyer in ("", "b1", "b2"):
            order = orders.OrderIn("o", lines, member_key=buyer)
            orders.put_order(merchant_id=shop, at=NOON, actor=JOB, order=order)
        stored = Order.objects.select_related("identity").get(external_id="o")

    assert stored.identity.external_id == "b1"
