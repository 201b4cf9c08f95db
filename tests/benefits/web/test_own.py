"""The page that a member sees of their own: its parts, claiming, links that lead nowhere, a paused program."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import transaction
from django.utils import timezone

from benefits.models import Benefit, Entitlement
from benefits.services import benefits, claims
from members.lib import tenant as tenancy
from members.models import AuditRow, Member
from members.services import member_links, points
from members.services.audit import Actor
from tests.api import System, close, join, open_shop
from tests.conftest import ScopedClient
from tests.members.api.test_door import problem

JOB = Actor.job("test")
ONCE = "abcdefgh23456789"


@pytest.fixture
def shop(cast):
    open_shop(cast.shop)
    return cast.shop


@pytest.fixture
def member(shop) -> Member:
    return join(shop, "u1", name="王小明")


def publish(shop, kind="coupon", **more) -> Benefit:
    more.setdefault("settings", {"off_minor": 1000})
    with tenancy.tenant(shop.pk):
        at = timezone.now() - dt.timedelta(hours=1)
        return benefits.publish_benefit(
            merchant_id=shop.pk, at=at, actor=JOB, kind=kind, **{"name": "Ten off", **more}
        )


def own(shop, member, *, ago: int = 0) -> str:
    at = timezone.now() - dt.timedelta(minutes=ago)
    link = member_links.make(merchant=shop, member=member, at=at, minutes=60)
    return "/m/" + link.url.partition("/m/")[2]


def reader(**headers: str) -> ScopedClient:
    return ScopedClient(headers={"accept-language": "en", **headers})


def text(page) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def stored(shop, model=Entitlement) -> list:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(model.objects.of(shop).order_by("id"))


def give(shop, member, number: int) -> None:
    with tenancy.tenant(shop.pk):
        points.adjust(
            merchant_id=shop.pk, at=timezone.now(), actor=JOB, member_id=member.pk, points=number, key="g",
            reason="a test",
        )  # fmt: skip


def exchanged(shop, member) -> Entitlement:
    """A right that the member paid for with points."""
    give(shop, member, 250)
    benefit = publish(shop, "points_exchange", name="Tea", settings={"item": "Tea", "points": 200})
    with tenancy.tenant(shop.pk):
        mine, _is_new = claims.exchange(
            merchant_id=shop.pk, at=timezone.now(), actor=JOB, member_id=member.pk, benefit_id=benefit.pk,
            key="x",
        )  # fmt: skip
    return mine


def test_a_member_sees_tier_points_codes_and_what_is_to_claim_and_nobody_keeps_the_page(shop, member):
    give(shop, member, 120)
    publish(shop)
    publish(shop, "free_shipping", name="Free parcels", settings={})
    page = reader().get(own(shop, member))

    said = text(page)
    assert page.status_code == 200
    for words in (
        "Swallow Valley",
        "王*",
        "Your tier",
        "120 available",
        "To claim",
        "Ten off",
        "Free parcels",
    ):
        assert words in said
    assert "王小明" not in said
    assert page["X-Robots-Tag"].startswith("noindex") and "no-store" in page["Cache-Control"]
    assert page["Referrer-Policy"] == "same-origin"
    assert not re.findall(r'(?:href|src|action)="(?:https?:)?//', page.content.decode())
    assert set(page.cookies) <= {"csrftoken"}


def test_the_page_speaks_the_readers_language_and_else_the_shops(shop, member):
    path = own(shop, member)

    assert "你的积分" in text(ScopedClient().get(path))
    assert "你的積分" in text(reader(**{"accept-language": "zh-TW,zh;q=0.9"}).get(path))
    for wanted in ("zh-HK,zh;q=0.9,en;q=0.8", "zh-Hant-HK", "zh-MO,en"):
        assert "你的積分" in text(reader(**{"accept-language": wanted}).get(path)), wanted
    assert "你的积分" in text(reader(**{"accept-language": "zh-Hans-CN,en;q=0.9"}).get(path))
    assert "你的积分" in text(reader(**{"accept-language": "*, ,;q=1"}).get(path))
    assert "Your points" in text(reader(**{"accept-language": "fr,en;q=0.5"}).get(path))
    assert "你的积分" in text(reader(**{"accept-language": "fr"}).get(path))


def test_a_member_claims_in_one_act_and_the_form_sent_twice_claims_once(shop, member):
    benefit, path, client = publish(shop, stock=2), own(shop, member), reader()
    form = {"benefit": benefit.public_id, "once": ONCE}

    first = client.post(f"{path}claim", form, follow=True)
    again = client.post(f"{path}claim", form, follow=True)

    (mine,) = stored(shop)
    assert mine.member_id == member.pk and mine.source == "claim"
    assert "Claimed. Show the code" in text(first) and first.status_code == again.status_code == 200
    assert f"{mine.code[:5]}" in text(first) and "<svg" in first.content.decode()
    assert mine.code not in first.redirect_chain[0][0], "a code stands in no address that is kept"
    assert ">Claim<" not in first.content.decode(), "who had as many as one may is offered no more"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"stock": 0}, "Nothing is left of this benefit."),
        ({"audience": {"tiers": ["silver"]}}, "This benefit is for other members."),
        ({"kind": "welcome_gift", "settings": {"gift": "Tea"}}, "This benefit is not claimed"),
        ({"settings": {"off_minor": 1000, "budget_minor": 500}}, "The budget of this benefit is used up."),
    ],
)
def test_what_cannot_be_claimed_is_not_offered_and_refused_in_words(shop, member, more, says):
    benefit, path = publish(shop, **more), own(shop, member)
    client = reader()

    if "budget_minor" not in more.get("settings", {}):
        assert f'value="{benefit.public_id}"' not in client.get(path).content.decode()
    page = client.post(f"{path}claim", {"benefit": benefit.public_id, "once": ONCE})

    assert page.status_code == 422 and says in text(page)
    assert stored(shop) == []


def test_another_shops_benefit_is_not_there(shop, member, cast):
    open_shop(cast.other)
    foreign = publish(cast.other)
    page = reader().post(f"{own(shop, member)}claim", {"benefit": foreign.public_id, "once": ONCE})

    assert page.status_code == 404 and "There is no such benefit." in text(page)
    assert stored(shop) == stored(cast.other) == []


def test_a_link_that_is_over_changed_or_of_another_shop_says_so(shop, member, cast):
    open_shop(cast.other)
    path, client = own(shop, member), reader()
    over = client.get(own(shop, member, ago=60))
    changed = client.get(path[:-2] + ("A" if path[-2] != "A" else "B") + "/")
    foreign = client.get(path.replace(shop.slug, cast.other.slug))

    assert over.status_code == 410 and "This link is over" in text(over)
    assert changed.status_code == foreign.status_code == 404
    assert "This link does not work" in text(changed) and "This link does not work" in text(foreign)
    assert client.post(f"{own(shop, member, ago=60)}claim", {}).status_code == 410
    with tenancy.tenant(shop.pk), transaction.atomic():
        Member.objects.of(shop).filter(pk=member.pk).update(status="left")
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("kind", ["closed", "cleared"])
def test_a_paused_program_says_so_keeps_what_was_paid_for_and_lets_nothing_be_claimed(shop, member, kind):
    paid, benefit = exchanged(shop, member), publish(shop)
    with tenancy.tenant(shop.pk):
        free, _is_new = claims.give(
            merchant_id=shop.pk, at=timezone.now(), actor=JOB, member_id=member.pk, benefit_id=benefit.pk,
            key="g", reason="a test",
        )  # fmt: skip
    close(shop, kind)

    page = reader().get(own(shop, member))
    said = text(page)

    assert page.status_code == 200 and "The member program is paused." in said
    assert paid.code[:5] in said and "paid for" in said and "50 available" in said
    assert free.code[:5] not in said and "rests for now" in said and "To claim" not in said
    refused = reader().post(f"{own(shop, member)}claim", {"benefit": benefit.public_id, "once": ONCE})
    assert refused.status_code == 422 and len(stored(shop)) == 2


def test_too_many_requests_from_one_address_wait(shop, member, settings):
    settings.MEMBER_PAGE_RATE = "3/day"
    path, client = own(shop, member), reader()

    told = [client.get(path, REMOTE_ADDR="203.0.113.9").status_code for _n in range(5)]
    elsewhere = client.get(path, REMOTE_ADDR="203.0.113.10")

    assert told == [200, 200, 200, 429, 429] and elsewhere.status_code == 200
    assert int(client.get(path, REMOTE_ADDR="203.0.113.9")["Retry-After"]) > 0


def test_a_form_of_somebody_elses_page_is_refused(shop, member):
    benefit = publish(shop)
    client = ScopedClient(enforce_csrf_checks=True, headers={"accept-language": "en"})

    answer = client.post(f"{own(shop, member)}claim", {"benefit": benefit.public_id, "once": ONCE})

    assert answer.status_code == 403 and stored(shop) == []


def test_staff_show_the_page_as_a_qr_code_and_it_is_logged(shop, member, owner):
    path = f"/members/{member.public_id}/own-page"

    looked, shown = owner.get(path), owner.post(path)

    assert "<svg class" not in looked.content.decode() or "Show QR code" in text(looked)
    assert shown.status_code == 200 and "Have the member scan it" in text(shown)
    assert [row.action for row in stored(shop, AuditRow)].count("member.page_shown") == 1


def test_a_shops_system_asks_for_links_with_a_scope_of_their_own(shop, member, cast):
    system, reading = System(shop), System(shop, ["members:write", "benefits:write", "points:write"])
    path = f"/members/{member.public_id}/links"

    first, again = (system.post(path, {"minutes": 5}, key="l1") for _n in range(2))

    assert (
        first.status_code == 201 and again.json() == first.json() and again["Idempotency-Replayed"] == "true"
    )
    assert reader().get("/m/" + first.json()["url"].partition("/m/")[2]).status_code == 200
    assert dt.datetime.fromisoformat(first.json()["expires_at"]) > timezone.now()
    problem(reading.post(path), 403, "scope-missing")
    problem(system.post(path, {"minutes": 0}), 422, "invalid")
    open_shop(cast.other)
    problem(System(cast.other).post(path), 404, "not-found")
    close(shop, "cleared")
    assert system.post(path).status_code == 201, "what was paid for is found after a clearance too"
