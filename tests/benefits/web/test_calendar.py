"""The calendar of benefits: what is in force each day, days without anything that counts, and acts on many."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from benefits.lib.spans import Span
from benefits.models import Benefit
from benefits.selectors import calendar
from benefits.services import benefits
from members.lib import tenant as tenancy
from tests.conftest import SHANGHAI
from tests.factories import ledger

URL = "/benefits/calendar/"
FIRST = dt.date(2090, 6, 1)


@pytest.fixture
def shop(cast):
    ledger.open_shop(cast.shop, timezone.now() - dt.timedelta(days=3))
    return cast.shop


def day(number: int, month: int = 6) -> dt.datetime:
    return dt.datetime(2090, month, number, tzinfo=SHANGHAI)


def publish(shop, *, kind="coupon", settings=None, at=None, **more) -> Benefit:
    with tenancy.tenant(shop.pk):
        return benefits.publish_benefit(
            merchant_id=shop.pk, at=at or timezone.now(), actor=ledger.JOB, kind=kind,
            settings={"off_minor": 500} if settings is None else settings, **more,
        )  # fmt: skip


def month(shop):
    with tenancy.tenant(shop.pk):
        return calendar.month(merchant_id=shop.pk, first=FIRST, zone=SHANGHAI, at=timezone.now())


def test_each_day_has_what_is_in_force_in_it_and_the_rest_are_gaps(shop):
    publish(shop, name="Early", from_at=day(3), to_at=day(10))
    publish(shop, name="Late", from_at=day(8), to_at=day(9) + dt.timedelta(hours=12))

    days, lanes = month(shop)

    assert [lane.benefit.name for lane in lanes] == ["Early", "Late"]
    assert [list(days[n - 1].lanes) for n in (2, 3, 8, 9, 10)] == [[], [0], [0, 1], [0, 1], []]
    gaps = calendar.gaps(days)
    assert gaps == [(dt.date(2090, 6, 1), dt.date(2090, 6, 2)), (dt.date(2090, 6, 10), dt.date(2090, 6, 30))]


def test_a_draw_and_what_nobody_can_use_leave_gaps(shop):
    terms = {"terms": "x", "prizes": [{"name": "Cup", "count": 1, "value_minor": 100}]}
    publish(shop, kind="lucky_draw", settings=terms, from_at=day(1), to_at=day(5))
    publish(shop, stock=0, from_at=day(1), to_at=day(5))

    days, lanes = month(shop)

    assert [lane.counts for lane in lanes] == [False]
    assert all(each.is_gap for each in days)


def test_days_in_which_a_benefit_was_a_draw_are_gaps_though_it_counts_later(shop):
    draw, coupon = Span(day(1), day(5)), Span(day(5), day(8))
    lane = calendar.Lane(Benefit(), (draw, coupon), (coupon,))

    days = calendar.days_of([lane], first=FIRST, zone=SHANGHAI)

    assert lane.counts
    assert [each.is_gap for each in days[:9]] == [True] * 4 + [False] * 3 + [True] * 2
    assert [bool(each.lanes) for each in days[:9]] == [True] * 7 + [False] * 2


def test_a_month_takes_as_many_queries_for_many_benefits_as_for_one(shop, django_assert_max_num_queries):
    for number in range(1, 12):
        publish(shop, name=f"B{number}", from_at=day(number))

    with django_assert_max_num_queries(4):
        month(shop)


def test_the_page_says_gaps_in_words_and_leads_to_publishing_for_them(owner, shop):
    publish(shop, name="Early", from_at=day(3), to_at=day(10))

    text = owner.get(URL, {"month": "2090-06"}).content.decode()

    assert text.count("month-gap") == 23
    assert "Nothing that counts" in text and "/benefits/new/coupon/?from=2090-06-10" in text
    form = owner.get("/benefits/new/coupon/?from=2090-06-10").content.decode()
    assert 'value="2090-06-10"' in form
    assert "?month=2090-05" in text and "?month=2090-07" in text


@pytest.mark.parametrize("asked", ["", "2090-13", "nonsense", "1999-01", "2090-6", "²⁰²⁶-01"])
def test_a_month_that_is_none_is_this_month(owner, shop, asked):
    page = owner.get(URL, {"month": asked})

    assert page.status_code == 200 and page.context["is_now"]


def test_an_analyst_reads_it_and_a_cashier_does_not(clerk, shop):
    assert clerk.get(URL).status_code == 403


# ---- acts on many ----------------------------------------------------------------------------------------------------

ACTS = "/benefits/acts"


def standing(shop) -> dict[str, str]:
    with tenancy.tenant(shop.pk):
        return {row.name: row.status for row in Benefit.objects.of(shop).order_by("id")}


def act(owner, what, *rows):
    return owner.post(ACTS, {"act": what, "b": [row.public_id for row in rows]})


def take_back(owner, answer):
    page = owner.get(answer.url)
    assert "What was just done can be taken back" in page.content.decode()
    return owner.post(f"{ACTS}/undo", {"undo": page.context["undo"]}, follow=True)


def test_many_are_paused_and_taken_back_at_once(owner, shop):
    one, two = publish(shop, name="one"), publish(shop, name="two")

    answer = act(owner, "pause", one, two)
    assert standing(shop) == {"one": "paused", "two": "paused"}

    page = take_back(owner, answer)
    assert "2 benefits are as before." in page.content.decode()
    assert standing(shop) == {"one": "published", "two": "published"}


def test_what_cannot_be_done_is_left_and_told_and_the_rest_goes_on(owner, shop):
    one, two = publish(shop, name="one"), publish(shop, name="two")
    act(owner, "pause", two)

    page = owner.post(
        ACTS, {"act": "resume", "b": [one.public_id, two.public_id]}, follow=True
    ).content.decode()

    assert "“one” stays as it is: Only paused benefits can be resumed." in page
    assert standing(shop) == {"one": "published", "two": "published"}


def test_what_is_over_is_renewed_for_as_long_as_it_was_with_its_first_stock(owner, shop):
    long_ago = timezone.now() - dt.timedelta(days=2)
    old = publish(shop, name="old", at=long_ago, to_at=long_ago + dt.timedelta(days=1), stock=5)

    answer = act(owner, "renew", old)

    with tenancy.tenant(shop.pk):
        new = Benefit.objects.of(shop).exclude(pk=old.pk).get()
        assert new.to_at - new.from_at == dt.timedelta(days=1)
        assert (new.status, new.stock) == ("published", 5)
    take_back(owner, answer)
    with tenancy.tenant(shop.pk):
        assert Benefit.objects.of(shop).get(pk=new.pk).status == "ended"


def test_a_form_that_is_sent_twice_renews_once(owner, shop):
    long_ago = timezone.now() - dt.timedelta(days=2)
    old = publish(shop, name="old", at=long_ago, to_at=long_ago + dt.timedelta(days=1))
    once = owner.get("/benefits/", {"status": "over"}).context["once"]
    form = {"act": "renew", "b": [old.public_id], "once": once}

    for _press in range(2):
        assert owner.post(ACTS, form, follow=True).status_code == 200
    with tenancy.tenant(shop.pk):
        assert Benefit.objects.of(shop).count() == 2
    owner.post(ACTS, form | {"once": "another"})
    with tenancy.tenant(shop.pk):
        assert Benefit.objects.of(shop).count() == 3


def test_one_that_cannot_go_back_is_told_and_the_others_do(owner, shop):
    one, two = publish(shop, name="one"), publish(shop, name="two")
    answer = act(owner, "pause", one, two)
    with tenancy.tenant(shop.pk):
        Benefit.objects.of(shop).filter(pk=one.pk).update(status="ended")  # with no revision of its own

    page = take_back(owner, answer).content.decode()

    assert "“one” stays as it is: This benefit has ended." in page
    assert standing(shop) == {"one": "ended", "two": "published"}


def test_a_renewed_draw_has_begun_and_stays_while_the_rest_is_taken_back(owner, shop):
    long_ago = timezone.now() - dt.timedelta(days=2)
    terms = {"terms": "x", "prizes": [{"name": "Cup", "count": 1, "value_minor": 100}]}
    over = {"at": long_ago, "to_at": long_ago + dt.timedelta(days=1)}
    draw = publish(shop, kind="lucky_draw", name="Draw", settings=terms, **over)
    old = publish(shop, name="old", **over)

    page = take_back(owner, act(owner, "renew", draw, old))

    assert "“Draw” stays as it is: This draw has begun" in page.content.decode()
    assert "1 benefit is as before." in page.content.decode()
    with tenancy.tenant(shop.pk):
        new = Benefit.objects.of(shop).exclude(pk__in=[draw.pk, old.pk])
        assert dict(new.values_list("name", "status")) == {"Draw": "published", "old": "ended"}


def test_what_was_changed_since_is_not_taken_back(owner, shop):
    one = publish(shop, name="one")
    answer = act(owner, "pause", one)
    owner.post(f"/benefits/{one.public_id}/end")

    page = take_back(owner, answer)

    assert "It was changed since." in page.content.decode()
    assert standing(shop) == {"one": "ended"}


@pytest.mark.parametrize("data", [{"act": "explode"}, {"act": "pause"}, {}])
def test_an_act_that_is_none_or_on_nothing_changes_nothing(owner, shop, data):
    one = publish(shop, name="one")
    more = {"b": [one.public_id]} if data.get("act") == "explode" else {}

    page = owner.post(ACTS, data | more, follow=True)

    assert page.status_code == 200 and standing(shop) == {"one": "published"}


def test_another_shops_benefits_and_undo_are_not_touched(owner, outsider, cast, shop):
    one = publish(shop, name="one")
    outsider.post(ACTS, {"act": "pause", "b": [one.public_id]})
    assert standing(shop) == {"one": "published"}

    answer = act(owner, "pause", one)
    outsider.post(f"{ACTS}/undo", {"undo": owner.get(answer.url).context["undo"]})
    outsider.post(f"{ACTS}/undo", {"undo": "forged"})
    assert standing(shop) == {"one": "paused"}


def test_a_benefit_in_force_can_be_copied(owner, shop):
    one = publish(shop, name="one")

    detail = owner.get(f"/benefits/{one.public_id}/").content.decode()
    form = owner.get(f"/benefits/new/coupon/?copy={one.public_id}").content.decode()

    assert f"/benefits/new/coupon/?copy={one.public_id}" in detail
    assert 'value="one"' in form
