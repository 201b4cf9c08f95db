"""What orders bring: once an order, within limits, never at the order's cost; taken back with it (domain 8)."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from benefits.models import Benefit
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.models import Program
from members.services import orders
from tests.benefits.counter import Counter
from tests.members.services.till import JOB, at

pytestmark = pytest.mark.django_db
FROM = {"from_minor": 10_000}


@pytest.fixture
def shop() -> Counter:
    return Counter()


def by_order(shop: Counter, when: str = "2024-01-01", **more) -> Benefit:
    """A repurchase coupon that an order from 100 yuan brings; `more` is of the condition, or what it has besides."""
    condition = {name: more.pop(name) for name in ("from_minor", "skus", "channel") if name in more}
    settings = {"on_order": FROM | condition} | more.pop("settings", {})
    return shop.publish("repurchase_coupon", when, settings=settings, **more)


def causes(shop: Counter, member: str = "m") -> list[tuple[str, str]]:
    return [(each.source, each.state) for each in shop.of(member)]


def many(shop: Counter, *items: tuple[str, orders.OrderIn | orders.RefundIn]) -> orders.Batch:
    with tenancy.tenant(shop.id):
        return orders.put_many(
            merchant_id=shop.id, actor=JOB, items=[(at(when), item) for when, item in items]
        )


def order(shop: Counter, number: str, amount: int, member: str = "m", **more) -> orders.OrderIn:
    return orders.OrderIn(number, [orders.LineIn("tea", 1, amount)], member_id=shop.members[member], **more)


def hears(shop: Counter) -> bool:
    with tenancy.tenant(shop.id), transaction.atomic():
        return Program.objects.get(merchant_id=shop.id).hears_orders


def test_a_paid_order_of_enough_brings_one_and_the_same_order_again_brings_no_other(shop):
    by_order(shop)

    shop.put("2024-02-01", "small", 9_999)
    assert shop.of() == []
    for _n in range(2):
        shop.put("2024-02-01", "enough", 6_000, 4_000)
    assert causes(shop) == [("order", "issued")]
    shop.put("2024-02-02", "enough", 20_000)
    assert len(shop.of()) == 1, "once an order, however it changes"
    shop.put("2024-02-03", "another", 10_000)
    assert len(shop.of()) == 2
    assert shop.do("redeem", shop.of()[0].code, "2024-02-03").use.left_after == 0


def test_an_order_brings_it_when_it_is_paid_and_comes_to_enough(shop):
    by_order(shop)

    shop.put("2024-02-01", "later", 10_000, status="unpaid")
    assert shop.of() == []
    shop.put("2024-02-02", "later", 10_000, status="paid")
    assert len(shop.of()) == 1
    shop.put("2024-02-02", "grows", 5_000)
    shop.put("2024-02-03", "grows", 15_000)
    assert len(shop.of()) == 2


def test_skus_and_channel_are_conditions_where_they_are_named(shop):
    by_order(shop, skus=["s1", "x"], name="Sku")
    by_order(shop, channel="pos", name="Till")

    shop.put("2024-02-01", "one line", 10_000)
    assert shop.of() == [], "its only line is of s0, and it is of the web"
    shop.put("2024-02-01", "two lines", 9_000, 1_000)
    assert [each.benefit.name for each in shop.of()] == ["Sku"]
    shop.put("2024-02-02", "at the till", 10_000, channel="pos")
    assert [each.benefit.name for each in shop.of()] == ["Sku", "Till"]


def test_orders_paid_before_it_began_or_of_nobody_bring_nothing(shop):
    by_order(shop, "2024-02-01")

    shop.put("2024-02-02", "old", 10_000, paid_at=at("2024-01-31"))
    shop.put("2024-02-02", "nobody", 10_000, member=None)
    many(shop, *[("2024-02-03", order(shop, f"old{n}", 10_000, paid_at=at("2023-12-24"))) for n in range(3)])

    assert shop.of() == []


@pytest.mark.parametrize("what", ["stock", "budget", "limit", "paused", "ended", "closed"])
def test_an_order_is_never_refused_for_what_cannot_be_had(shop, what):
    settings = {"budget": {"budget_minor": 1500}, "limit": {"per_member_life": 1}}.get(what, {})
    benefit = by_order(
        shop,
        settings=settings,
        stock=1 if what == "stock" else None,
    )
    had = what in ("stock", "budget", "limit")
    if had:
        shop.put("2024-02-01", "first", 10_000)
    if what == "paused":
        shop.move(benefit, "pause")
    if what == "closed":
        shop.close("2024-02-01")
    if what == "ended":
        shop.move(benefit, "end")

    outcome = shop.put("2024-02-02", "second", 10_000)

    assert outcome.outcome == "created" and len(shop.of()) == int(had)
    assert (shop.stock(benefit) == 0) == (what == "stock")


def test_a_whole_refund_takes_it_back_unused_with_piece_and_budget(shop):
    benefit = by_order(shop, settings={"budget_minor": 1000}, stock=1)
    shop.put("2024-02-01", "a", 10_000)
    shop.refund("2024-02-02", "a", "r1", (1, 4_000))
    assert causes(shop) == [("order", "issued")], "what is kept of the order keeps it"

    shop.refund("2024-02-03", "a", "r2")

    assert causes(shop) == [("order", "revoked")] and shop.stock(benefit) == 1
    shop.put("2024-02-04", "b", 10_000)
    assert causes(shop) == [("order", "revoked"), ("order", "issued")], "its piece and budget were free again"


def test_what_was_used_stays_used_and_a_cancelled_order_is_as_one_refunded(shop):
    by_order(shop)
    shop.put("2024-02-01", "used", 10_000)
    shop.do("redeem", shop.of()[0].code, "2024-02-02")
    shop.put("2024-02-02", "cancelled", 10_000)

    shop.refund("2024-02-03", "used", "r")
    shop.put("2024-02-03", "cancelled", 10_000, status="cancelled")

    assert causes(shop) == [("order", "redeemed"), ("order", "revoked")]


def test_a_refund_while_the_program_is_closed_takes_it_back_too(shop):
    by_order(shop)
    shop.put("2024-02-01", "a", 10_000)
    shop.close("2024-02-02")

    shop.refund("2024-02-03", "a", "r")

    assert causes(shop) == [("order", "revoked")]


def test_many_at_once_bring_the_same_within_stock_and_limits(shop):
    benefit = by_order(shop, stock=4, settings={"per_member_life": 2})
    shop.join("n")
    found = many(
        shop,
        *[("2024-02-01", order(shop, f"m{n}", 10_000)) for n in range(3)],
        *[("2024-02-01", order(shop, f"n{n}", 10_000, "n")) for n in range(3)],
        ("2024-02-01", order(shop, "gone", 10_000)),
        ("2024-02-01", orders.RefundIn("gone", "r")),
    )

    assert found.count("refused") == 0
    assert [len(shop.of(each)) for each in "mn"] == [2, 2] and shop.stock(benefit) == 0


def test_what_orders_bring_is_not_claimed(shop):
    benefit = by_order(shop)
    with pytest.raises(Invalid, match="not claimed"):
        shop.claim(benefit)
    assert shop.of() == []


def test_a_shop_without_such_a_benefit_pays_nothing_for_it(shop):
    shop.publish("coupon")
    shop.publish("repurchase_coupon")
    assert not hears(shop)
    with CaptureQueriesContext(connection) as queries:
        shop.put("2024-02-01", "a", 10_000)
    assert not [each for each in queries if "benefits_" in each["sql"]]

    benefit = shop.publish("repurchase_coupon", name="later")
    shop.move(benefit, "change", settings={"off_minor": 1000, "on_order": FROM})
    assert hears(shop)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"from_minor": 0},
        {"from_minor": "10"},
        {"from_minor": 1, "skus": "tea"},
        {"from_minor": 1, "skus": [""]},
        {"from_minor": 1, "skus": ["s"] * 101},
        {"from_minor": 1, "channel": "market"},
        {"from_minor": 1, "channel": 3},
        {"from_minor": 1, "sku": ["s"]},
        [1],
    ],
)
def test_a_condition_out_of_shape_is_refused(shop, said):
    with pytest.raises(Invalid):
        shop.publish("repurchase_coupon", settings={"on_order": said})
    assert not hears(shop)


@pytest.mark.parametrize("kind", ["welcome_gift", "birthday_gift", "points_exchange", "lucky_draw"])
def test_kinds_that_come_otherwise_know_no_order(shop, kind):
    with pytest.raises(Invalid, match="on_order"):
        shop.publish(kind, settings={"on_order": FROM})
