"""Benefits that hardly anybody can use do not count where the policy says so: each rule, and that the past stays."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from benefits.lib import usefulness as rule
from benefits.lib.prices import PriceRow, list_facts
from benefits.models import Benefit, BenefitRevision, Coverage, SkuPrice
from benefits.selectors import calendar, coverage
from benefits.services import audiences, benefits
from benefits.services.cures import ready_choices
from benefits.web import words
from compliance.selectors import decision_replay, status
from members.lib import tenant as tenancy
from members.models import Order
from members.services import members, programs, tier_rules
from tests.compliance.services.conftest import JOB, at
from tests.compliance.services.test_cheap_escapes import RUN, outcome

ONE_OFF = {"off_minor": 100, "at_least_minor": 9_999_900}
DEAR = {"off_minor": 10_000, "at_least_minor": 100_000}


@pytest.fixture
def shop(platform):
    """A shop under the platform's own paper rules, with 40 orders of 10.00 to 400.00 in May."""
    platform.policy("2023-09-02", paper_rules=["threshold", "saving"], min_audience=5)
    made = platform.shop("2023-10-01")
    orders(made, [1_000 * number for number in range(1, 41)], "2024-05-10")
    return made


def orders(shop: Any, amounts: list[int], when: str, name: str = "o") -> None:
    paid = at(when)
    with tenancy.tenant(shop.pk), transaction.atomic():
        Order.objects.bulk_create(
            Order(
                merchant_id=shop.pk,
                channel="web",
                external_id=f"{name}{number}",
                at=paid,
                status="paid",
                paid_at=paid,
                paid_on=paid.date(),
                total_minor=amount,
                net_minor=amount,
            )
            for number, amount in enumerate(amounts)
        )


def judged(platform, shop) -> tuple[str, str]:
    platform.assess("2024-06-13 04:00")
    platform.run(RUN)
    return outcome(shop)


def evidence(shop, when: str) -> list[tuple[bool, str]]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = status.page(merchant_id=shop.pk, at=at(when)).evidence
        return [(row.counted, row.reason) for row in rows]


def test_a_coupon_of_1_yuan_off_99_999_saves_nobody(platform, shop):
    coupon = platform.coupon(shop, "2024-06-01", settings=ONE_OFF)

    assert judged(platform, shop) == ("cleared", "uncovered")
    assert evidence(shop, "2024-06-27 22:00") == [(False, "threshold")]
    assert coupon.measured == {
        "threshold_minor": 9_999_900,
        "orders": 40,
        "p95_minor": 38_000,
        "saving": "0.0000",
        "audience": None,
    }


@pytest.mark.parametrize(
    ("settings", "rules", "kept"),
    [
        (DEAR, ["threshold", "saving"], False),
        (DEAR, ["saving"], True),
        ({"off_percent": "0.5"}, ["threshold", "saving"], False),
        ({"off_percent": "0.5"}, ["threshold"], True),
        (ONE_OFF, [], True),
        ({"off_minor": 1_000, "at_least_minor": 38_000}, ["threshold", "saving"], True),
    ],
)
def test_each_rule_can_be_switched_off(platform, shop, settings, rules, kept):
    platform.policy("2024-01-01", paper_rules=rules)
    platform.coupon(shop, "2024-06-01", settings=settings)

    assert judged(platform, shop) == (("kept", "covered") if kept else ("cleared", "uncovered"))


def test_a_shop_of_few_orders_has_no_threshold_too_high(platform):
    platform.policy("2023-09-02", paper_rules=["threshold"])
    shop = platform.shop("2023-10-01")
    orders(shop, [1_000] * 19, "2024-05-10")
    platform.coupon(shop, "2024-06-01", settings=DEAR)

    assert judged(platform, shop) == ("kept", "covered")


def test_orders_that_come_later_rewrite_nothing(platform, shop):
    platform.coupon(shop, "2024-06-01", settings={"off_minor": 2_000, "at_least_minor": 38_000})
    orders(shop, [1_000] * 400, "2024-06-05", "later")

    assert judged(platform, shop) == ("kept", "covered")
    with tenancy.platform(), transaction.atomic():
        replayed = decision_replay.find(run="2024-06", program=shop.slug)
    assert replayed.differing == []


def test_another_name_measures_nothing_anew(platform, shop):
    coupon = platform.coupon(shop, "2024-06-01", settings={"off_minor": 2_000, "at_least_minor": 38_000})
    orders(shop, [1_000] * 400, "2024-06-05", "later")
    with tenancy.tenant(shop.pk):
        changed = benefits.change_benefit(
            merchant_id=shop.pk, benefit_id=coupon.pk, at=at("2024-06-06"), actor=JOB, name="Another"
        )

    assert (changed.name, changed.doubts, changed.measured) == ("Another", 0, coupon.measured)
    assert judged(platform, shop) == ("kept", "covered")


