"""Pages of benefits: who may enter, publishing, changing, pausing, ending, filtering."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse

from benefits.models import Benefit, BenefitRevision, BenefitStatus
from benefits.services import benefits
from compliance.services import installation
from members.lib import tenant as tenancy
from members.models import Store
from members.services import programs
from members.services.audit import Actor
from tests.factories.benefits import OFF

JOB = Actor.job("test")
LIST = "/benefits/"
NEW_COUPON = "/benefits/new/coupon/"
COUPON = {
    "name": "Ten off", "sort": "amount", "off_minor": "10", "at_least_minor": "¥100.00", "once": "abcdefgh23456789",
}  # fmt: skip
DRAW = {
    "name": "Spring draw", "from_at": "", "to_at": "2099-12-31", "terms": "Drawn on the last day.",
    "prize_1": "Tea", "count_1": "3", "value_1": "88",
}  # fmt: skip


def of(shop) -> list[Benefit]:
    with tenancy.tenant(shop.pk):
        return list(Benefit.objects.of(shop).order_by("id"))


def shut(shop, kind, at):
    """Install the platform, open the program and close it, by its merchant or by a clearance."""
    with tenancy.platform():
        installation.install(at=at)
    with tenancy.tenant(shop.pk):
        program = programs.open_program(merchant_id=shop.pk, at=at, actor=JOB)
        programs.begin_closure(program=program, at=at, kind=kind, actor=JOB)


@pytest.fixture
def coupon(cast, noon) -> Benefit:
    with tenancy.tenant(cast.shop.pk):
        return benefits.publish_benefit(
            merchant_id=cast.shop.pk,
            at=noon,
            actor=JOB,
            kind="coupon",
            name="Ten off",
            settings={"off_minor": 1000},
        )


def test_an_empty_list_offers_three_ready_templates(owner):
    page = owner.get(LIST)

    assert page.status_code == 200
    assert page.content.count(b"?template=") == 3


def test_a_coupon_is_published_by_its_form_once_however_often_it_is_sent(owner, cast):
    first = owner.post(NEW_COUPON, COUPON)
    owner.post(NEW_COUPON, COUPON)

    made = of(cast.shop)
    assert [(row.name, row.settings, row.status) for row in made] == [
        ("Ten off", {"off_minor": 1000, "at_least_minor": 10000}, BenefitStatus.PUBLISHED)
    ]
    assert first.url == reverse("benefits:benefits_detail", args=[made[0].public_id])
    page = owner.get(first.url)
    assert page.status_code == 200
    assert "Ten off" in page.content.decode()


def test_a_form_says_where_a_benefit_is_to_be_had_and_a_change_keeps_it_in_the_history(owner, cast):
    with tenancy.tenant(cast.shop.pk):
        Store.objects.create(merchant=cast.shop, channel="pos", code="009", name="West Lake")
    told = {"channels": ["taobao"], "stores": ["pos:009"], "scenes": "takeaway、hotel"}

    page = owner.post(NEW_COUPON, {**COUPON, **told}, follow=True).content.decode()
    (made,) = of(cast.shop)
    form = owner.get(f"/benefits/{made.public_id}/change/").content.decode()
    owner.post(f"/benefits/{made.public_id}/change/", {**COUPON, "channels": ["jd"]})
    changed = owner.get(f"/benefits/{made.public_id}/").content.decode()

    assert made.scope == {
        "channels": ["taobao"],
        "stores": ["pos:009"],
        "scenes": ["hotel", "takeaway"],
    }
    assert "Taobao, West Lake, for: hotel, takeaway" in page
    assert form.count("checked") >= 3 and "hotel\ntakeaway" in form
    assert of(cast.shop)[0].scope == {"channels": ["jd"]}
    assert "Where it holds: Taobao, West Lake, for: hotel, takeaway → JD" in changed


@pytest.mark.parametrize(
    ("entries", "field"),
    [
        ({"name": ""}, "name"),
        ({"off_minor": ""}, "off_minor"),
        ({"off_minor": "ten"}, "off_minor"),
        ({"off_minor": "10.005"}, "off_minor"),
        ({"off_minor": "101"}, "off_minor"),
        ({"sort": "share", "off_percent": "101"}, "off_percent"),
        ({"sort": "share", "off_percent": ""}, "off_percent"),
        ({"from_at": "2099-02-01", "to_at": "2099-01-01"}, "to_at"),
        ({"to_at": "2001-01-01"}, "to_at"),
        ({"to_at": "2099-02-30"}, "to_at"),
        ({"to_at": "tomorrow"}, "to_at"),
        ({"stock": "-1"}, "stock"),
        ({"stock": "many"}, "stock"),
    ],
)
def test_a_wrong_entry_is_said_at_its_field_kept_and_changes_nothing(owner, cast, entries, field):
    page = owner.post(NEW_COUPON, {**COUPON, **entries})

    assert page.status_code == 422
    assert field in page.context["form"].errors
    for value in entries.values():
        assert not value or value in page.content.decode()
    assert of(cast.shop) == []


@pytest.mark.parametrize(
    ("typed", "stored"), [("15", 15), ("１５％", 15), ("8.5折", 15), ("12.5 %", "12.5"), ("100", 100)]
)
def test_a_share_is_understood_as_people_write_it(owner, cast, typed, stored):
    owner.post(NEW_COUPON, {**COUPON, "sort": "share", "off_percent": typed})

    assert of(cast.shop)[0].settings["off_percent"] == stored


def test_days_are_the_shops_and_the_last_day_is_included(owner, cast):
    owner.post(NEW_COUPON, {**COUPON, "from_at": "2098-01-31", "to_at": "2098/2/28"})

    (made,) = of(cast.shop)
    zone = cast.shop.zone
    assert made.from_at == dt.datetime(2098, 1, 31, tzinfo=zone)
    assert made.to_at == dt.datetime(2098, 3, 1, tzinfo=zone)
    form = owner.get(reverse("benefits:benefits_change", args=[made.public_id])).content.decode()
    assert 'value="2098-01-31"' in form
    assert 'value="2098-02-28"' in form


def test_a_paper_benefit_is_published_and_the_page_says_why_it_does_not_count(owner):
    page = owner.post(NEW_COUPON, {**COUPON, "stock": "0"}, follow=True)

    assert "This benefit does not count: no stock is left" in page.content.decode()


@pytest.mark.parametrize(("kind", "extra"), [("lucky_draw", {}), ("draw_purchase", {"price_minor": "499"})])
def test_a_draw_says_that_it_does_not_count(owner, cast, kind, extra):
    url = f"/benefits/new/{kind}/"
    assert "Draws do not count" in owner.get(url).content.decode()

    page = owner.post(url, {**DRAW, **extra}, follow=True)

    assert "Draws do not count" in page.content.decode()
    assert of(cast.shop)[0].settings["prizes"] == [{"name": "Tea", "count": 3, "value_minor": 8800}]


def test_a_top_prize_above_fifty_thousand_yuan_is_refused(owner, cast):
    page = owner.post("/benefits/new/lucky_draw/", {**DRAW, "value_1": "50,000.01"})

    assert page.status_code == 422
    assert "50,000 yuan" in page.content.decode()
    assert of(cast.shop) == []


def test_a_draft_is_kept_gone_on_with_and_deleted(owner, cast):
    owner.post(NEW_COUPON, {**COUPON, "draft": "1"})
    (draft,) = of(cast.shop)
    assert draft.status == BenefitStatus.DRAFT
    going_on = owner.get(reverse("benefits:benefits_change", args=[draft.public_id]), follow=True)
    assert f'value="{draft.public_id}"' in going_on.content.decode()

    owner.post(reverse("benefits:benefits_discard", args=[draft.public_id]))

    assert of(cast.shop) == []


def test_pausing_resuming_and_ending(owner, cast, coupon):
    def go(verb):
        owner.post(reverse(f"benefits:benefits_{verb}", args=[coupon.public_id]))
        return of(cast.shop)[0].status

    assert [go("pause"), go("resume"), go("end"), go("end")] == ["paused", "published", "ended", "ended"]
    with tenancy.tenant(cast.shop.pk):
        assert BenefitRevision.objects.of(cast.shop).count() == 4
    page = owner.get(reverse("benefits:benefits_detail", args=[coupon.public_id])).content.decode()
    assert "Publish anew" in page


def test_a_change_is_shown_in_the_history(owner, cast, coupon):
    url = reverse("benefits:benefits_change", args=[coupon.public_id])
    entries = {
        "name": "Ten off",
        "sort": "amount",
        "off_minor": "12",
        "from_at": "2024-05-15 12:00",
        "revision": "1",
    }
    owner.post(url, entries)

    (row,) = of(cast.shop)
    assert (row.revision, row.settings, row.from_at) == (2, {"off_minor": 1200}, coupon.from_at)
    page = owner.get(reverse("benefits:benefits_detail", args=[coupon.public_id])).content.decode()
    assert "¥10.00 off" in page
    assert "¥12.00 off" in page


def test_a_form_sent_as_it_was_shown_changes_nothing_and_configures_nothing(owner, cast, noon):
    scope = {"stores": ["pos:001"], "scenes": ["takeaway"]}
    with tenancy.tenant(cast.shop.pk):
        Store.objects.create(merchant=cast.shop, channel="pos", code="001", name="West Lake")
        made = benefits.publish_benefit(
            merchant_id=cast.shop.pk,
            at=noon,
            actor=JOB,
            kind="coupon",
            name="Ten off",
            from_at=noon + dt.timedelta(hours=1, seconds=7),
            to_at=noon + dt.timedelta(days=900, seconds=9),
            settings={"off_minor": 1000},
            scope=scope,
        )
    url = reverse("benefits:benefits_change", args=[made.public_id])
    shown = owner.get(url).context["form"]
    entries = {bound.name: bound.value() for bound in shown if bound.value() is not None}

    owner.post(url, {**entries, "revision": "1"})

    (row,) = of(cast.shop)
    assert (row.revision, row.from_at, row.to_at, row.scope) == (1, made.from_at, made.to_at, scope)


def test_a_change_of_what_somebody_else_changed_meanwhile_is_refused(owner, cast, coupon):
    url = reverse("benefits:benefits_change", args=[coupon.public_id])
    owner.post(url, {"name": "A", "sort": "amount", "off_minor": "12", "revision": "1"})

    page = owner.post(url, {"name": "B", "sort": "amount", "off_minor": "14", "revision": "1"})

    assert page.status_code == 422
    assert "Somebody else changed" in page.content.decode()
    assert of(cast.shop)[0].name == "A"


def test_filters_live_in_the_address(owner, cast, coupon, noon):
    with tenancy.tenant(cast.shop.pk):
        rest = {"merchant_id": cast.shop.pk, "actor": JOB}
        draw = benefits.publish_benefit(at=noon, kind="lucky_draw", name="Spring", as_scripted=True, **rest)
        benefits.pause_benefit(at=noon, benefit_id=draw.pk, **rest)

    def names(query):
        return {row["name"] for row in owner.get(LIST + query).context["rows"]}

    assert names("") == {"Ten off", "Spring"}
    assert names("?status=paused") == {"Spring"}
    assert names("?status=in_force") == {"Ten off"}
    assert names("?kind=coupon") == {"Ten off"}
    assert names("?q=spr") == {"Spring"}
    assert names("?q=lucky") == {"Spring"}
    assert names("?q=nothing%00") == set()
    assert names("?status=nonsense&kind=nonsense&page=99") == {"Ten off", "Spring"}
    assert {row["name"] for row in owner.get("/benefits/draws/").context["rows"]} == {"Spring"}
    assert {row["name"] for row in owner.get("/benefits/coupons/").context["rows"]} == {"Ten off"}


def test_htmx_gets_the_piece_and_everyone_else_the_page(owner, coupon):
    piece = owner.get(LIST + "?q=ten", headers={"HX-Request": "true"}).content
    page = owner.get(LIST + "?q=ten").content

    assert b"<html" in page
    assert b"<html" not in piece
    assert b"Ten off" in piece


def test_the_list_runs_the_same_queries_for_one_benefit_and_for_sixty(
    owner, cast, noon, django_assert_max_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from benefits.services.arguments import Arguments

    def queries():
        with CaptureQueriesContext(connection) as captured:
            owner.get(LIST)
        return len(captured)

    with tenancy.tenant(cast.shop.pk):
        benefits.publish_many(
            merchant_id=cast.shop.pk,
            at=noon,
            actor=JOB,
            benefits=[Arguments(kind="coupon", name="One", settings=OFF)],
        )
    few = queries()
    with tenancy.tenant(cast.shop.pk):
        many = [
            Arguments(kind="coupon", name=f"No. {n}", settings=OFF, audience={"tiers": ["base"]})
            for n in range(60)
        ]
        benefits.publish_many(merchant_id=cast.shop.pk, at=noon, actor=JOB, benefits=many)

    # Two more for the names of tiers, whatever the number of rows.
    assert queries() <= few + 2
    assert len(owner.get(LIST).context["rows"]) == 50


PAGES = ["", "new/", "new/coupon/", "prices/", "coupons/", "draws/", "{id}/", "{id}/change/"]
WRITES = ["{id}/pause", "{id}/resume", "{id}/end", "{id}/discard"]


@pytest.mark.parametrize("path", PAGES + WRITES)
def test_a_cashier_does_not_enter(clerk, cast, coupon, path):
    url = LIST + path.format(id=coupon.public_id)

    assert clerk.get(url).status_code == 403
    assert clerk.post(url).status_code == 403
    assert of(cast.shop)[0].status == BenefitStatus.PUBLISHED


@pytest.mark.parametrize("path", ["{id}/", "{id}/change/", "{id}/prices/", *WRITES])
def test_another_shops_owner_finds_nothing(outsider, cast, coupon, path):
    url = LIST + path.format(id=coupon.public_id)

    assert outsider.get(url).status_code in (404, 405)
    assert outsider.post(url).status_code in (403, 404, 405)
    assert "Ten off" not in outsider.get(LIST).content.decode()
    assert of(cast.shop)[0].revision == 1


def test_a_closed_program_refuses_in_words_and_changes_nothing(owner, cast, coupon, noon):
    shut(cast.shop, "closed", noon)

    page = owner.post(NEW_COUPON, COUPON)

    assert page.status_code == 422
    assert "The program is closed" in page.content.decode()
    assert len(of(cast.shop)) == 1


def test_a_cleared_program_locks_the_pages(owner, cast, coupon, noon):
    shut(cast.shop, "cleared", noon)

    assert owner.get(LIST).status_code == 403
    assert owner.post(NEW_COUPON, COUPON).status_code == 403
    assert len(of(cast.shop)) == 1


def test_an_unknown_kind_or_benefit_is_not_found(owner):
    for path in ("new/free_lunch/", "new/nothing/", "zzzzzzzz/", "new/coupon/?copy=zzzz"):
        assert owner.get(LIST + path).status_code == 404
