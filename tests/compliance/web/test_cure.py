"""The cure in two clicks: ready choices with the date each makes safe, one confirmation."""

from __future__ import annotations

import re

import pytest
from django.db import transaction

from benefits.models import Benefit
from compliance.selectors import standing
from compliance.services import cures
from members.lib import tenant as tenancy
from members.services.audit import Actor
from tests.compliance.web.conftest import old, staff, when

AT_RISK = "2026-06-08 10:20"
ACTOR = Actor.job("test")


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


@pytest.fixture
def at_risk(shop, clock):
    old(shop)
    clock(AT_RISK)
    return shop


def drawer(client, path="/compliance/"):
    """The choices of the drawer, and the number that makes a second press harmless."""
    html = client.get(path).content.decode()
    return re.findall(r'name="choice" value="([^"]+)"', html), re.search(r'name="once" value="(\w+)"', html)[
        1
    ]


def live(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return Benefit.objects.of(shop.pk).filter(published_at=when(AT_RISK)).count()


def test_the_drawer_offers_three_choices_with_cost_and_date(owner, at_risk):
    html = owner.get("/compliance/").content.decode()

    choices, _once = drawer(owner)
    assert len(choices) == 3
    assert choices[0].startswith("renew-")
    assert html.count("Cost at most") == html.count("Safe until") == 3
    assert "¥2,000.00" in html


def test_the_date_said_is_the_run_that_threatens_once_it_is_published(owner, at_risk):
    with tenancy.tenant(at_risk.pk), transaction.atomic():
        facts = standing.find(merchant_id=at_risk.pk, at=when(AT_RISK))
        offers = cures.offers(facts=facts, at=when(AT_RISK))
        said = {offer.choice.key: offer.next_run.on for offer in offers}
        for offer in offers:
            assert offer.helps
            with transaction.atomic():
                cures.publish(merchant_id=at_risk.pk, key=offer.choice.key, at=when(AT_RISK), actor=ACTOR)
                found = standing.find(merchant_id=at_risk.pk, at=when(AT_RISK))
                assert found.threat.on == said[offer.choice.key]
                transaction.set_rollback(True)


def test_one_confirmation_lifts_the_risk_without_a_script(owner, at_risk):
    choices, once = drawer(owner)

    answer = owner.post(
        "/compliance/cure", {"choice": choices[0], "once": once, "page": "status"}, follow=True
    )

    html = answer.content.decode()
    assert answer.redirect_chain == [("/compliance/", 302)]
    assert "Risk lifted: “99 less 10” is live." in html
    assert "Program at risk" not in html
    assert "In good standing" in html


@pytest.mark.parametrize(
    ("page", "pieces"),
    [
        ("home", ("state-card", "todos")),
        ("status", ("status-chip", "compliance-body")),
    ],
)
def test_banner_badge_and_card_change_in_the_same_answer(owner, at_risk, page, pieces):
    choices, once = drawer(owner)

    answer = owner.post(
        "/compliance/cure", {"choice": choices[1], "once": once, "page": page}, headers={"HX-Request": "true"}
    )

    html = answer.content.decode()
    assert answer.status_code == 200
    assert answer["HX-Trigger-After-Swap"] == "liushui:done"
    assert '<div id="compliance-banner" data-hx-swap-oob="true"></div>' in html
    for piece in pieces:
        assert re.search(rf'id="{piece}"[^>]*data-hx-swap-oob="true"', html), piece
    assert "Risk lifted:" in html and "In good standing" in html
    assert "<html" not in html


def test_a_second_press_publishes_nothing_more(owner, at_risk):
    choices, once = drawer(owner)

    for _ in range(2):
        owner.post("/compliance/cure", {"choice": choices[1], "once": once, "page": "status"})

    assert live(at_risk) == 1


def test_a_choice_that_is_gone_is_refused_and_nothing_is_published(owner, at_risk):
    plain = owner.post("/compliance/cure", {"choice": "gone", "page": "status"})
    piece = owner.post("/compliance/cure", {"choice": "gone", "page": "home"}, headers={"HX-Request": "true"})

    assert plain.status_code == piece.status_code == 422
    assert "This choice is no longer there" in plain.content.decode()
    assert "This choice is no longer there" in piece.content.decode()
    assert live(at_risk) == 0


@pytest.mark.parametrize(
    ("role", "may"), [("manager", True), ("operator", True), ("cashier", False), ("analyst", False)]
)
def test_only_writers_publish(client, at_risk, role, may):
    client.force_login(staff(at_risk, role, role))

    answer = client.post("/compliance/cure", {"choice": "coupon", "page": "status"})

    assert (answer.status_code == 302) is may
    assert answer.status_code in (302, 403)
    assert live(at_risk) == (1 if may else 0)


def test_a_cleared_program_publishes_nothing(owner, shop, clock):
    old(shop)
    shop.assess("2026-05-31", "2026-06-16")
    shop.run("2026-06-30")
    clock("2026-07-02 10:00")

    answer = owner.post("/compliance/cure", {"choice": "coupon", "page": "status"})

    assert answer.status_code == 422
    assert "closed by a clearance" in answer.content.decode()
    assert 'id="cure"' not in owner.get("/compliance/").content.decode()


def test_another_shops_choice_is_not_published_here(client, at_risk, cast):
    client.force_login(cast.owner)
    choices, _once = drawer(client)
    client.force_login(cast.outsider)

    answer = client.post("/compliance/cure", {"choice": choices[0], "page": "status"})

    assert answer.status_code == 422
    assert live(at_risk) == 0
