"""Codes that a till took without a connection: judged once, under the name under which they were taken; and the page
that opens without one, which is about nobody."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import transaction
from django.utils import timezone

from benefits.lib.codes import new_code
from benefits.models import EntitlementUse, QueuedCode
from benefits.services import benefits
from members.lib import tenant as tenancy
from members.models import AuditRow, Staff, Store
from tests.benefits.web.test_cashier import JOB, PAGE, claimed, coupon, scoped, shop, spoil, stored

__all__ = ["shop"]  # the fixture
QUEUE = f"{PAGE}queue"
KEY = "abcdefgh23456789"


def send(browser, code: str, key: str = KEY, **more):
    till = browser.get(QUEUE).json()["till"]
    return browser.post(
        QUEUE, {"till": till, "code": code, "key": key, "taken": timezone.now().isoformat(), **more}
    )


def test_a_code_is_redeemed_once_and_the_same_key_tells_the_first_answer(clerk, shop, cast):
    mine = claimed(shop, coupon(shop, uses=2))
    taken = timezone.now() - dt.timedelta(hours=3)

    first = send(clerk, mine.code, taken=taken.isoformat())
    again = send(clerk, mine.code)

    assert first.json() == again.json()
    assert (first.json()["state"], first.json()["says"], first.json()["member"]) == (
        "redeemed",
        "¥10.00 off",
        "王*",
    )
    (use,), (row,) = stored(shop, EntitlementUse), stored(shop, QueuedCode)
    assert (row.use_id, row.by_id, row.taken_at, row.outcome) == (use.pk, cast.clerk.pk, taken, "redeemed")
    assert use.at > taken and stored(shop)[0].uses_left == 1


def test_a_form_that_had_arrived_and_is_queued_afterwards_redeems_once(clerk, shop):
    mine = claimed(shop, coupon(shop, uses=2))

    clerk.post(PAGE, {"code": mine.code, "once": KEY})
    told = send(clerk, mine.code)
    clerk.post(PAGE, {"code": mine.code, "once": KEY})

    assert told.json()["state"] == "redeemed" and len(stored(shop, EntitlementUse)) == 1


def test_what_a_form_had_redeemed_is_told_as_redeemed_where_the_till_says_another_place_by_then(owner, shop):
    mine = claimed(shop, coupon(shop, uses=2))
    owner.post(f"{PAGE}place", {"store": "", "scene": "dinner"})
    owner.post(PAGE, {"code": mine.code, "once": KEY})
    owner.post(f"{PAGE}place", {"store": "", "scene": ""})  # as after signing in anew

    told = send(owner, mine.code)

    (use,) = stored(shop, EntitlementUse)
    assert (told.json()["state"], told.json().get("use")) == ("redeemed", use.public_id)
    assert stored(shop)[0].uses_left == 1 and stored(shop, QueuedCode)[0].use_id == use.pk


@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone meanwhile"])
def test_a_code_is_judged_where_it_was_taken_after_a_new_sign_in_if_a_till_may_stand_there_still(
    owner, shop, gone
):
    with tenancy.tenant(shop.pk), transaction.atomic():
        store = Store.objects.create(merchant=shop, channel="pos", code="009", name="West Lake")
    mine = claimed(shop, scoped(shop, {"stores": ["pos:009"], "scenes": ["dinner"]}))
    owner.post(f"{PAGE}place", {"store": "pos:009", "scene": "dinner"})
    page = owner.get(PAGE).content.decode()
    assert 'data-store="pos:009" data-scene="dinner"' in page, (
        "what the page's script keeps with what it takes"
    )

    owner.post(f"{PAGE}place", {"store": "", "scene": ""})  # as after signing in anew
    if gone:
        with tenancy.tenant(shop.pk), transaction.atomic():
            store.delete()
    told = send(owner, mine.code, store="pos:009", scene="dinner")

    assert told.json()["state"] == ("refused" if gone else "redeemed")
    assert [row.uses_left for row in stored(shop)] == [int(gone)]


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("unknown", "There is no such code here"),
        ("foreign", "There is no such code here"),
        ("used", "This code was used already."),
        ("expired", "The time to use this code is over."),
        ("ended", "This benefit has ended"),
        ("cleared", "The member program of this shop is closed"),
    ],
)
def test_what_cannot_be_used_any_more_is_refused_for_good_and_noted(clerk, owner, shop, cast, what, says):
    benefit = coupon(shop)
    mine = claimed(shop, benefit)
    code = new_code() if what == "unknown" else spoil(what, shop, cast, benefit, mine)
    before = [(row.state, row.uses_left) for row in stored(shop)]

    first, again = send(clerk, code), send(clerk, code)

    assert says in first.json()["says"] and first.json() == again.json()
    assert [(row.state, row.uses_left) for row in stored(shop)] == before
    assert not stored(shop, EntitlementUse) and len(stored(shop, QueuedCode)) == 1
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert AuditRow.objects.of(shop).filter(action="entitlement.queued").count() == 1
    assert "Code taken without a connection sent in" in owner.get("/settings/audit-log").content.decode()


def test_a_refused_code_stays_refused_under_its_key_when_it_can_be_used_again(clerk, shop, cast):
    benefit = coupon(shop)
    mine = claimed(shop, benefit)
    spoil("paused", shop, cast, benefit, mine)
    first = send(clerk, mine.code)
    with tenancy.tenant(shop.pk), transaction.atomic():
        benefits.resume_benefit(merchant_id=shop.pk, benefit_id=benefit.pk, at=timezone.now(), actor=JOB)

    assert send(clerk, mine.code).json() == first.json()
    assert send(clerk, mine.code, key="23456789abcdefgh").json()["state"] == "redeemed"


def test_nothing_is_sent_under_another_name(clerk, owner, outsider, shop):
    mine = claimed(shop)
    till = clerk.get(QUEUE).json()["till"]

    for other in (owner, outsider):
        answer = send(other, mine.code, till=till)
        assert (answer.status_code, answer.json()) == (409, {"state": "other"})
    send(clerk, mine.code)
    foreign = send(owner, mine.code)  # the key of somebody else

    assert foreign.json()["state"] == "refused" and "another request" in foreign.json()["says"]
    assert len(stored(shop, EntitlementUse)) == len(stored(shop, QueuedCode)) == 1


@pytest.mark.parametrize(
    "sent",
    [{"code": "ABC"}, {"key": "short"}, {"key": "ABCDEFGH23456789"}, {"key": ""}, {"code": ""}],
)
def test_what_no_till_sends_is_refused_and_leaves_nothing(clerk, shop, sent):
    mine = claimed(shop)

    assert send(clerk, **({"code": mine.code} | sent)).json()["state"] == "refused"
    assert not stored(shop, QueuedCode) and not stored(shop, EntitlementUse)


@pytest.mark.parametrize(
    "taken", ["", "yesterday", "2026-01-01T00:00:00", "1999-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]
)
def test_a_clock_that_cannot_be_believed_is_no_evidence_and_no_hindrance(clerk, shop, taken):
    mine = claimed(shop)

    assert send(clerk, mine.code, taken=taken).json()["state"] == "redeemed"
    assert stored(shop, QueuedCode)[0].taken_at is None


def test_who_left_or_signed_out_sends_nothing(client, clerk, shop, cast):
    mine = claimed(shop)
    till = clerk.get(QUEUE).json()["till"]
    body = {"till": till, "code": mine.code, "key": KEY}
    assert client.post(QUEUE, body).status_code == 302
    with tenancy.platform(), transaction.atomic():
        Staff.objects.filter(user=cast.clerk).update(left_at=timezone.now())

    assert clerk.post(QUEUE, body).status_code == 302
    assert not stored(shop, QueuedCode) and stored(shop)[0].state == "issued"


def test_the_page_that_is_kept_is_the_same_for_everybody(client, clerk, outsider, shop):
    shells = [browser.get(f"{PAGE}shell/en/") for browser in (client, clerk, outsider)]
    worker = clerk.get(f"{PAGE}worker/en.js")

    assert len({shell.content for shell in shells}) == 1
    assert b"csrf" not in shells[0].content.replace(b"csrfmiddlewaretoken", b"")
    assert all(not shell.cookies for shell in shells)
    assert "nonce" not in shells[1]["Content-Security-Policy"]
    assert (worker["Service-Worker-Allowed"], worker["Cache-Control"]) == (PAGE, "no-cache")
    known = json.loads(worker.content.decode().split("KNOWN = ", 1)[1].split(";\n", 1)[0])
    assert known["shell"] == f"{PAGE}shell/en/" and known["page"] == PAGE
    assert client.get(f"{PAGE}shell/xx/").status_code == client.get(f"{PAGE}worker/xx.js").status_code == 404
