"""The grade page: the level and all it follows from, the cheapest way on, what it gives, the months before."""

from __future__ import annotations

import pytest
from django.db import transaction

from benefits.models import PriceFinding
from compliance.lib.calendar import grades_instant
from compliance.services import grade_policies, grades
from members.lib import tenant as tenancy
from tests.compliance.web.conftest import JOB, Shop, old, staff, when
from tests.factories import ledger

URL = "/compliance/grade"
JUNE = "2026-06-08 10:20"


def graded(shop: Shop, month: str) -> None:
    due = grades_instant(when(f"{month}-01").date())
    with tenancy.platform():
        grades.grade_month(due_at=due, at=due)


def enforce(at: str, **values) -> None:
    with tenancy.platform():
        grade_policies.set_policy(
            at=when(at), effective_at=when(at), actor=JOB, reason="tried", values=values
        )


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


def page(client) -> str:
    response = client.get(URL)
    assert response.status_code == 200
    return response.content.decode().replace("&#x27;", "'")


def test_a_draft_says_when_there_will_be_a_grade(owner, shop, clock):
    clock("2025-06-01 10:00")

    assert "No grade yet" in page(owner)


def test_before_the_first_grade_the_page_shows_the_month_so_far(owner, shop, clock):
    shop.open("2026-06-01 10:00")
    clock(JUNE)

    text = page(owner)

    assert "No month was graded yet; this is what the present one has come to so far." in text
    assert "Keep one benefit online 15 more days in the month." in text


def test_a_graded_month_names_the_cheapest_way_to_the_next_level(owner, shop, clock):
    """Eight days of May with a benefit; 12 of 15 recruits; no sales, nobody effective."""
    shop.open("2025-08-01 10:00")
    shop.publish("2026-05-01 00:00", until="2026-05-09 00:00")
    for place in range(12):
        ledger.join(shop.merchant, when(f"2026-05-{place + 3:02d} 12:00"), f"u{place}")
    graded(shop, "2026-05")
    clock(JUNE)

    text = page(owner)

    assert "The cheapest way to “Potential”" in text
    assert text.index("0.2 more recruits a day.") < text.index(
        "Keep one benefit online 7 more days in the month."
    )
    assert "more members who buy" not in text and "of sales" not in text.split("metrics-title")[0]
    assert "lacks the smallest part of its line" in text
    assert "2026-05" in text and "Small shop" in text and "rule version 1" in text


def test_sales_are_said_in_money(owner, shop, clock):
    enforce("2026-05-01", **{"counts.recruits": False, "counts.effective_members": False})
    shop.open("2025-08-01 10:00")
    shop.publish("2026-04-30 00:00")
    member = ledger.join(shop.merchant, when("2026-04-02 12:00"))
    ledger.buy(shop.merchant, member, "one", when("2026-05-03 12:00"), 50)
    strangers_order(shop, "2026-05-04 12:00", 99_50)
    graded(shop, "2026-05")
    clock(JUNE)

    text = page(owner)

    # 0.50 of 100.00 is 0.5 %; the pass line of a small shop is 1 %.
    assert "Have members make 1% of sales: ¥0.50 more of the month's sales." in text


def strangers_order(shop: Shop, at: str, amount: int) -> None:
    from members.services import orders
    from members.services.order_items import LineIn, OrderIn

    order = OrderIn("stranger", [LineIn("tea", 1, amount)], status="paid")
    with tenancy.tenant(shop.pk), transaction.atomic():
        orders.put_order(merchant_id=shop.pk, at=when(at), actor=JOB, order=order)


def found_by_the_guard(shop: Shop, at: str, sku: str) -> None:
    with tenancy.tenant(shop.pk), transaction.atomic():
        PriceFinding.objects.create(
            merchant_id=shop.pk, at=when(at), source="list", source_id="l1", sku=sku, kind="bait",
            is_blocked=False, policy=0,
        )  # fmt: skip


def test_findings_of_the_price_guard_are_shown_and_keep_from_a_grade_where_the_policy_says_so(
    owner, shop, clock
):
    old(shop)
    for n in range(3):
        found_by_the_guard(shop, "2026-04-30 23:30", f"april-{n}")
        found_by_the_guard(shop, f"2026-05-1{n} 12:00", f"may-{n}")
    graded(shop, "2026-04")
    enforce(
        "2026-05-20", **{"findings.most.potential": 1, "findings.most.quality": 0, "findings.weight.bait": 2}
    )
    graded(shop, "2026-05")
    clock(JUNE)

    text = page(owner)

    assert (
        "Findings of the price guard 3 ·" not in text and "Findings of the price guard 3 (weight 6)" in text
    )
    assert "Findings of the price guard 3\n" in text.replace("</td>", "\n"), (
        "April, by the policy of its time"
    )
    assert "Have the price guard find less: at most 1 in the month; it was 6." in text
    assert "Too many for “Potential”" in text and "Bait price 2" in text


def test_a_new_program_reads_whose_privileges_it_has(owner, shop, clock):
    shop.open("2026-05-02 10:00")
    graded(shop, "2026-05")
    clock(JUNE)

    text = page(owner)

    assert "it has the privileges of “Potential” already" in text
    assert "No quota of joining is in force for your shop." in text


def test_quotas_in_force_are_shown_with_how_many_have_joined(owner, shop, clock):
    enforce("2026-06-01", **{"enforce.quota": True, "enforce.free_join": True, "free_join.improving": True})
    old(shop)
    graded(shop, "2026-05")
    for name in ("a", "b"):
        ledger.join(shop.merchant, when("2026-06-08 09:00"), name)
    clock(JUNE)

    text = page(owner)

    assert "2 have joined today and 2 this month" in text
    assert "Everybody may join" in text


@pytest.mark.parametrize(("role", "status"), [("analyst", 200), ("operator", 200), ("cashier", 403)])
def test_readers_see_it_and_cashiers_do_not(client, shop, role, status):
    client.force_login(staff(shop, "somebody", role))

    assert client.get(URL).status_code == status


@pytest.mark.parametrize(("language", "words"), [("zh-hans", "运营等级"), ("zh-hant", "營運等級")])
def test_the_page_speaks_both_scripts(client, cast, shop, clock, language, words):
    old(shop)
    graded(shop, "2026-05")
    clock(JUNE)
    client.force_login(cast.owner)
    client.cookies["django_language"] = language

    text = client.get(URL).content.decode()

    assert words in text
    assert "benefit online" not in text and "Pass line" not in text
