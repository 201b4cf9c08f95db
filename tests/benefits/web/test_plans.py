"""Paid membership in the console: plans made and changed, terms recorded, refunded, paid back; files, who may act."""

from __future__ import annotations

import csv
import io

import pytest

from benefits.models import Plan, PlanVersion, Subscription
from compliance.services import installation
from members.lib import tenant as tenancy
from tests.api import OPENED, close, join, open_shop
from tests.benefits.plans import plan, sell
from tests.benefits.web.test_own import own, reader, stored, text
from tests.conftest import NOON

URL = "/benefits/plans/"
FORM = {"name": "Gold card", "code": "gold-card", "fee_minor": "¥99.00", "months": "12", "tier": ""}


@pytest.fixture
def shop(cast):
    open_shop(cast.shop)
    return cast.shop


@pytest.fixture
def member(shop):
    return join(shop, "u1", name="王小明")


def test_a_plan_is_made_changed_and_withdrawn_and_each_version_is_told(shop, owner):
    assert "No plans yet" in text(owner.get(URL))
    made = owner.post(f"{URL}new/", FORM, follow=True)
    (card,) = stored(shop, Plan)
    assert (card.code, card.fee_minor, card.months) == ("gold-card", 9_900, 12)
    assert "The plan “Gold card” is on sale." in text(made)

    path = f"{URL}{card.public_id}/"
    changed = {**FORM, "fee_minor": "0", "tier": "silver", "version": "1"}
    assert "Terms that were bought stay" in text(owner.post(f"{path}change/", changed, follow=True))
    late = owner.post(f"{path}change/", {**changed, "fee_minor": "5"})
    assert late.status_code == 422 and "Somebody changed this plan meanwhile" in text(late)
    assert "Terms in it run on." in text(owner.post(f"{path}sale", {"is_sold": "0"}, follow=True))

    assert [(v.number, v.fee_minor, v.is_sold) for v in stored(shop, PlanVersion)] == [
        (1, 9_900, True), (2, 0, True), (3, 0, False),
    ]  # fmt: skip
    assert "Withdrawn" in text(owner.get(URL))


@pytest.mark.parametrize(
    "wrong",
    [{"code": "Gold"}, {"months": "0"}, {"months": "37"}, {"fee_minor": "much"}, {"name": ""}, {"tier": "x"}],
)
def test_a_plan_that_cannot_be_comes_back_with_what_is_wrong(shop, owner, wrong):
    assert owner.post(f"{URL}new/", FORM | wrong).status_code == 422
    assert stored(shop, Plan) == []


def test_a_term_is_recorded_once_shown_everywhere_refunded_and_paid_back(shop, member, owner):
    card = plan(shop)
    page = text(owner.get(f"/members/{member.public_id}"))
    assert "Record a paid term" in page and "No paid terms." in page
    form = {"plan": card.public_id, "paid_minor": "88", "reference": "", "once": "abcdefgh23456789"}

    for _twice in range(2):
        done = owner.post(f"{URL}sell/{member.public_id}/", form, follow=True)

    (term,) = stored(shop, Subscription)
    assert term.paid_minor == 8_800 and "Recorded: the term runs until" in text(done)
    assert "Card" in text(owner.get(f"/members/{member.public_id}"))
    assert "Paid for the plan “Card”" in text(owner.get(f"/members/{member.public_id}/timeline"))
    assert "Your paid membership" in text(reader().get(own(shop, member)))
    path = f"{URL}terms/{term.public_id}/"
    assert "The term runs to its end" in text(owner.post(f"{path}cancel", follow=True))
    assert owner.post(f"{path}refund", {"reason": ""}).status_code == 422
    refunded = text(owner.post(f"{path}refund", {"reason": "Asked for"}, follow=True))
    assert "¥88.00 is to be paid back" in refunded
    assert "marked as paid back" in text(owner.post(f"{path}paid-back", follow=True))
    assert "Your paid membership" not in text(reader().get(own(shop, member)))


def test_terms_are_listed_by_plan_and_state_and_as_a_file(shop, member, owner):
    card = plan(shop)
    with tenancy.tenant(shop.pk):
        sell(shop, card, member, NOON)
    for query in ("", "?state=expired", "?plan=card", "?q=nothing", "?state=owed"):
        assert owner.get(f"{URL}members/{query}").status_code == 200

    rows = list(
        csv.reader(io.StringIO(owner.get(f"{URL}members.csv?plan=card").getvalue().decode("utf-8-sig")))
    )

    assert len(rows) == 2 and rows[1][1] == "card" and "王小明" not in str(rows)


def test_a_cleared_program_refunds_its_paid_members_and_sells_nothing(shop, member, owner):
    card = plan(shop)
    owner.post(f"{URL}sell/{member.public_id}/", {"plan": card.public_id, "once": "abcdefgh23456789"})
    assert "would be owed ¥99.00" in text(owner.get(f"{URL}refunds/"))
    with tenancy.platform():
        installation.install(at=OPENED)
    close(shop, "cleared")

    assert owner.get(URL).status_code == 403
    assert owner.get(f"{URL}sell/{member.public_id}/").status_code == 403
    due = text(owner.get(f"{URL}refunds/"))
    assert "paid member is owed ¥99.00" in due
    assert owner.post(f"{URL}refunds/all", {"reason": ""}).status_code == 422
    done = text(owner.post(f"{URL}refunds/all", {"reason": "It ended"}, follow=True))
    assert "1 term is refunded." in done and "Nobody is to be refunded" in done
    assert owner.get(f"{URL}members/?state=owed").status_code == 200


def test_who_may_not_act_looks_or_stays_outside(shop, member, clerk, outsider):
    card = plan(shop)
    assert clerk.get(URL).status_code == 403
    assert clerk.post(f"{URL}new/", FORM).status_code == 403
    assert outsider.get(f"{URL}{card.public_id}/").status_code == 404
    assert stored(shop, Subscription) == []
