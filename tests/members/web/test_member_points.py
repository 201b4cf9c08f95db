"""Moving one member's points by hand, over HTTP and without a script."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import AuditRow, PointsRequest, Role, Staff
from members.services import daily, programs
from members.services.audit import Actor
from tests.factories import ledger

DAY = dt.timedelta(days=1)
ONCE = "abcdefghjkmnpqrs"


@pytest.fixture
def at():
    """Ten days ago, since pages read the clock."""
    return timezone.now().replace(microsecond=0) - 10 * DAY


@pytest.fixture
def shop(cast, at):
    ledger.open_shop(cast.shop, at)
    return cast.shop


@pytest.fixture
def member(shop, at):
    """Somebody with 100 points."""
    member = ledger.join(shop, at, phone="13800131402")
    ledger.buy(shop, member, "order-1", at, 10_000)
    return member


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def typed(points, **more):
    """What a browser sends."""
    form = {"once": ONCE, "way": "add", "points": points, "ready": "goodwill", "words": ""}
    return {**form, **more}


def adjust(client, member, points, **more):
    return client.post(f"/members/{member.public_id}/adjust", typed(points, **more))


def page_of(client, member, **query):
    return client.get(f"/members/{member.public_id}", query)


def now(shop, member):
    return ledger.standing(shop, member, timezone.now())["available"]


def refused(response, shop, member, available=100):
    """The form came back, and nothing moved."""
    assert response.status_code == 422
    assert now(shop, member) == available
    assert len(ledger.entries(shop, member)) == 1
    return response.content.decode()


def test_points_are_added_with_a_ready_reason(owner, cast, shop, member):
    response = adjust(owner, member, "50")

    assert response["Location"] == f"/members/{member.public_id}#ledger"
    assert ledger.entries(shop, member)[-1] == ("adjust", 50, 150)
    with tenancy.tenant(shop.pk), transaction.atomic():
        (row,) = AuditRow.objects.filter(action="points.adjusted")
    assert (row.actor_label, row.reason) == (str(cast.owner), "Goodwill after a complaint")
    page = page_of(owner, member).content.decode()
    assert "+50 points. The entry is in the ledger with its reason." in page
    assert f"{cast.owner}: Goodwill after a complaint" in page


@pytest.mark.parametrize(
    ("way", "points"),
    [("take", "60"), ("add", "-60"), ("take", "-60"), ("add", "\u221260"), ("take", "６０")],
)
def test_points_are_taken_away_by_the_choice_or_by_a_sign(owner, shop, member, way, points):
    adjust(owner, member, points, way=way, words=" Wrong order ")

    assert ledger.entries(shop, member)[-1] == ("adjust", -60, 40)
    assert "Owner: Wrong order" in page_of(owner, member).content.decode()


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ("", "This field is required."),
        ("0", "Give a number of points above zero."),
        ("1.5", "“1.5” is not a whole number"),
        ("many", "“many” is not a number."),
        ("-101", "101 points are wanted and 100 are available."),
        ("9" * 14, "is not a whole number from"),
        ("1e99", "is not a whole number from"),
        ("NaN", "“NaN” is not a number."),
    ],
)
def test_what_cannot_be_is_said_and_kept_in_the_form(owner, shop, member, points, says):
    page = refused(adjust(owner, member, points), shop, member)

    assert says in page
    assert f'value="{points}"' in page or not points


def test_a_reason_is_needed_and_short(owner, shop, member):
    refused(adjust(owner, member, "5", ready=""), shop, member)
    refused(adjust(owner, member, "5", ready="because"), shop, member)
    refused(adjust(owner, member, "5", words="x" * 201), shop, member)


def test_pressing_twice_adjusts_once(owner, shop, member):
    adjust(owner, member, "50")
    again = adjust(owner, member, "50")

    assert again.status_code == 302
    assert ledger.entries(shop, member) == [("earn", 100, 100), ("adjust", 50, 150)]


def test_a_form_that_was_sent_is_not_sent_again_with_other_numbers(owner, shop, member):
    adjust(owner, member, "50")

    again = adjust(owner, member, "500")

    assert again.status_code == 422
    assert "This form was sent before." in again.content.decode()
    assert now(shop, member) == 150


def test_the_result_is_shown_before_it_is_done(owner, shop, member, at):
    url = f"/members/{member.public_id}/adjust"

    def piece(points, **more):
        answer = owner.post(url, typed(points, **more), headers={"HX-Request": "true"})
        assert "<html" not in answer.content.decode()
        return answer.content.decode()

    assert "100 → 150" in piece("50")
    assert "100 → 40" in piece("60", way="take")
    assert "Only 100 points are available" in piece("101", way="take")
    assert "Available now: 100" in piece("x")
    assert "no end" in piece("50")
    ledger.configure(shop, at, expiry={"kind": "yearly", "month": 12, "day": 31}, adjust_limit=100)
    assert "-12-31" in piece("50")
    assert "until another person has approved it" in piece("101")
    whole = owner.post(url, typed("50", preview="1"))
    assert (whole.status_code, "100 → 150" in whole.content.decode()) == (200, True)
    assert ledger.entries(shop, member) == [("earn", 100, 100)]


def test_a_deficit_is_repaid_first(owner, shop, member, at):
    ledger.act("redeem", shop, at, member_id=member.pk, points=100, key="r")
    ledger.refund(shop, "order-1", at + DAY)

    answer = owner.post(
        f"/members/{member.public_id}/adjust", typed("150"), headers={"HX-Request": "true"}
    ).content.decode()
    adjust(owner, member, "150")

    assert "0 → 50" in answer
    assert "100 → 0" in answer
    assert now(shop, member) == 50
    sentences = page_of(owner, member, why=4).context["sentences"]
    assert "100 of them repaid what was owed." in sentences


def test_over_the_limit_it_is_proposed_and_moves_nothing(owner, shop, member, at):
    ledger.configure(shop, at, adjust_limit=100)

    response = owner.post(f"/members/{member.public_id}/adjust", typed("101"), follow=True)

    page = response.content.decode()
    assert "+101 points are proposed." in page
    assert "+101 points wait for approval" in page
    assert now(shop, member) == 100
    assert adjust(owner, member, "100", once="bcdefghjkmnpqrst").status_code == 302
    assert now(shop, member) == 200


def test_who_may_adjust(client, cast, shop, member):
    client.force_login(cast.clerk)
    for role, may in (
        (Role.CASHIER, False),
        (Role.ANALYST, False),
        (Role.OPERATOR, True),
        (Role.MANAGER, True),
    ):
        with tenancy.platform():
            Staff.objects.filter(user=cast.clerk).update(role=role)
        before = now(shop, member)
        once = "abcdefghjkmn" + role.value[:1] * 4
        status = adjust(client, member, "1", once=once).status_code
        assert (status, now(shop, member) - before) == ((302, 1) if may else (403, 0)), role
        assert ('id="adjust-form"' in page_of(client, member).content.decode()) is may
        for path in ("reverse", "give-back"):
            answer = client.post(f"/members/{member.public_id}/{path}", {})
            assert answer.status_code == (422 if may else 403), (role, path)


def test_nothing_is_adjusted_in_a_closed_program(owner, shop, member):
    with tenancy.tenant(shop.pk), transaction.atomic():
        programs.close_program(merchant_id=shop.pk, at=timezone.now(), actor=ledger.JOB)

    assert 'id="adjust-form"' not in page_of(owner, member).content.decode()
    page = refused(adjust(owner, member, "50"), shop, member)
    assert "The program is not open." in page


def test_nothing_is_adjusted_after_a_clearance(owner, shop, member):
    with tenancy.tenant(shop.pk), transaction.atomic():
        program = programs.lock_for_close(merchant_id=shop.pk)
        programs.begin_closure(program=program, at=timezone.now(), kind="cleared", actor=ledger.JOB)

    for path in ("adjust", "reverse", "give-back"):
        assert owner.post(f"/members/{member.public_id}/{path}", typed("50")).status_code == 403
    assert now(shop, member) == 100


def test_another_shops_member_is_not_found(owner, cast, shop, at):
    ledger.open_shop(cast.other, at)
    theirs = ledger.join(cast.other, at)
    ledger.buy(cast.other, theirs, "o", at, 10_000)

    assert adjust(owner, theirs, "50").status_code == 404
    answer = owner.post(f"/members/{theirs.public_id}/reverse", {"entry": "1", "reason": "x"})
    assert answer.status_code == 404
    assert now(cast.other, theirs) == 100


def test_the_address_of_the_form_leads_to_the_page(owner, member):
    for path, place in (("adjust", "adjust"), ("reverse", "ledger"), ("give-back", "ledger")):
        response = owner.get(f"/members/{member.public_id}/{path}?why=1")
        assert response["Location"] == f"/members/{member.public_id}?why=1#{place}"


# --- reversing


def reverse(client, member, entry, reason="Wrong member"):
    form = {"entry": entry, "reason": reason}
    return client.post(f"/members/{member.public_id}/reverse?why={entry}", form)


def test_an_adjustment_is_reversed_from_its_entry(owner, shop, member):
    adjust(owner, member, "50")
    assert "Reverse this entry" in page_of(owner, member, why=2).content.decode()

    response = reverse(owner, member, 2)

    assert response.status_code == 302
    assert ledger.entries(shop, member)[-1] == ("adjust", -50, 100)
    first, second = (page_of(owner, member, why=n) for n in (2, 3))
    assert "Reverse this entry" not in first.content.decode() + second.content.decode()
    assert any("Owner reversed at" in sentence for sentence in first.context["sentences"])
    assert "Wrong member" in second.context["sentences"][0]
    assert reverse(owner, member, 2).status_code == 302  # again is a no-op
    assert len(ledger.entries(shop, member)) == 3


def test_what_is_spent_is_not_reversed_and_the_entry_stays_open(owner, shop, member, at):
    adjust(owner, member, "50")
    ledger.act("redeem", shop, timezone.now(), member_id=member.pk, points=120, key="r")

    response = reverse(owner, member, 2)

    page = response.content.decode()
    assert response.status_code == 422
    assert "50 points are wanted and 30 are available." in page
    assert 'value="Wrong member"' in page
    assert now(shop, member) == 30


def test_a_reversal_says_why(owner, shop, member):
    adjust(owner, member, "50")

    response = reverse(owner, member, 2, reason=" ")

    assert response.status_code == 422
    assert "Say why it is reversed" in response.content.decode()
    assert now(shop, member) == 150


def test_an_order_or_nothing_is_not_reversed(owner, shop, member):
    assert "Reverse this entry" not in page_of(owner, member, why=1).content.decode()
    assert reverse(owner, member, 1).status_code == 404
    assert reverse(owner, member, 77).status_code == 404
    for nonsense in ("x", "", "-1", "9" * 40):
        refused(reverse(owner, member, nonsense), shop, member)


# --- giving expired points back


@pytest.fixture
def lapsed(shop, at):
    """Somebody whose 80 points expired five days ago."""
    begin = at - 30 * DAY
    ledger.configure(shop, at, expiry={"kind": "rolling", "months": 1})
    member = ledger.join(shop, at, "u2")
    ledger.adjust(shop, member, 80, at)
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "update members_pointslot set expires_on = %s where member_id = %s",
            [(timezone.now() - 6 * DAY).date(), member.pk],
        )
    assert begin < at
    daily.run_daily(zone="Asia/Shanghai", at=timezone.now() - 5 * DAY)
    assert ledger.entries(shop, member)[-1] == ("expire", -80, 0)
    return member


def give_back(client, member, points, **more):
    form = {"once": ONCE, "entry": "2", "points": points, "reason": "Was in hospital", **more}
    return client.post(f"/members/{member.public_id}/give-back?why=2", form)


def test_expired_points_are_given_back_from_their_entry(owner, shop, lapsed):
    page = page_of(owner, lapsed, why=2).content.decode()
    assert "Give back" in page
    assert 'value="80"' in page

    response = give_back(owner, lapsed, "80")
    again = give_back(owner, lapsed, "80")

    assert (response.status_code, again.status_code) == (302, 302)
    assert ledger.entries(shop, lapsed)[-1] == ("restore", 80, 80)
    assert len(ledger.entries(shop, lapsed)) == 3
    sentences = page_of(owner, lapsed, why=3).context["sentences"]
    assert sentences[:2] == ["Owner gave 80 expired points back.", "The reason given is “Was in hospital”."]
    assert sentences[2].startswith("80 new points can be used until ")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"points": "81"}, "80 points expired in the last 90 days and can be given back."),
        ({"points": "0"}, "is not a whole number from 1"),
        ({"points": ""}, "This field is required."),
        ({"reason": ""}, "Say why they are given back"),
    ],
)
def test_no_more_than_expired_is_given_back_and_never_without_a_reason(owner, shop, lapsed, more, says):
    response = give_back(owner, lapsed, **{"points": "80", **more})

    assert response.status_code == 422
    assert says in response.content.decode()
    assert now(shop, lapsed) == 0


def test_outside_the_window_nothing_is_offered(owner, shop, lapsed, at):
    ledger.configure(shop, timezone.now() - DAY, give_back_days=1)

    assert "Give back" not in page_of(owner, lapsed, why=2).content.decode()
    assert give_back(owner, lapsed, "80").status_code == 422
    assert now(shop, lapsed) == 0


# --- what the page says


def test_the_card_says_what_points_are_worth_and_what_comes_next(owner, shop, member, at):
    ledger.configure(
        shop, at + DAY, pending_days=30, expiry={"kind": "rolling", "months": 12}, point_cost=Decimal("1.5")
    )
    ledger.buy(shop, member, "order-2", at + 2 * DAY, 5_000)
    ledger.buy(shop, member, "order-3", at + 2 * DAY, 7_000, completed_at=None)
    ledger.adjust(shop, member, 40, at + 2 * DAY)
    hold_at = timezone.now()
    ledger.act("hold", shop, hold_at, member_id=member.pk, points=10, key="till-1", minutes=60)

    response = page_of(owner, member)
    coming, page = response.context["coming"], response.content.decode()

    assert "available, ≈ ¥1.95" in page
    assert (response.context["points"].available, response.context["points"].pending) == (130, 120)
    due_on = (at + 2 * DAY).astimezone(shop.zone).date() + 31 * DAY
    waiting = [(one.points, one.on, one.order) for one in coming.confirming]
    assert waiting[0][0::2] == (50, "order-2")
    assert waiting[0][1] in (due_on - DAY, due_on)  # the first 03:00 after 30 days
    assert waiting[1] == (70, None, "order-3")
    assert "once it is completed" in page
    assert [points for _day, points in coming.expiring] == [90, 40]
    assert [hold.key for hold in coming.holds] == ["till-1"]
    assert "10 points are held" in page


def test_lots_of_dates_are_summed_up(owner, shop, member, at):
    for months in range(1, 8):
        ledger.configure(shop, at + months * DAY / 24, expiry={"kind": "rolling", "months": months})
        ledger.adjust(shop, member, months, at + months * DAY / 24)

    coming = page_of(owner, member).context["coming"]

    assert [points for _day, points in coming.expiring] == [101, 2, 3, 4]
    assert (coming.expiring_later, coming.lasting) == (5 + 6 + 7, 0)


def test_somebody_without_points_has_nothing_to_come(owner, shop, at):
    nobody = ledger.join(shop, at, "u9")

    page = page_of(owner, nobody)

    assert page.context["coming"].is_empty
    assert "There are no points that could expire" in page.content.decode()


def test_the_page_runs_as_many_queries_for_a_long_story_as_for_a_short_one(owner, shop, member, at):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            page_of(owner, member)
        return len(captured)

    queries()
    few = queries()
    ledger.configure(shop, at + DAY, pending_days=30, adjust_limit=5)
    for n in range(12):
        ledger.buy(shop, member, f"more-{n}", at + 2 * DAY, 1_000)
        ledger.adjust(shop, member, 1, at + 2 * DAY + n * DAY / 24)
        ledger.act("hold", shop, timezone.now(), member_id=member.pk, points=1, key=f"h{n}", minutes=99)

    assert queries() <= few


# --- why


def test_every_kind_of_entry_tells_its_story(owner, cast, shop, member, at):
    ledger.configure(shop, at + DAY, pending_days=1, expiry={"kind": "rolling", "months": 12})
    ledger.buy(shop, member, "order-2", at + DAY, 6_000)
    daily.run_daily(zone="Asia/Shanghai", at=at + 4 * DAY)
    held = {"member_id": member.pk, "points": 30, "reason": "A cup"}
    ledger.act("hold", shop, at + 5 * DAY, key="h1", minutes=30, **held)
    ledger.act("release", shop, at + 5 * DAY, key="h1")
    ledger.act("hold", shop, at + 5 * DAY, key="h2", minutes=30, **held)
    ledger.act("capture", shop, at + 5 * DAY, key="h2")
    ledger.act("hold", shop, at + 6 * DAY, key="h3", minutes=30, **held)
    ledger.act("redeem", shop, at + 7 * DAY, member_id=member.pk, points=80, key="r1")  # ends the hold
    ledger.act("cancel", shop, at + 7 * DAY, key="r1")

    def why(number):
        return page_of(owner, member, why=number).context["sentences"]

    kinds = [kind for kind, _points, _balance in ledger.entries(shop, member)]
    assert kinds == [
        "earn", "earn", "confirm", "hold", "release", "hold", "capture", "hold", "release", "redeem", "restore",
    ]  # fmt: skip
    assert "They wait until 1 day after the order is completed, and can be spent from then on." in why(2)
    assert why(3)[1].startswith("The order was completed at ")
    assert why(3)[1].endswith("and its points waited 1 day: 60 can be spent from now on.")
    assert why(4)[0].startswith("test set 30 points aside until ")
    assert why(4)[1] == "The reason given is “A cup”."
    assert why(4)[2].startswith("30 came from those that can be used until ")
    assert why(5)[0].endswith("was released.")
    assert why(5)[2].startswith("30 went back to those that can be used until ")
    assert why(7)[0].startswith("The points that test set aside at ")
    assert why(9)[0].startswith("Nobody spent what test set aside at ")
    assert why(10)[0] == "test redeemed 80 points."
    assert [line.split(" ")[0] for line in why(10)[1:]] == ["70", "10"]
    assert why(11)[0].startswith("What test redeemed at ")
    for number in range(1, 12):
        assert all(sentence.strip() for sentence in why(number))


def test_a_refund_says_what_waited_what_was_taken_and_what_is_owed(owner, shop, member, at):
    ledger.configure(shop, at + DAY, pending_days=30)
    ledger.buy(shop, member, "order-2", at + DAY, 6_000)
    ledger.act("redeem", shop, at + 2 * DAY, member_id=member.pk, points=70, key="r1")
    ledger.refund(shop, "order-2", at + 3 * DAY)
    ledger.refund(shop, "order-1", at + 3 * DAY)

    def why(number):
        return page_of(owner, member, why=number).context["sentences"]

    assert "60 of them still waited and never became available." in why(4)
    assert "The order keeps 0 of 60 points: 60 were taken back." in why(4)
    assert "70 were not there: they are a deficit that coming points repay." in why(5)


def test_expired_points_say_of_which_they_were(owner, shop, lapsed):
    sentences = page_of(owner, lapsed, why=2).context["sentences"]

    assert sentences[0].startswith("80 points came on ")
    assert sentences[0].endswith("; 80 were left.")


def test_a_person_and_what_they_decided_are_named(owner, cast, shop, member, at):
    ledger.configure(shop, at, adjust_limit=10)
    with tenancy.platform():
        Staff.objects.filter(user=cast.clerk).update(role=Role.OPERATOR)
    clerk = Actor.person(cast.clerk)
    ledger.adjust(shop, member, 500, at + DAY, key="big", actor=clerk)
    ledger.act("decide", shop, at + 2 * DAY, key="big", approves=True, actor=Actor.person(cast.owner))

    sentences = page_of(owner, member, why=2).context["sentences"]

    assert sentences[:2] == ["Clerk adjusted the points by hand.", "The reason given is “a reason”."]
    assert sentences[2] == "It was over the limit for one person: Owner approved it."
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert PointsRequest.objects.get(key="big").by_id == cast.clerk.pk