def test_a_change_is_measured_anew_and_leaves_the_past_as_it_was(platform, shop):
    platform.policy("2024-01-01", counting_basis="in_force")
    coupon = platform.coupon(shop, "2024-06-01", settings=ONE_OFF)
    with tenancy.tenant(shop.pk):
        benefits.change_benefit(
            merchant_id=shop.pk,
            benefit_id=coupon.pk,
            at=at("2024-06-20"),
            actor=JOB,
            settings={"off_minor": 500},
        )

    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = {row.doubts: row.in_force for row in Coverage.objects.of(shop.pk)}
    assert {doubts: [(span.start, span.end) for span in spans] for doubts, spans in rows.items()} == {
        3: [(at("2024-06-01"), at("2024-06-20"))],
        0: [(at("2024-06-20"), None)],
    }
    assert judged(platform, shop) == ("kept", "covered")
    assert sorted(evidence(shop, "2024-06-27 22:00")) == [(False, "threshold"), (True, "counted")]


def test_pausing_and_resuming_keep_what_was_measured(platform, shop):
    coupon = platform.coupon(shop, "2024-06-01", settings=ONE_OFF)
    with tenancy.tenant(shop.pk):
        who = {"merchant_id": shop.pk, "benefit_id": coupon.pk, "actor": JOB}
        benefits.pause_benefit(at=at("2024-06-02"), **who)
        benefits.resume_benefit(at=at("2024-06-03"), **who)

    assert judged(platform, shop) == ("cleared", "uncovered")


