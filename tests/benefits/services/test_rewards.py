"""Orders of rewards: placed for points in one transaction, within stock and limits; their states; the points back."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from benefits.models import Benefit, RewardOrder
from benefits.services import looks, rewards
from members.lib import tenant as tenancy
from members.lib.refusals import Refusal
from members.models import AuditRow, BenefitUse, PointsEntry, Program
from members.services import programs, tier_rules
from members.services.audit import Actor
from tests.benefits.counter import DAY, Counter
from tests.members.services.till import JOB, at

pytestmark = pytest.mark.django_db
CUP = {"item": "Cup", "points": 200, "delivery": "order"}


@pytest.fixture
def shop() -> Counter:
    made = Counter()
    made.join("n")
    made.adjust("2024-01-10", 500, "start")
    return made


def reward(shop: Counter, **settings: Any) -> Benefit:
    more = {name: settings.pop(name) for name in ("stock", "audience", "to_at") if name in settings}
    return shop.publish("points_exchange", "2024-01-06", settings=CUP | settings, **{"stock": 3, **more})


def place(shop: Counter, benefit: Benefit, key: str = "k", when: str = DAY, member: str = "m", **more: Any):
    with tenancy.tenant(shop.id):
        order, is_new = rewards.place(
            merchant_id=shop.id,
            at=at(when),
            actor=JOB,
            member_id=shop.members[member],
            benefit_id=benefit.pk,
            key=key,
            **more,
        )
    return order, is_new


def act(shop: Counter, verb: str, order: RewardOrder, when: str = DAY, **more: Any) -> Any:
    with tenancy.tenant(shop.id):
        return getattr(rewards, verb)(
            merchant_id=shop.id, at=at(when), actor=Actor("api_key", "Till"), order_id=order.public_id, **more
        )


def facts(shop: Counter) -> list:
    with tenancy.tenant(shop.id), transaction.atomic():
        return [
            list(RewardOrder.objects.of(shop.id).order_by("id").values()),
            list(Benefit.objects.of(shop.id).order_by("id").values_list("stock", "revision")),
            PointsEntry.objects.of(shop.id).count(),
            AuditRow.objects.of(shop.id).count(),
        ]


def refused(shop: Counter, slug: str, do: Any) -> Refusal:
    before = facts(shop)
    with pytest.raises(Refusal) as caught:
        do()
    assert caught.value.slug == slug and caught.value.detail
    assert facts(shop) == before
    return caught.value


def test_an_order_spends_points_and_takes_a_piece_once_for_each_key(shop):
    cup = reward(shop)

    order, is_new = place(shop, cup, send_to=" Ann, Road 1 ")
    again, is_again_new = place(shop, cup, when="2024-02-05")

    assert (is_new, is_again_new, again.pk) == (True, False, order.pk)
    assert (order.state, order.item, order.points, order.money_minor) == ("placed", "Cup", 200, 0)
    assert again.send_to == "Ann, Road 1"
    assert shop.balance()[0] == 300 and shop.stock(cup) == 2
    shop.prove()


@pytest.mark.parametrize(
    ("slug", "more", "points"),
    [
        ("insufficient-points", {"points": 501}, 500),
        ("out-of-stock", {"stock": 0}, 500),
        ("not-in-audience", {"audience": {"tiers": ["gold"]}}, 500),
        ("benefit-not-in-force", {"to_at": at("2024-01-15")}, 500),
        ("invalid", {"delivery": "code"}, 500),
    ],
)
def test_what_cannot_be_ordered_is_refused_and_nothing_is_changed(shop, slug, more, points):
    if "audience" in more:
        with tenancy.tenant(shop.id):
            tier_rules.configure(
                merchant_id=shop.id, at=at("2024-01-05"), actor=JOB, window={"kind": "lifetime"},
                validity_months=12, grace_days=0, downgrade="to_qualified",
                ladder=[{"code": "base"}, {"code": "gold", "all": {"spend_minor": 100}}],
            )  # fmt: skip
    cup = reward(shop, **more)

    refused(shop, slug, lambda: place(shop, cup))
    assert shop.balance()[0] == points


def test_limits_of_a_member_count_orders_that_stand_and_codes_alike(shop):
    cup = reward(shop, per_member_life=1)
    order, _new = place(shop, cup)

    refused(shop, "limit-reached", lambda: place(shop, cup, "two"))
    act(shop, "cancel", order, reason="wrong size")
    place(shop, cup, "two")
    with pytest.raises(Refusal, match="order it instead"):
        shop.claim(cup, how="exchange")


def test_cancelling_gives_points_back_to_their_lots_and_the_piece_to_the_stock(shop):
    cup = reward(shop, stock=1)
    before = shop.lots()
    order, _new = place(shop, cup)
    assert [span.end for span in shop.covered(cup)] == [at(DAY)]

    cancelled = act(shop, "cancel", order, "2024-02-02", reason="wrong size")
    again = act(shop, "cancel", order, "2024-02-03", reason="wrong size")

    assert (cancelled.state, again.cancelled_at) == ("cancelled", at("2024-02-02"))
    assert shop.lots() == before and shop.stock(cup) == 1 and shop.balance()[0] == 500
    assert [span.start for span in shop.covered(cup)][1:] == [at("2024-02-02")]
    shop.prove()
    refused(shop, "conflict", lambda: act(shop, "ship", order))


def test_an_order_with_money_is_sent_when_it_is_paid(shop):
    order, _new = place(shop, reward(shop, money_minor=990))

    refused(shop, "reward-not-paid", lambda: act(shop, "ship", order))
    refused(shop, "conflict", lambda: act(shop, "receive", order))
    assert act(shop, "pay", order).state == "paid"
    assert act(shop, "pay", order, "2024-02-09").paid_at == at(DAY)
    sent = act(shop, "ship", order, "2024-02-02", tracking="SF 1")
    assert (sent.state, sent.tracking) == ("shipped", "SF 1")
    assert act(shop, "ship", order, "2024-02-09", tracking="SF 2").tracking == "SF 1"
    refused(shop, "not-cancellable", lambda: act(shop, "cancel", order, reason="late"))
    assert act(shop, "receive", order, "2024-02-05").state == "received"
    with tenancy.tenant(shop.id), transaction.atomic():
        assert [row.uses for row in BenefitUse.objects.of(shop.id)] == [1]


def test_an_order_of_points_alone_has_no_money_to_pay_and_a_cancellation_a_reason(shop):
    order, _new = place(shop, reward(shop))

    refused(shop, "invalid", lambda: act(shop, "pay", order))
    refused(shop, "invalid", lambda: act(shop, "cancel", order, reason=" "))
    refused(shop, "invalid", lambda: act(shop, "ship", order, tracking="x" * 81))
    refused(shop, "invalid", lambda: place(shop, order.benefit, "new", send_to="x" * 301))
    refused(shop, "not-found", lambda: act(shop, "ship", RewardOrder(public_id="nobody")))


@pytest.mark.parametrize("kind", ["closed", "cleared"])
def test_a_closed_program_takes_no_order_and_sends_what_was_ordered(shop, kind):
    cup = reward(shop, money_minor=990)
    order, _new = place(shop, cup)
    other, _new = place(shop, cup, "two")
    with tenancy.tenant(shop.id), transaction.atomic():
        program = Program.objects.get(merchant_id=shop.id)
        programs.begin_closure(program=program, at=at("2024-02-02"), kind=kind, actor=JOB)
    slug = {"closed": "program-not-open", "cleared": "program-cleared"}[kind]

    refused(shop, slug, lambda: place(shop, cup, "three", "2024-02-03"))
    refused(shop, slug, lambda: act(shop, "cancel", other, "2024-02-03", reason="late"))
    for verb in ("pay", "ship", "receive"):
        act(shop, verb, order, "2024-02-03")
    assert facts(shop)[0][0]["state"] == "received"


def test_the_points_of_an_order_come_back_by_the_order_alone(shop):
    place(shop, reward(shop))
    with tenancy.tenant(shop.id), transaction.atomic():
        (key,) = [
            row.request.key
            for row in PointsEntry.objects.of(shop.id).select_related("request")
            if row.kind == "redeem" and row.request
        ]

    with pytest.raises(Refusal) as caught:
        shop.act("cancel", DAY, key=key)
    assert caught.value.slug == "not-cancellable"


def test_a_look_at_an_address_is_logged_and_nobody_looks_at_them_all(shop, monkeypatch):
    order, _new = place(shop, reward(shop), send_to="Ann, Road 1")

    monkeypatch.setattr(looks, "AN_HOUR", 1)
    refused(shop, "invalid", lambda: act(shop, "address", order, reason=" "))
    assert act(shop, "address", order, reason="to send it") == "Ann, Road 1"
    refused(shop, "too-many-requests", lambda: act(shop, "address", order, reason="again"))
    with tenancy.tenant(shop.id), transaction.atomic():
        assert AuditRow.objects.of(shop.id).get(action="reward_order.address_shown").reason == "to send it"
        raw = RewardOrder.objects.of(shop.id).get()
        assert b"Road" not in bytes(raw.__dict__["send_to"])


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"delivery": "drone"}, "delivery"),
        ({"points": 0}, "points"),
        ({"points": None}, "points"),
        ({"budget_minor": 100, "value_minor": 10}, "budget_minor"),
        ({"valid_days": 3}, "valid_days"),
        ({"delivery": "code", "money_minor": 5}, "money_minor"),
        ({"money_minor": -1}, "money_minor"),
    ],
)
def test_a_reward_that_is_sent_says_what_it_costs_and_has_no_terms_of_a_code(shop, settings, field):
    refusal = refused(shop, "invalid", lambda: reward(shop, **settings))
    assert field in refusal.errors


def test_the_database_keeps_the_states_in_order(shop):
    order, _new = place(shop, reward(shop, money_minor=990))

    for wrong in ({"state": "shipped"}, {"state": "paid"}, {"cancelled_at": at(DAY)}, {"points": 0}):
        with pytest.raises(IntegrityError), tenancy.tenant(shop.id), transaction.atomic():
            RewardOrder.objects.of(shop.id).filter(pk=order.pk).update(**wrong)
