"""The program's settings, its tiers and its point rule, over HTTP and without a script."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.models import Program, Role, RulesVersion, Staff, Tier, TierStanding
from members.selectors import rules as rules_of
from members.selectors import setup_guide
from members.services import members, orders, programs
from members.services.audit import Actor
from members.services.orders import LineIn, OrderIn
from tests.factories import ledger

JOB = Actor.job("test")


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def analyst(client, cast):
    with tenancy.platform():
        Staff.objects.filter(user=cast.clerk).update(role=Role.ANALYST)
    client.force_login(cast.clerk)
    return client


def program_of(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return Program.objects.get(pk=shop.pk)


def version_of(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return rules_of.version_at(merchant_id=shop.pk, at=timezone.now())


def ladder_of(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        names = dict(Tier.objects.of(shop).values_list("id", "name"))
    return [(names[rung["tier"]], rung["requirements"]) for rung in version_of(shop).ladder]


def guide_of(shop, has_benefit=False):
    with tenancy.tenant(shop.pk), transaction.atomic():
        program = Program.objects.get(pk=shop.pk)
        tasks = setup_guide.tasks(program=program, at=timezone.now(), has_benefit=has_benefit)
    return {task.key for task in tasks if task.is_done}


def ladder_form(*rows, **more):
    """What a browser sends for these rows of (code, name, spend, orders)."""
    form = {"window_kind": "rolling", "window_days": "365", "validity_months": "12", "grace_days": "0"}
    form["downgrade"] = "to_qualified"
    for place, (code, name, spend, count) in enumerate(rows):
        values = {"code": code, "name": name, "needs": "all", "spend_minor": spend, "orders": count}
        form |= {f"t{place}-{key}": value for key, value in values.items()}
    return form | more


BASE = ("base", "Member", "", "")


def points_form(**typed):
    """What a browser sends of the point rules, as they are in a new program, with some of it typed over."""
    form = {
        "per_major": "1",
        "times_base": "1",
        "pending_days": "0",
        "expiry": "never",
        "months": "12",
        "month": "12",
        "day": "31",
        "clawback": "allow_deficit",
        "adjust_limit": "",
        "give_back_days": "90",
        "notice_days": "30, 7",
        "point_cost": "",
        "example": "",
    }
    return form | typed


def test_a_draft_opens_with_defaults_in_one_press(owner, cast):
    page = owner.get("/program/").content.decode()
    assert "Open program" in page
    assert "from ¥1,000.00 in 365 days" in page

    response = owner.post("/program/open", follow=True)

    assert response.status_code == 200
    assert program_of(cast.shop).status == "open"
    assert ladder_of(cast.shop) == [
        ("Member", {}),
        ("Silver", {"spend_minor": 100_000}),
        ("Gold", {"spend_minor": 500_000}),
    ]
    assert version_of(cast.shop).per_major == 1


def test_a_ladder_that_somebody_chose_is_not_replaced_by_opening(owner, cast):
    owner.post("/program/tiers", ladder_form(BASE))

    owner.post("/program/open")

    assert program_of(cast.shop).status == "open"
    assert ladder_of(cast.shop) == [("Member", {})]


def test_opening_twice_changes_nothing_and_closing_twice_is_refused(owner, cast):
    owner.post("/program/open")
    assert owner.post("/program/open").status_code == 302
    opened_at = program_of(cast.shop).opened_at

    assert owner.post("/program/close").status_code == 302
    assert owner.post("/program/close").status_code == 422
    assert program_of(cast.shop).status == "closed"
    owner.post("/program/open")

    assert (program_of(cast.shop).status, program_of(cast.shop).opened_at) == ("open", opened_at)


def test_opening_and_closing_need_a_post(owner, cast):
    assert owner.get("/program/open").status_code in (403, 405)
    assert owner.get("/program/close").status_code in (403, 405)
    assert program_of(cast.shop).status == "draft"


def test_the_name_is_changed_and_ticked_off(owner, cast):
    assert "name" not in guide_of(cast.shop)

    same = owner.post("/program/", {"name": "Swallow Valley"})
    empty = owner.post("/program/", {"name": "  "})
    owner.post("/program/", {"name": " Swallow  Club "})

    assert (same.status_code, empty.status_code) == (302, 422)
    assert program_of(cast.shop).name == "Swallow Club"
    assert "name" in guide_of(cast.shop)


def test_an_address_of_another_site_is_not_gone_back_to(owner):
    assert owner.post("/program/", {"name": "A", "next": "https://example.org/"})["Location"] == "/program/"
    assert owner.post("/program/", {"name": "A", "next": "/"})["Location"] == "/"


def test_five_tasks_are_done_in_any_order(owner, cast):
    assert guide_of(cast.shop) == set()

    owner.post("/program/points", points_form())
    assert guide_of(cast.shop) == {"points"}
    owner.post("/program/tiers", ladder_form(BASE, ("silver", "Silver", "1000", "")))
    assert guide_of(cast.shop, has_benefit=True) == {"points", "tiers", "benefit"}


def test_an_analyst_reads_and_changes_nothing(analyst, cast):
    for page in ("/program/", "/program/tiers", "/program/points"):
        assert analyst.get(page).status_code == 200
    for page in ("/program/", "/program/open", "/program/close", "/program/tiers", "/program/points"):
        assert analyst.post(page, {"name": "Mine"}).status_code == 403

    assert program_of(cast.shop).status == "draft"


# --- tiers


def test_a_ladder_of_every_metric_over_a_calendar_year_is_saved_and_shown_as_typed(owner, cast):
    form = ladder_form(BASE, ("silver", "Silver", "", ""), window_kind="calendar_year", window_days="")
    form |= {"t1-active_days": "5", "t1-growth": "1,000", "t1-needs": "any"}
    form |= {"growth_spend_minor": "0.5", "growth_orders": "10", "growth_points_earned": ""}

    response = owner.post("/program/tiers", form)

    assert response.status_code == 302
    version = version_of(cast.shop)
    assert version.window == {"kind": "calendar_year"}
    assert version.growth == {"spend_minor": "0.005", "orders": "10"}
    assert version.ladder[1]["needs"] == "any"
    assert version.ladder[1]["requirements"] == {"active_days": 5, "growth": 1000}
    shown = owner.get("/program/tiers").content.decode()
    assert 'name="growth_spend_minor" value="0.5"' in shown and 'name="t1-growth" value="1000"' in shown


def test_a_rolling_window_without_days_and_growth_without_weights_are_refused(owner, cast):
    before = version_of(cast.shop).number

    dayless = owner.post("/program/tiers", ladder_form(BASE, window_days=""))
    weightless = owner.post(
        "/program/tiers", ladder_form(BASE, ("silver", "Silver", "", "")) | {"t1-growth": "10"}
    )

    assert "Say how many days count." in dayless.content.decode()
    assert "asks for growth, which has no weights yet" in weightless.content.decode()
    assert version_of(cast.shop).number == before


def test_a_draft_is_offered_three_tiers(owner, cast):
    page = owner.get("/program/tiers").content.decode()

    assert 'value="1000.00"' in page
    assert 'value="5000.00"' in page
    assert version_of(cast.shop).number == 1


def test_a_ladder_is_saved_with_amounts_as_people_type_them(owner, cast):
    form = ladder_form(BASE, ("", "银卡", "１，０００ 元", ""), ("", "金卡", "¥5,000.50", "3"))

    response = owner.post("/program/tiers", form | {"t2-needs": "any"})

    assert response.status_code == 302
    assert ladder_of(cast.shop) == [
        ("Member", {}),
        ("银卡", {"spend_minor": 100_000}),
        ("金卡", {"spend_minor": 500_050, "orders": 3}),
    ]
    assert [rung["needs"] for rung in version_of(cast.shop).ladder] == ["all", "all", "any"]


def test_a_ladder_out_of_order_is_refused_with_both_numbers(owner, cast):
    form = ladder_form(BASE, ("silver", "Silver", "1000", "5"), ("gold", "Gold", "500", "3"))

    response = owner.post("/program/tiers", form)
    page = response.content.decode()

    assert response.status_code == 422
    assert (
        "Gold asks for ¥500.00, less than the lower tier Silver with ¥1,000.00. Raise it, or swap the two."
        in page
    )
    assert (
        "Gold asks for 3 orders, fewer than the lower tier Silver with 5. Raise it, or swap the two." in page
    )
    assert version_of(cast.shop).number == 1


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("a", "A", "", "")], "A needs a requirement: a spend, a number of orders, or another."),
        ([("a", "A", "1000", ""), ("b", "B", "1000", "")], "B asks for exactly what A asks for"),
        ([("a", "A", "12,5x", "")], "“12,5x” is not a number."),
        ([("a", "A", "1.005", "")], "“1.005” has more than 2 decimals."),
        ([("a", "A", "0", "")], "An amount lies between 0.01 and"),
        ([("a", "A", "", "1.5")], "“1.5” is not a whole number from 1 to 1,000,000,000."),
        ([("a", "", "10", "")], "This field is required."),
        ([("a", "A", "10", ""), ("a", "B", "20", "")], "code of its own"),
    ],
)
def test_what_is_wrong_with_a_tier_is_said_and_entries_are_kept(owner, cast, rows, says):
    response = owner.post("/program/tiers", ladder_form(BASE, *rows))
    page = response.content.decode()

    assert response.status_code == 422
    assert says in page
    assert all(f'value="{value}"' in page for row in rows for value in row[1:] if value)
    assert version_of(cast.shop).number == 1


def test_a_row_comes_and_goes_without_a_script(owner, cast):
    form = ladder_form(BASE, ("silver", "Silver", "not yet", ""), ("gold", "Gold", "500", ""))

    added = owner.post("/program/tiers", form | {"add": "1"})
    removed = owner.post("/program/tiers", form | {"remove": "1"})

    assert added.status_code == removed.status_code == 200
    assert [row["name"].value() for row in added.context["row_forms"]] == ["Member", "Silver", "Gold", ""]
    assert 'value="not yet"' in added.content.decode()
    assert [row["name"].value() for row in removed.context["row_forms"]] == ["Member", "Gold"]
    assert version_of(cast.shop).number == 1


def test_the_lowest_tier_cannot_be_taken_out(owner):
    response = owner.post("/program/tiers", ladder_form(BASE) | {"remove": "0"})

    assert [row["name"].value() for row in response.context["row_forms"]] == ["Member"]


def test_a_tier_that_members_hold_needs_somewhere_for_them_to_go(owner, cast):
    at = timezone.now() - dt.timedelta(days=1)
    owner.post(
        "/program/tiers", ladder_form(BASE, ("silver", "Silver", "10", ""), ("gold", "Gold", "50", ""))
    )
    owner.post("/program/open")
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        now = timezone.now()
        who = {"merchant_id": cast.shop.pk, "at": now, "actor": JOB}
        member = members.join(channel="web", external_id="u1", joined_at=at, **who)
        orders.put_order(order=OrderIn("o1", [LineIn("s", 1, 2_000)], member_id=member.pk), **who)
    shorter = ladder_form(BASE, ("gold", "Gold", "50", ""))

    refused = owner.post("/program/tiers", shorter)
    assert refused.status_code == 422
    assert "Choose where the members of Silver go." in refused.content.decode()
    assert len(version_of(cast.shop).ladder) == 3

    assert owner.post("/program/tiers", shorter | {"target_silver": "gold"}).status_code == 302
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        assert TierStanding.objects.select_related("tier").get(member_id=member.pk).tier.code == "gold"


def test_an_edit_lifts_members_at_once(owner, cast):
    owner.post("/program/tiers", ladder_form(BASE, ("silver", "Silver", "1000", "")))
    owner.post("/program/open")
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        who = {"merchant_id": cast.shop.pk, "at": timezone.now(), "actor": JOB}
        member = members.join(channel="web", external_id="u1", **who)
        orders.put_order(order=OrderIn("o1", [LineIn("s", 1, 2_000)], member_id=member.pk), **who)

    owner.post("/program/tiers", ladder_form(BASE, ("silver", "Silver", "20", "")))

    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        assert TierStanding.objects.select_related("tier").get(member_id=member.pk).tier.code == "silver"


# --- points


def test_the_rule_is_saved_and_what_the_page_does_not_show_stays(owner, cast):
    owner.post("/program/tiers", ladder_form(BASE, ("silver", "Silver", "1000", "")))
    earning = Earning.read({"events": {"joining": {"points": 10}}})
    ledger.configure(cast.shop, timezone.now(), earning=earning)

    response = owner.post("/program/points", points_form(per_major="１.5", times_silver="1.20"))

    version = version_of(cast.shop)
    assert response.status_code == 302
    assert (version.per_major, version.earning) == (Decimal("1.5"), earning.stored())
    assert list(version.tier_multipliers.values()) == ["1.2"]


def test_wait_expiry_clawback_limit_cost_and_window_are_saved_as_typed(owner, cast):
    typed = points_form(
        pending_days="７",
        expiry="yearly",
        month="2",
        day="29",
        clawback="only_pending",
        adjust_limit="5,000",
        give_back_days="60",
        point_cost="¥0.0125",
    )

    assert owner.post("/program/points", typed).status_code == 302

    version = version_of(cast.shop)
    assert (version.pending_days, version.clawback) == (7, "only_pending")
    assert version.expiry == {"kind": "yearly", "month": 2, "day": 29}
    assert (version.adjust_limit, version.give_back_days) == (5000, 60)
    assert version.point_cost == Decimal("1.25")  # minor units
    shown = owner.get("/program/points").context["form"].initial
    assert (shown["point_cost"], shown["adjust_limit"], shown["month"]) == ("0.0125", "5000", "2")


def test_emptied_limit_and_cost_are_gone(owner, cast):
    owner.post("/program/points", points_form(adjust_limit="0", point_cost="0.01"))
    assert version_of(cast.shop).adjust_limit == 0

    owner.post("/program/points", points_form(expiry="rolling", months="24"))

    version = version_of(cast.shop)
    assert (version.adjust_limit, version.point_cost) == (None, None)
    assert version.expiry == {"kind": "rolling", "months": 24}


def test_boxes_of_an_expiry_that_is_not_chosen_do_not_matter(owner, cast):
    typed = points_form(expiry="rolling", months="6", month="", day="99")

    assert owner.post("/program/points", typed).status_code == 302

    assert version_of(cast.shop).expiry == {"kind": "rolling", "months": 6}


def test_saving_what_is_there_makes_no_version(owner, cast):
    owner.post("/program/points", points_form())

    assert version_of(cast.shop).number == 1
    assert "points" in guide_of(cast.shop)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"per_major": "-1"}, "“-1” does not lie between 0 and 999,999."),
        ({"per_major": "one"}, "“one” is not a number."),
        ({"per_major": "0.1234567"}, "“0.1234567” has more than 6 decimals."),
        ({"per_major": "NaN"}, "“NaN” is not a number."),
        ({"times_base": "1e9"}, "“1e9” does not lie between 0 and 1,000."),
        ({"per_major": ""}, "This field is required."),
        ({"pending_days": ""}, "This field is required."),
        ({"pending_days": "3651"}, "is not a whole number from 0 to 3,650."),
        ({"pending_days": "1.5"}, "is not a whole number from 0 to 3,650."),
        ({"expiry": "rolling", "months": ""}, "This field is required."),
        ({"expiry": "rolling", "months": "0"}, "is not a whole number from 1 to 120."),
        ({"expiry": "yearly", "month": "2", "day": "30"}, "No year has the day 2-30."),
        ({"expiry": "yearly", "month": ""}, "This field is required."),
        ({"expiry": "soon"}, "Select a valid choice."),
        ({"clawback": "all"}, "Select a valid choice."),
        ({"adjust_limit": "-1"}, "is not a whole number from 0"),
        ({"give_back_days": ""}, "This field is required."),
        ({"point_cost": "10000"}, "does not lie between 0 and 9,999."),
        ({"point_cost": "x"}, "“x” is not a number."),
    ],
)
def test_a_rate_that_cannot_be_is_refused(owner, cast, values, says):
    response = owner.post("/program/points", points_form(**values))

    assert response.status_code == 422
    assert says in response.content.decode()
    assert version_of(cast.shop).number == 1


def test_the_example_recalculates_by_its_button_and_saves_nothing(owner, cast):
    owner.post("/program/tiers", ladder_form(BASE, ("silver", "Silver", "1000", "")))
    typed = points_form(times_silver="1.2", example="268", recalculate="1")

    page = owner.post("/program/points", typed).content.decode()

    assert "¥268.00 × 1 × 1.2 = 321.6, rounded down to 321" in page
    assert "<html" in page
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        assert RulesVersion.objects.of(cast.shop).count() == 2


def test_the_example_recalculates_as_a_piece(owner, cast):
    typed = points_form(per_major="2", example="9.99")

    page = owner.post("/program/points", typed, headers={"HX-Request": "true"}).content.decode()
    half = owner.post("/program/points", typed | {"per_major": "2x"}, headers={"HX-Request": "true"})

    assert "¥9.99 × 2 × 1 = 19.98, rounded down to 19" in page
    assert "<html" not in page
    assert "not a number yet" in half.content.decode()
    assert version_of(cast.shop).number == 1


def says(owner, **typed):
    """What the typed rule means, in sentences; nothing is saved."""
    answer = owner.post("/program/points", points_form(**typed), headers={"HX-Request": "true"})
    return answer.context["consequences"]


def test_the_page_says_what_a_rule_means_before_it_is_saved(owner, cast):
    today = timezone.now().astimezone(cast.shop.zone).date()
    nothing_new = says(owner)
    assert nothing_new == [
        "Points can be used as soon as their order is completed.",
        "Points do not expire.",
        "Whoever may adjust points does so alone, whatever the number.",
        "Staff can give expired points back for 90 days, as points of 30 days.",
    ]

    found = says(owner, pending_days="7", expiry="yearly", clawback="only_pending", adjust_limit="500")

    assert found[0].startswith("Points of an order completed now become available on ")
    assert found[1] == "Orders stored already keep the wait they came with."
    assert found[2] == f"Points that become available today can be used until {today.year}-12-31."
    assert "had no expiry: they can be used until" in found[3]
    assert f"until {today.year + 1}-12-31. Nothing lapses for one full period." in found[3]
    assert found[4].startswith("The change holds for refunds from now on")
    assert found[5].startswith("An adjustment of more than 500 points waits")
    assert says(owner, point_cost="0.01")[-1] == "1,000 points are shown as ≈ ¥10.00."
    assert "Every adjustment waits" in says(owner, adjust_limit="0")[2]
    assert says(owner, give_back_days="0")[-1] == "Expired points are not given back."
    assert says(owner, pending_days="x", expiry="yearly", month="13") == nothing_new[2:]
    assert version_of(cast.shop).number == 1


def test_from_one_expiry_to_another_old_points_keep_their_day(owner, cast):
    owner.post("/program/points", points_form(expiry="rolling", months="12"))

    for typed in ({"expiry": "never"}, {"expiry": "rolling", "months": "6"}):
        assert any("already keep their last usable day" in each for each in says(owner, **typed))
    assert not any("keep their last usable day" in each for each in says(owner, expiry="rolling"))


def test_the_last_thirty_days_are_shown_under_what_is_typed(owner, cast):
    owner.post("/program/tiers", ladder_form(BASE, ("silver", "Silver", "100", "")))
    owner.post("/program/open")
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        who = {"merchant_id": cast.shop.pk, "at": timezone.now(), "actor": JOB}
        member = members.join(channel="web", external_id="u1", **who)
        for order, amount in (("o1", 10_099), ("o2", 5_000)):
            orders.put_order(order=OrderIn(order, [LineIn("s", 1, amount)], member_id=member.pk), **who)
    typed = points_form(per_major="2", times_silver="1.5", preview="1")

    whole = owner.post("/program/points", typed)
    piece = owner.post("/program/points", typed, headers={"HX-Request": "true"})

    rows = [(str(row.tier), row.orders, row.would_earn, row.earned) for row in whole.context["trial"].rows]
    assert rows == [("Member", 1, 201, 100), ("Silver", 1, 150, 50)]
    total = whole.context["trial"].total
    assert (total.orders, total.would_earn, total.earned, total.difference) == (2, 351, 150, 201)
    assert whole.status_code == 200
    assert "<html" not in piece.content.decode()
    assert "+201" in piece.content.decode()
    assert "not a number yet" in owner.post("/program/points", typed | {"per_major": "x"}).content.decode()
    assert version_of(cast.shop).number == 2  # that of the tiers


def test_a_shop_made_on_the_web_waits_a_week(owner, cast):
    form = {"name": "Second Shop", "timezone": "Asia/Shanghai", "currency": "CNY", "language": "en"}

    owner.post("/shops/new", form)

    with tenancy.platform(), transaction.atomic():
        made = Program.objects.get(name="Second Shop").merchant
    assert (version_of(made).pending_days, version_of(cast.shop).pending_days) == (7, 0)
    assert 'value="7"' in owner.get("/program/points").content.decode()


def test_a_program_that_a_clearance_closed_opens_again_only_after_the_wait(owner, cast):
    owner.post("/program/open")
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        program = programs.lock_for_close(merchant_id=cast.shop.pk)
        programs.begin_closure(program=program, at=timezone.now(), kind="cleared", actor=JOB)

    response = owner.post("/program/open")

    assert response.status_code == 422
    assert program_of(cast.shop).status == "cleared"
    assert owner.get("/program/").status_code == 200


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("30, 7", [30, 7]), ("7、30", [30, 7]), ("１４ 14", [14]), ("", [])],
)
def test_when_members_are_told_of_expiring_points_is_typed_as_days(owner, cast, typed, stored):
    owner.post("/program/points", points_form(notice_days=typed))

    assert version_of(cast.shop).notice_days == stored


@pytest.mark.parametrize("typed", ["0", "367", "a week", "-7", "1.5"])
def test_days_that_are_none_are_named_and_nothing_is_stored(owner, cast, typed):
    owner.post("/program/points", points_form(notice_days="14"))

    response = owner.post("/program/points", points_form(notice_days=typed))

    assert response.status_code == 422
    assert "is not a number of days from 1 to 366." in response.content.decode()
    assert version_of(cast.shop).notice_days == [14]
