"""Pages of draws: what was published for everyone, the proof byte for byte, the console's card, entering by staff."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from benefits.lib import draws as rule
from benefits.models import Benefit, Draw, DrawEntry, Entitlement
from benefits.selectors import draws as selectors
from benefits.services import benefits, drawing, draws
from benefits.services.arguments import Arguments
from members.lib import tenant as tenancy
from members.services import member_links, members, programs
from members.services.audit import Actor
from tests.conftest import ScopedClient
from tests.factories.benefits import DRAW

JOB = Actor.job("test")
CLOSE = dt.datetime(2099, 12, 31, tzinfo=dt.UTC)
AFTER = CLOSE + dt.timedelta(days=1)


@pytest.fixture
def person(cast, noon):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        programs.open_program(merchant_id=cast.shop.pk, at=noon, actor=JOB)
        return members.join(
            merchant_id=cast.shop.pk, at=noon, actor=JOB, channel="web", external_id="a", name="Ann Lee"
        )


@pytest.fixture
def draw(cast, noon, person) -> Draw:
    """Open since noon, until CLOSE."""
    return published(cast.shop, noon)


def published(shop, noon, **settings) -> Draw:
    with tenancy.tenant(shop.pk), transaction.atomic():
        made = benefits.publish_benefit(
            merchant_id=shop.pk, at=noon, actor=JOB, kind="lucky_draw", name="Spring", settings=DRAW | settings,
            to_at=CLOSE,
        )  # fmt: skip
        return Draw.objects.of(shop).select_related("benefit").get(benefit_id=made.pk)


def enter(draw: Draw, person, noon) -> DrawEntry:
    with tenancy.tenant(draw.merchant_id):
        return draws.enter(
            merchant_id=draw.merchant_id, at=noon, actor=JOB, member_id=person.pk, benefit_id=draw.benefit_id, key="k"
        )[0]  # fmt: skip


def hold() -> None:
    with tenancy.platform():
        drawing.draw_due(at=AFTER)


def address(name: str, shop, draw: Draw) -> str:
    return reverse(f"draws:{name}", args=[shop.slug, draw.public_id])


def test_anyone_sees_before_the_close_what_was_published_and_no_proof(cast, draw):
    anyone = Client(headers={"accept-language": "en"})

    page = anyone.get(address("verify", cast.shop, draw))

    html = page.content.decode()
    assert page.status_code == 200
    for text in (
        draw.commitment,
        draw.rules_hash,
        "Tea",
        "One entry each.",
        "Entries open",
        "Does not count for clearance",
    ):
        assert text in html
    assert anyone.get(address("proof", cast.shop, draw)).status_code == 404


def test_the_proof_is_the_same_byte_for_byte_for_everyone_and_names_no_member(
    cast, draw, person, noon, owner
):
    entry = enter(draw, person, noon)
    hold()

    raw = Client().get(address("proof", cast.shop, draw))

    assert raw.content == owner.get(address("proof", cast.shop, draw)).content
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        held = Draw.objects.of(cast.shop).get(pk=draw.pk)
        assert raw.content == rule.proof_bytes(selectors.proof(held))
    assert raw["ETag"] == f'"{held.digest}"' and "immutable" in raw["Cache-Control"]
    assert entry.entrant in raw.content.decode() and person.public_id not in raw.content.decode()
    html = Client(headers={"accept-language": "en"}).get(address("verify", cast.shop, draw)).content.decode()
    assert held.seed in html and held.root in html and "Prizes won: 1. Entries: 1." in html


def test_a_draw_that_nobody_entered_says_so(cast, draw, owner):
    hold()

    words = "Nobody entered, so nobody won."
    assert (
        words
        in Client(headers={"accept-language": "en"}).get(address("verify", cast.shop, draw)).content.decode()
    )
    page = owner.get(reverse("benefits:benefits_detail", args=[draw.benefit.public_id]))
    assert words in page.content.decode()


def test_an_address_of_no_draw_or_of_another_shop_does_not_exist(cast, draw):
    anyone = Client()

    assert anyone.get(address("verify", cast.other, draw)).status_code == 404
    assert anyone.get(reverse("draws:verify", args=["none", draw.public_id])).status_code == 404
    assert anyone.get(reverse("draws:proof", args=[cast.shop.slug, "none"])).status_code == 404


def test_a_closed_program_locks_no_proof(cast, draw, person, noon):
    enter(draw, person, noon)
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        program = programs.lock_for_close(merchant_id=cast.shop.pk)
        programs.begin_closure(program=program, at=noon, kind="cleared", actor=JOB)
    hold()

    assert Client().get(address("verify", cast.shop, draw)).status_code == 200
    assert Client().get(address("proof", cast.shop, draw)).status_code == 200


def test_the_card_shows_commitment_counts_and_winners_masked(cast, draw, person, noon, owner):
    enter(draw, person, noon)
    page = reverse("benefits:benefits_detail", args=[draw.benefit.public_id])
    before = owner.get(page).content.decode()
    hold()
    after = owner.get(page).content.decode()

    for text in (
        draw.commitment,
        "1 of 1 member",
        "Does not count for clearance",
        "Nobody can read the seed",
    ):
        assert text in before
    assert "Download the proof file" in after and "Download the proof file" not in before
    assert "Winner" in after and "Ann Lee" not in after


def test_the_number_of_queries_does_not_grow_with_winners(
    cast, draw, person, noon, owner, django_assert_max_num_queries
):
    enter(draw, person, noon)
    hold()
    with django_assert_max_num_queries(24):
        owner.get(reverse("benefits:benefits_detail", args=[draw.benefit.public_id]))


def test_what_has_begun_offers_no_change_and_a_prize_is_not_taken_back_but_shown(
    cast, draw, person, noon, owner
):
    page = reverse("benefits:benefits_detail", args=[draw.benefit.public_id])
    enter(draw, person, noon)
    open_page = owner.get(page).content.decode()
    hold()

    for words in ("End benefit", "Pause benefit", "Change benefit"):
        assert words not in open_page
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        code = Entitlement.objects.of(cast.shop).get().code
    right = owner.get(reverse("benefits:entitlements_detail", args=[code])).content.decode()
    assert "Tea, worth ¥88.00" in right and "Won in a draw" in right and "Take back" not in right


def test_staff_enter_a_member_by_the_same_rules(cast, draw, person, owner):
    url = reverse("benefits:draws_enter", args=[person.public_id])
    form = {"benefit": draw.benefit.public_id, "once": "abcdefgh23456789"}
    assert "Spring" in owner.get(url).content.decode()

    first = owner.post(url, form)
    again = owner.post(url, form)
    other = owner.post(url, form | {"once": "bcdefgh23456789a"})

    assert (first.status_code, again.status_code, other.status_code) == (302, 302, 422)
    assert "the most for one member" in other.content.decode()
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        (entry,) = DrawEntry.objects.of(cast.shop)
    assert (entry.actor_kind, entry.member_id) == ("user", person.pk)


def test_a_cashier_and_another_shops_people_enter_nobody(client, cast, draw, person):
    url = reverse("benefits:draws_enter", args=[person.public_id])
    form = {"benefit": draw.benefit.public_id, "once": "abcdefgh23456789"}

    for user, status in ((cast.clerk, 403), (cast.outsider, 404)):
        client.force_login(user)
        assert client.post(url, form).status_code == status

    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        assert not DrawEntry.objects.of(cast.shop).exists()


def test_a_form_with_odds_instead_of_pieces_is_published_with_its_draw(cast, person, owner):
    form = {
        "name": "Odds", "from_at": "", "to_at": "2099-12-31", "terms": "Members.", "audience": "everyone",
        "points": "10", "entries": "3", "claim_days": "30", "prize_1": "Tea", "odds_1": "100", "value_1": "88",
        "once": "cdefgh23456789ab",
    }  # fmt: skip

    page = owner.post("/benefits/new/lucky_draw/", form, follow=True)

    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        made = Benefit.objects.of(cast.shop).get(name="Odds")
        rules = Draw.objects.of(cast.shop).get(benefit_id=made.pk).rules
    assert rules["prizes"] == [{"name": "Tea", "value_minor": 8_800, "count": None, "one_in": 100}]
    assert (rules["points"], rules["entries"], rules["claim_days"]) == (10, 3, 30)
    assert "1 in 100" in page.content.decode()


def test_a_form_without_pieces_and_odds_is_refused_and_keeps_what_was_typed(cast, person, owner):
    form = {
        "name": "Odds", "from_at": "", "to_at": "2099-12-31", "terms": "Members.", "audience": "everyone",
        "prize_1": "Tea", "value_1": "88", "once": "cdefgh23456789ab",
    }  # fmt: skip

    page = owner.post("/benefits/new/lucky_draw/", form)

    assert page.status_code == 422 and 'value="Tea"' in page.content.decode()
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        assert not Benefit.objects.of(cast.shop).exists()


def test_the_winner_reads_the_one_prize_that_was_won(cast, noon, person):
    tea = DRAW["prizes"][0] | {"count": 5}
    won = published(cast.shop, noon, prizes=[tea])
    enter(won, person, noon)
    hold()
    url = member_links.make(merchant=cast.shop, member=person, at=timezone.now()).url

    page = ScopedClient(headers={"accept-language": "en"}).get("/m/" + url.partition("/m/")[2])

    codes = page.content.decode().partition('id="codes"')[2].partition("</section>")[0]
    assert "Tea, worth ¥88.00" in codes and "5 prizes" not in codes


def test_a_draw_of_many_prizes_keeps_them_all_in_the_form(cast, person, owner):
    prizes = [{"name": f"Prize no {n}", "count": n, "value_minor": 100} for n in range(1, 8)]
    at = timezone.now()
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        made = benefits.publish_benefit(
            merchant_id=cast.shop.pk, at=at, actor=JOB, kind="lucky_draw", name="Seven",
            settings=DRAW | {"prizes": prizes}, from_at=at + dt.timedelta(days=9), to_at=CLOSE,
        )  # fmt: skip
    page = f"/benefits/{made.public_id}/change/"
    form = owner.get(page).context["form"]
    entries = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    entries |= {f"value_{n}": "1.00" for n in range(1, 8)}
    entries |= {
        "from_at": "2099-01-01",
        "to_at": "2099-12-31",
        "terms": "Other terms.",
        "tiers": [],
        "segments": [],
    }

    answer = owner.post(page, entries)

    assert answer.status_code == 302, answer.context["form"].errors
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        rules = Draw.objects.of(cast.shop).get(benefit_id=made.pk).rules
    assert rules["terms"] == "Other terms." and [each["count"] for each in rules["prizes"]] == list(
        range(1, 8)
    )


def test_a_paused_draw_does_not_say_that_entries_are_open(cast, noon, draw):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        Benefit.objects.of(cast.shop).filter(pk=draw.benefit_id).update(status="paused")

    page = Client(headers={"accept-language": "en"}).get(address("verify", cast.shop, draw))

    assert page.context["chip"]["text"] == "Paused"


@pytest.mark.parametrize("kind", ["closed", "cleared"])
def test_a_program_that_is_not_open_does_not_say_that_entries_are_open(cast, noon, draw, kind):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        program = programs.lock_for_close(merchant_id=cast.shop.pk)
        programs.begin_closure(program=program, at=noon, kind=kind, actor=JOB)

    page = Client(headers={"accept-language": "en"}).get(address("verify", cast.shop, draw))

    assert page.context["chip"]["text"] == "Paused"


def test_the_places_of_a_draft_stay_when_it_is_published_by_the_form(cast, person, owner, noon):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        said = Arguments(kind="lucky_draw", name="Draft", to_at=CLOSE, settings=DRAW, stock=100)
        draft = benefits.save_draft(merchant_id=cast.shop.pk, at=noon, actor=JOB, arguments=said)
    page = f"/benefits/new/lucky_draw/?draft={draft.public_id}"
    form = owner.get(page).context["form"]
    entries = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    entries |= {"to_at": "2099-12-31", "value_1": "88.00", "tiers": [], "segments": []}

    answer = owner.post(page, entries)

    assert answer.status_code == 302, answer.context["form"].errors
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        assert Draw.objects.of(cast.shop).get(benefit_id=draft.pk).rules["places"] == 100


def test_public_pages_are_asked_for_so_often_and_a_known_proof_is_not_made_again(
    cast, draw, person, noon, settings, django_assert_max_num_queries
):
    enter(draw, person, noon)
    hold()
    path, client = address("proof", cast.shop, draw), Client()
    tag = client.get(path)["ETag"]
    with django_assert_max_num_queries(8):
        known = client.get(path, headers={"if-none-match": tag})
    settings.MEMBER_PAGE_RATE = "2/day"
    told = [client.get(path, REMOTE_ADDR="203.0.113.7").status_code for _n in range(4)]

    assert (known.status_code, known.content) == (304, b"")
    assert told == [200, 200, 429, 429]
    assert client.get(address("verify", cast.shop, draw), REMOTE_ADDR="203.0.113.7").status_code == 429