def test_a_benefit_for_four_members_counts_once_a_fifth_has_come(platform, shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        ladder = [{"code": "base"}, {"code": "gold", "all": {"spend_minor": 100_000}}]
        tier_rules.configure(merchant_id=shop.pk, at=at("2024-01-01"), actor=JOB, ladder=ladder)
        for number in range(4):
            join(shop, number)
    coupon = platform.coupon(shop, "2024-06-01", audience={"tiers": ["base"]})
    assert evidence(shop, "2024-06-02") == [(False, "small")]

    with tenancy.tenant(shop.pk):
        assert audiences.observe(merchant_id=shop.pk, at=at("2024-06-03")) == 0
        join(shop, 4)
        assert audiences.observe(merchant_id=shop.pk, at=at("2024-06-04")) == 1
        assert audiences.observe(merchant_id=shop.pk, at=at("2024-06-05")) == 0
        last = BenefitRevision.objects.of(shop.pk).order_by("number").last()
        assert (last.benefit_id, last.action, last.configures) == (coupon.pk, "audience", False)

    assert judged(platform, shop) == ("kept", "covered")


def join(shop, number: int) -> None:
    members.join(
        merchant_id=shop.pk,
        at=at("2024-02-01"),
        actor=JOB,
        channel="web",
        external_id=f"m{number}",
        source="page",
    )


def test_a_scripted_benefit_is_not_measured(platform, shop):
    with tenancy.tenant(shop.pk):
        made = benefits.publish_benefit(
            merchant_id=shop.pk,
            at=at("2024-06-01"),
            actor=JOB,
            kind="coupon",
            settings=ONE_OFF,
            as_scripted=True,
        )

    assert (made.doubts, made.measured) == (0, {})


def test_no_ready_choice_is_one_that_would_not_count(platform, shop):
    orders(shop, [2_000] * 2_000, "2024-06-01", "small")
    with tenancy.tenant(shop.pk), transaction.atomic():
        every = ready_choices(merchant_id=shop.pk, at=at("2024-06-10"))
        usable = ready_choices(merchant_id=shop.pk, at=at("2024-06-10"), refused_doubts=3)

    assert [choice.key for choice in every] == ["coupon", "share", "small"]
    assert [choice.key for choice in usable] == ["small"]


def test_stored_coverage_is_what_the_revisions_say(platform, shop):
    platform.coupon(shop, "2024-06-01", settings=ONE_OFF)
    platform.coupon(shop, "2024-06-02", settings={"off_minor": 500})

    with tenancy.tenant(shop.pk), transaction.atomic():
        stored = coverage.stored(merchant_id=shop.pk)
        live = coverage.in_force(merchant_id=shop.pk, at=at("2024-06-03"))
        names = dict(Benefit.objects.of(shop.pk).values_list("id", "doubts"))
    assert [(row.kind, row.doubts) for row in stored] == [("coupon", 0), ("coupon", 3)]
    assert {benefit.pk: doubts for benefit, _kind, doubts in live} == names


def test_a_cure_published_one_second_before_the_run_saves(platform, shop):
    platform.assess("2024-06-13 04:00")
    platform.coupon(shop, "2024-06-27 22:59:59", settings={"off_minor": 500})
    platform.run(RUN)
    assert outcome(shop) == ("kept", "covered")


def test_a_cure_published_at_the_very_second_of_the_run_is_too_late(platform, shop):
    platform.assess("2024-06-13 04:00")
    with tenancy.tenant(shop.pk):
        programs.lock_for_write(merchant_id=shop.pk)
    platform.coupon(shop, "2024-06-27 23:00:00", settings={"off_minor": 500})
    platform.run(RUN)
    assert outcome(shop) == ("cleared", "uncovered")


def test_the_next_run_judges_a_measured_benefit_by_its_own_policy(platform, shop):
    platform.coupon(shop, "2024-06-01", settings=DEAR)
    platform.policy("2024-06-28", paper_rules=[])
    assert judged(platform, shop) == ("cleared", "uncovered")
    with tenancy.platform(), transaction.atomic():
        later = status.page(merchant_id=shop.pk, at=at("2024-06-29") + dt.timedelta(hours=1)).evidence
    assert [row.counted for row in later] == [True]


# ---- nothing in its scope that the shop sells -----------------------------------------------------------------------


def price_table(shop: Any, *skus: str) -> None:
    with tenancy.tenant(shop.pk), transaction.atomic():
        SkuPrice.objects.bulk_create(
            SkuPrice(merchant_id=shop.pk, sku=sku, list_minor=10_000, from_at=at("2024-01-01"))
            for sku in skus
        )


def listed(shop: Any, when: str, *skus: str) -> Benefit:
    """A price list of some SKUs, half price for everyone."""
    rows = [PriceRow(sku=sku, list_minor=10_000, price_minor=5_000) for sku in skus]
    with tenancy.tenant(shop.pk), transaction.atomic():
        return benefits.publish_benefit(
            merchant_id=shop.pk, at=at(when), actor=JOB, kind="member_price", prices=rows,
            settings={"list": list_facts(rows)},
        )  # fmt: skip


def test_the_calendar_has_a_gap_where_the_rule_in_force_lets_no_benefit_count(platform, shop):
    platform.coupon(shop, "2024-06-01", settings={"off_percent": "0.5"})

    def gaps():
        with tenancy.tenant(shop.pk), transaction.atomic():
            days, (lane,) = calendar.month(
                merchant_id=shop.pk, first=dt.date(2024, 6, 1), zone=shop.zone, at=at("2024-06-15")
            )
        return lane.counts, sum(day.is_gap for day in days)

    assert gaps() == (False, 30)
    platform.policy("2024-06-10", paper_rules=["threshold"])
    assert gaps() == (True, 0)


@pytest.mark.parametrize(("until", "doubts"), [("2024-07-01", ()), ("2024-05-20", ("scope",))])
def test_a_price_that_ends_is_one_that_the_shop_sells_at_until_then(platform, shop, until, doubts):
    price_table(shop, "tea", "cup")
    with tenancy.tenant(shop.pk), transaction.atomic():
        SkuPrice.objects.of(shop).filter(sku="tea").update(to_at=at(until))

    assert rule.slugs(listed(shop, "2024-06-01", "tea").doubts) == doubts


def test_a_price_list_of_nothing_that_the_shop_sells_does_not_count(platform, shop):
    platform.policy("2024-01-01", paper_rules=["scope"])
    price_table(shop, "tea", "cup")
    benefit = listed(shop, "2024-06-01", "unicorn", "yeti")

    assert (rule.slugs(benefit.doubts), benefit.measured["sellable"]) == (("scope",), False)
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert "price table" in " ".join(words.why_not_counted(benefit, "CNY", at("2024-06-01")))
    assert judged(platform, shop) == ("cleared", "uncovered")
    assert evidence(shop, "2024-06-27 22:00") == [(False, "scope")]
    price_table(shop, "unicorn")  # what comes later rewrites nothing
    with tenancy.platform(), transaction.atomic():
        assert decision_replay.find(run="2024-06", program=shop.slug).differing == []


@pytest.mark.parametrize(
    ("table", "skus", "rules"),
    [
        (["tea"], ["tea", "yeti"], ["scope"]),  # one that is sold is enough
        ([], ["yeti"], ["scope"]),  # a shop without a price table does not say what it sells
        (["tea"], ["yeti"], ["threshold", "saving"]),  # switched off
    ],
)
def test_a_price_list_counts_when_something_of_it_is_sold_or_nobody_can_say(
    platform, shop, table, skus, rules
):
    platform.policy("2024-01-01", paper_rules=rules)
    price_table(shop, *table)
    listed(shop, "2024-06-01", *skus)

    assert judged(platform, shop) == ("kept", "covered")


def test_doubts_that_the_rule_in_force_lets_count_are_not_spoken_of(platform, shop):
    few = platform.coupon(shop, "2024-06-01", settings={"off_minor": 1_000, "at_least_minor": 20_000})
    with tenancy.tenant(shop.pk), transaction.atomic():
        few.doubts, few.measured = rule.audience_doubts(8), {"audience": 8}  # fewer than 10, not than 5
        assert words.why_not_counted(few, "CNY", at("2024-06-01")) == []
    platform.policy("2024-06-10", min_audience=20)
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert "8 members" in words.why_not_counted(few, "CNY", at("2024-06-11"))[0]
