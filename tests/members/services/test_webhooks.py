"""Webhooks: who is told what, signed and once; tried again with growing pauses; and never anywhere inside."""

from __future__ import annotations

import datetime as dt
import json
import threading
from decimal import Decimal

import jsonschema_rs
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from members.api.schema import document
from members.lib import queue
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, InsufficientPoints, Invalid, NotFound
from members.lib.webhooks import WebhookEvent
from members.models import AuditRow, Program, WebhookDelivery, WebhookEndpoint
from members.services import (
    members,
    orders,
    outbox,
    point_rules,
    points,
    points_daily,
    tier_rules,
    webhook_events,
    webhook_sending,
    webhooks,
)
from members.services.audit import Actor
from members.services.orders import LineIn, OrderIn, RefundIn
from members.tasks.webhooks import send_webhooks
from tests.api import JOB, LADDER, OPENED, System, join, open_shop
from tests.receiver import receiving

ALL = list(WebhookEvent.values)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def to_loopback(settings):
    """The receivers of these tests are on this machine."""
    settings.WEBHOOKS_TO_LOOPBACK = True


@pytest.fixture
def receiver():
    with receiving() as found:
        yield found


@pytest.fixture
def shop(cast):
    open_shop(cast.shop)
    return cast.shop


def add(shop, url, events=ALL, **more):
    with tenancy.tenant(shop.pk):
        return webhooks.add_endpoint(
            merchant_id=shop.pk, at=OPENED, actor=JOB, url=url, events=events, **more
        )


def send(at=None):
    with tenancy.platform():
        return webhook_sending.drain(at=at or timezone.now())


def left(shop):
    """What was left for the shop's endpoints."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(WebhookDelivery.objects.of(shop).order_by("pk"))


def endpoint_of(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return WebhookEndpoint.objects.of(shop).get()


def adjust(shop, member, number, key="a", at=None):
    with tenancy.tenant(shop.pk):
        return points.adjust(
            merchant_id=shop.pk,
            at=at or timezone.now(),
            actor=JOB,
            member_id=member.pk,
            points=number,
            key=key,
            reason="given",
        )


def put(shop, *items):
    with tenancy.tenant(shop.pk):
        return orders.put_many(merchant_id=shop.pk, actor=JOB, items=items)


def bodies(receiver, event=""):
    found = [json.loads(taken.body) for taken in receiver.requests]
    return [body for body in found if not event or body["type"] == event]


# ---- endpoints ------------------------------------------------------------------------------------------------------


def test_the_secret_is_given_once_and_stored_sealed(shop, receiver):
    endpoint, secret = add(shop, receiver.url())

    with tenancy.tenant(shop.pk), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select secret from members_webhookendpoint")
        stored = bytes(cursor.fetchone()[0])
    assert secret.startswith("whsec_") and len(secret) > 40
    assert secret.encode() not in stored and endpoint_of(shop).secret == secret
    assert add(shop, "https://other.example/", public_id=endpoint.public_id)[1] == ""
    assert endpoint_of(shop).url == receiver.url()


def test_the_program_knows_what_its_endpoints_want(shop, receiver):
    def wanted():
        with tenancy.tenant(shop.pk), transaction.atomic():
            return Program.objects.get(merchant_id=shop.pk).webhook_events

    before = wanted()
    first, _secret = add(shop, receiver.url(), ["member.joined"])
    add(shop, receiver.url("/b"), ["points.changed", "member.joined"])
    both = wanted()
    with tenancy.tenant(shop.pk):
        webhooks.delete_endpoint(merchant_id=shop.pk, at=OPENED, actor=JOB, public_id=first.public_id)

    assert before is None
    assert both == wanted() == ["points.changed", "member.joined"]


@pytest.mark.parametrize(
    ("url", "events", "field"),
    [
        ("http://shop.example/", ALL, "url"),
        ("https://user:pw@shop.example/", ALL, "url"),
        ("https://127.0.0.1/", ALL, "url"),
        ("https://10.0.0.1/", ALL, "url"),
        ("nonsense", ALL, "url"),
        ("https://shop.example/", [], "events"),
        ("https://shop.example/", ["points.changed", "shop.burned"], "events"),
    ],
)
def test_an_endpoint_out_of_shape_is_refused_and_not_added(shop, settings, url, events, field):
    settings.WEBHOOKS_TO_LOOPBACK = False

    with pytest.raises(Invalid) as refused:
        add(shop, url, events)

    assert field in refused.value.errors
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert not WebhookEndpoint.objects.exists()
        assert Program.objects.get(merchant_id=shop.pk).webhook_events is None
        assert not AuditRow.objects.filter(action__startswith="webhook").exists()


def test_a_shop_has_ten_webhooks_at_most(shop, receiver):
    for number in range(webhooks.MOST_ENDPOINTS):
        add(shop, receiver.url(f"/{number}"))

    with pytest.raises(Conflict):
        add(shop, receiver.url("/more"))


def test_adding_deleting_and_sending_again_are_audited_without_the_path(shop, receiver):
    endpoint, _secret = add(shop, receiver.url("/token-7777"))
    adjust(shop, join(shop, "ann"), 5)
    with tenancy.tenant(shop.pk):
        who = {"merchant_id": shop.pk, "at": OPENED, "actor": Actor.job("owner")}
        webhooks.redeliver(public_id=left(shop)[0].public_id, **who)
        webhooks.delete_endpoint(public_id=endpoint.public_id, **who)
        webhooks.delete_endpoint(public_id=endpoint.public_id, **who)
        rows = list(AuditRow.objects.filter(action__startswith="webhook").order_by("pk"))

    assert [row.action for row in rows] == ["webhook.added", "webhook.redelivered", "webhook.deleted"]
    assert {row.subject_label for row in rows} == {"127.0.0.1"}
    assert "token-7777" not in str([(row.before, row.after) for row in rows])


# ---- what is told ---------------------------------------------------------------------------------------------------


def test_points_that_move_are_told_signed_after_the_standard(shop, receiver):
    _endpoint, secret = add(shop, receiver.url())
    ann = join(shop, "ann")
    adjust(shop, ann, 100)
    with tenancy.tenant(shop.pk):
        points.redeem(merchant_id=shop.pk, at=timezone.now(), actor=JOB, member_id=ann.pk, points=30, key="r")

    report = send()

    assert (report.taken, report.failed) == (3, 0)
    joined, added, redeemed = receiver.requests
    for taken in receiver.requests:
        Webhook(secret).verify(taken.body, taken.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(taken.body.replace("100", "900") + " ", taken.headers)
    assert len({taken.headers["webhook-id"] for taken in receiver.requests}) == 3
    assert json.loads(joined.body)["type"] == "member.joined"
    assert json.loads(redeemed.body)["data"] == {
        "member": ann.public_id,
        "available": 70,
        "pending": 0,
        "deficit": 0,
        "entries": [
            {
                "number": 2,
                "kind": "redeem",
                "points": -30,
                "pending": 0,
                "balance_after": 70,
                "cause": "request",
            }
        ],
    }
    told = json.loads(added.body)
    assert told["type"] == "points.changed" and dt.datetime.fromisoformat(told["timestamp"]).tzinfo
    assert added.headers["Content-Type"].startswith("application/json")


def test_a_redemption_over_http_is_told_after_it_is_committed(shop, receiver):
    system = System(shop)
    ann = join(shop, "ann")
    adjust(shop, ann, 100)
    add(shop, receiver.url(), ["points.changed"])

    answer = system.post(f"/members/{ann.public_id}/points/redemptions", {"points": 60}, key="k").json()
    system.post(f"/members/{ann.public_id}/points/redemptions", {"points": 60}, key="k")
    system.post(f"/members/{ann.public_id}/points/redemptions", {"points": 60}, key="refused")
    send()

    (body,) = bodies(receiver)
    assert body["data"]["available"] == answer["available"] == 40


def test_joining_and_rising_are_told_with_names_of_no_person(shop, receiver):
    add(shop, receiver.url())
    ann = join(shop, "ann", phone="13800138000", name="Ann Lee")
    join(shop, "ann")
    put(shop, (OPENED, OrderIn("o-1", [LineIn("A", 1, 100_000)], member_id=ann.pk)))
    send()

    (joined,) = bodies(receiver, "member.joined")
    (risen,) = bodies(receiver, "member.tier_changed")
    assert (joined["data"]["member"], joined["data"]["channel"]) == (ann.public_id, "web")
    assert risen["data"] == {"member": ann.public_id, "from": "base", "to": "silver", "cause": "order"}
    text = "".join(taken.body for taken in receiver.requests)
    assert "13800138000" not in text and "Ann" not in text and '"ann"' not in text


def test_messages_are_as_the_api_describes_them(shop, receiver):
    add(shop, receiver.url())
    ann = join(shop, "ann")
    put(shop, (OPENED, OrderIn("o-1", [LineIn("A", 1, 100_000)], member_id=ann.pk)))
    with tenancy.tenant(shop.pk), transaction.atomic():
        day = OPENED.date() + dt.timedelta(days=7)
        webhook_events.points_expiring(
            merchant_id=shop.pk, at=OPENED, day=day, days=7, left=7, told=[(ann.pk, 5)]
        )
    send()

    told = {body["type"]: body for body in bodies(receiver)}
    others = {
        event for event in ALL if event.startswith(("program.", "benefit.", "entitlement.", "draw."))
    }  # told by other apps
    assert others and others | set(told) == set(ALL) == set(document()["webhooks"])
    for event in others:
        content = document()["webhooks"][event]["post"]["requestBody"]["content"]["application/json"]
        jsonschema_rs.validate(content["schema"], content["example"])
    for event, body in told.items():
        content = document()["webhooks"][event]["post"]["requestBody"]["content"]["application/json"]
        for message in (body, content["example"]):
            jsonschema_rs.validate(content["schema"], message)


def test_a_list_of_members_is_told_of_once_each(shop, receiver):
    add(shop, receiver.url(), ["member.joined"])
    ann = join(shop, "ann")
    with tenancy.tenant(shop.pk):
        people = [("web", name, OPENED) for name in ("ann", "ben", "cat", "ben")]
        members.join_many(merchant_id=shop.pk, at=OPENED, actor=JOB, people=people)
    send()

    told = [body["data"]["member"] for body in bodies(receiver)]
    assert len(told) == 3 and told[0] == ann.public_id and len(set(told)) == 3


@pytest.mark.parametrize("part", [1, 5_000])
def test_a_batch_tells_each_member_once_with_what_it_came_to(shop, receiver, monkeypatch, part):
    monkeypatch.setattr(orders, "PART", part)
    add(shop, receiver.url(), ["points.changed"])
    ann, ben = join(shop, "ann"), join(shop, "ben")
    who = [ann, ben, ann, ann]
    items = [
        (OPENED, OrderIn(f"o-{n}", [LineIn("A", 1, 1_000)], member_id=member.pk))
        for n, member in enumerate(who)
    ]
    put(shop, *items, (OPENED, RefundIn("o-0", "r-1")), (OPENED, OrderIn("o-9", [LineIn("A", 1, 1_000)])))
    send()

    told = {body["data"]["member"]: body["data"] for body in bodies(receiver)}
    assert len(receiver.requests) == 2
    assert (told[ann.public_id]["available"], told[ben.public_id]["available"]) == (20, 10)
    assert [entry["kind"] for entry in told[ann.public_id]["entries"]] == ["earn", "earn", "earn", "clawback"]
    assert [entry["number"] for entry in told[ann.public_id]["entries"]] == [1, 2, 3, 4]


def test_what_time_does_is_told_too(shop, receiver):
    rules = {"expiry": {"kind": "rolling", "months": 1}, "pending_days": 7}
    with tenancy.tenant(shop.pk), transaction.atomic():
        point_rules.configure(merchant_id=shop.pk, at=OPENED, actor=JOB, per_major=Decimal(1), **rules)
    ann, ben = join(shop, "ann"), join(shop, "ben")
    put(shop, (OPENED, OrderIn("o-1", [LineIn("A", 1, 1_000)], member_id=ann.pk)))
    put(shop, (OPENED, OrderIn("o-2", [LineIn("A", 1, 2_000)], member_id=ben.pk)))
    with tenancy.tenant(shop.pk):
        points.hold(
            merchant_id=shop.pk,
            at=OPENED,
            actor=JOB,
            member_id=_given(shop, ben, 5).pk,
            points=5,
            key="h",
        )
    add(shop, receiver.url(), ["points.changed"])
    with tenancy.platform():
        points_daily.end_due_holds(at=OPENED + dt.timedelta(hours=1))
        points_daily.confirm_due(zone="Asia/Shanghai", at=OPENED + dt.timedelta(days=8))
        for days in (33, 41):
            points_daily.expire_due(zone="Asia/Shanghai", at=OPENED + dt.timedelta(days=days))
    send()

    told = [
        (
            body["data"]["member"],
            *(entry["kind"] for entry in body["data"]["entries"]),
            body["data"]["available"],
        )
        for body in bodies(receiver)
    ]
    a, b = ann.public_id, ben.public_id
    assert told[0] == (b, "release", 5)
    assert sorted(told[1:3]) == sorted([(a, "confirm", 10), (b, "confirm", 25)])
    assert told[3] == (b, "expire", 20)
    assert sorted(told[4:]) == sorted([(a, "expire", 0), (b, "expire", 0)])


def _given(shop, member, number):
    adjust(shop, member, number, key=f"given-{member.pk}", at=OPENED)
    return member


def test_a_rule_that_lifts_members_tells_of_it(shop, receiver):
    ann = join(shop, "ann")
    put(shop, (OPENED, OrderIn("o-1", [LineIn("A", 1, 50_000)], member_id=ann.pk)))
    add(shop, receiver.url(), ["member.tier_changed"])
    ladder = [LADDER[0], {"code": "silver", "all": {"spend_minor": 40_000}}]
    with tenancy.tenant(shop.pk), transaction.atomic():
        tier_rules.configure(merchant_id=shop.pk, at=OPENED + MINUTE, actor=JOB, ladder=ladder)
    send()

    (body,) = bodies(receiver)
    assert body["data"] == {"member": ann.public_id, "from": "base", "to": "silver", "cause": "rules"}


def test_an_endpoint_is_told_only_what_it_wants_and_only_of_its_shop(shop, cast, receiver):
    open_shop(cast.other)
    add(shop, receiver.url("/joined"), ["member.joined"])
    add(shop, receiver.url("/points"), ["points.changed"])
    add(cast.other, receiver.url("/other"))
    ann = join(shop, "ann")
    adjust(shop, ann, 5)
    send()

    assert sorted((taken.path, json.loads(taken.body)["type"]) for taken in receiver.requests) == [
        ("/joined", "member.joined"),
        ("/points", "points.changed"),
    ]


def test_when_nobody_listens_nothing_is_asked_and_nothing_left(shop):
    ann = join(shop, "ann")
    with CaptureQueriesContext(connection) as queries:
        put(shop, (OPENED, OrderIn("o-1", [LineIn("A", 1, 100_000)], member_id=ann.pk)))
        adjust(shop, ann, 5)
        with tenancy.platform():
            points_daily.confirm_due(zone="Asia/Shanghai", at=OPENED)
            points_daily.expire_due(zone="Asia/Shanghai", at=OPENED)

    assert [query["sql"] for query in queries if "members_webhook" in query["sql"]] == []
    assert left(shop) == []


def test_what_is_rolled_back_or_refused_is_not_told(shop, receiver):
    add(shop, receiver.url())
    ann = join(shop, "ann")
    before = len(left(shop))

    def fail():
        with tenancy.tenant(shop.pk), transaction.atomic():
            adjust(shop, ann, 5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(InsufficientPoints):
        adjust(shop, ann, -5)

    assert len(left(shop)) == before


def test_an_event_wakes_the_worker_once_it_is_committed(
    shop, receiver, monkeypatch, django_capture_on_commit_callbacks
):
    sent = []
    monkeypatch.setattr(queue.current_app, "send_task", lambda name, **_: sent.append(name))
    ann = join(shop, "ann")
    with django_capture_on_commit_callbacks(execute=True):
        adjust(shop, ann, 1, key="a-1")
    add(shop, receiver.url())
    with django_capture_on_commit_callbacks(execute=True):
        adjust(shop, ann, 1, key="a-2")

    assert sent == [webhook_events.TASK]


# ---- sending --------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(shop, receiver):
    """An endpoint, and three messages for it."""
    add(shop, receiver.url(), ["points.changed"])
    ann = join(shop, "ann")
    for number in range(3):
        adjust(shop, ann, 1, key=f"a-{number}")
    return ann


def test_a_message_is_sent_once_and_written_down_with_code_and_time(shop, receiver, told):
    now = timezone.now()
    first, second = send(now), send(now)

    assert (first.taken, second.taken) == (3, 0)
    row = left(shop)[0]
    assert (row.code, row.attempts, row.last_error) == (204, 1, "") and row.ms >= 0 and row.done_at >= now
    (entry,) = row.log
    assert (entry["code"], entry["ms"], entry["error"]) == (204, row.ms, "")


def test_an_answer_that_says_no_delays_only_its_own_message(shop, receiver, told):
    receiver.answers = [400]
    now = timezone.now()

    report = send(now)

    assert (report.taken, report.failed, report.postponed) == (2, 1, 0)
    refused, *taken = left(shop)
    assert (refused.code, refused.last_error, refused.done_at) == (400, "http", None)
    assert MINUTE <= refused.due_at - now < 2 * MINUTE and all(row.done_at for row in taken)
    assert endpoint_of(shop).paused_until is None
    assert send(refused.due_at).taken == 1
    assert [entry["code"] for entry in left(shop)[0].log] == [400, 204]


def test_a_message_keeps_its_id_and_text_however_often_it_is_sent(shop, receiver, told):
    receiver.answers = [400, 204, 204]
    now = timezone.now()
    send(now)
    send(now + 2 * MINUTE)

    first, again = receiver.requests[0], receiver.requests[3]
    assert first.headers["webhook-id"] == again.headers["webhook-id"] and first.body == again.body
    assert first.headers["webhook-timestamp"] < again.headers["webhook-timestamp"]


def test_a_message_nobody_takes_is_tried_after_growing_pauses_and_given_up(shop, receiver):
    add(shop, receiver.url(), ["points.changed"])
    adjust(shop, join(shop, "ann"), 1)
    receiver.usual = 400
    at, waits = timezone.now(), []

    for _attempt in range(len(outbox.PAUSES) + 1):
        send(at)
        row = left(shop)[0]
        waits.append(row.due_at - at)
        assert send(row.due_at - MINUTE / 2).failed == 0
        at = row.due_at

    assert [round(wait / MINUTE) for wait in waits] == [
        round(pause / MINUTE) for pause in (*outbox.PAUSES, outbox.PAUSES[-1])
    ]
    assert len(receiver.requests) == webhook_sending.MOST_ATTEMPTS
    assert send(at + dt.timedelta(days=30)).failed == 0


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_endpoint_that_is_down_is_asked_once_a_pause_whatever_waits(shop, receiver, told, status):
    receiver.usual = status
    now = timezone.now()

    first = send(now)
    again = send(now + MINUTE / 2)

    assert (first.failed, first.postponed, again.failed) == (1, 2, 0) and len(receiver.requests) == 1
    endpoint = endpoint_of(shop)
    assert endpoint.failures == 1 and MINUTE <= endpoint.paused_until - now < 2 * MINUTE
    assert [row.attempts for row in left(shop)] == [1, 0, 0]

    send(now + 2 * MINUTE)
    paused = endpoint_of(shop)
    receiver.usual = 204
    back = send(now + 20 * MINUTE)

    assert paused.failures == 2 and paused.paused_until - now > 6 * MINUTE
    assert back.taken == 3 and (endpoint_of(shop).failures, endpoint_of(shop).paused_until) == (0, None)


def test_an_endpoint_that_is_down_holds_no_other_up(shop, receiver, told):
    with receiving() as other:
        add(shop, other.url(), ["points.changed"])
        receiver.usual = 500
        adjust(shop, told, 1, key="more")

        report = send()

        assert (report.taken, report.failed, report.postponed) == (1, 1, 3) and len(other.requests) == 1


def test_after_a_month_of_silence_what_waits_is_given_up(shop, receiver, told):
    receiver.usual = 500
    with tenancy.tenant(shop.pk), transaction.atomic():
        WebhookEndpoint.objects.update(failures=webhook_sending.DEAD_AFTER - 1)

    send()

    assert {row.attempts for row in left(shop)} == {webhook_sending.MOST_ATTEMPTS}
    assert send(timezone.now() + dt.timedelta(days=2)).failed == 0 and len(receiver.requests) == 1


def test_nothing_is_sent_inside_once_the_setting_of_tests_is_off(shop, receiver, told, settings):
    settings.WEBHOOKS_TO_LOOPBACK = False

    report = send()

    assert (report.taken, report.failed) == (0, 1) and receiver.requests == []
    assert (left(shop)[0].last_error, left(shop)[0].code) == ("bad-address", None)


def test_a_redirect_is_an_answer_that_says_no(shop, receiver, told):
    receiver.answers = [302]

    send()

    assert [taken.path for taken in receiver.requests] == ["/hooks"] * 3
    assert left(shop)[0].code == 302 and left(shop)[0].done_at is None


def test_a_worker_that_died_leaves_its_messages_for_the_next(shop, receiver, told):
    now = timezone.now()
    with tenancy.platform():
        webhook_sending.claim(at=now)  # and then the power fails

    assert send(now + outbox.LEASE - MINUTE).taken == 0
    assert send(now + outbox.LEASE).taken == 3


def test_sending_again_sends_the_same_message_though_it_was_taken_or_given_up(shop, receiver, told):
    now = timezone.now()
    send(now)
    taken = left(shop)[0]
    with tenancy.tenant(shop.pk), transaction.atomic():
        WebhookDelivery.objects.filter(pk=left(shop)[1].pk).update(attempts=11, done_at=None)
        WebhookEndpoint.objects.update(paused_until=now + dt.timedelta(days=1), failures=9)
        for row in left(shop)[:2]:
            webhooks.redeliver(merchant_id=shop.pk, at=now, actor=JOB, public_id=row.public_id)

    report = send(now)

    assert report.taken == 2
    assert receiver.requests[3].headers["webhook-id"] == f"msg_{taken.public_id}"
    assert [entry["code"] for entry in left(shop)[0].log] == [204, 204]


def test_another_shops_message_or_one_of_a_deleted_webhook_is_not_sent_again(shop, cast, receiver, told):
    row = left(shop)[0]
    with tenancy.tenant(cast.other.pk), pytest.raises(NotFound):
        webhooks.redeliver(merchant_id=cast.other.pk, at=OPENED, actor=JOB, public_id=row.public_id)
    with tenancy.tenant(shop.pk):
        who = {"merchant_id": shop.pk, "at": OPENED, "actor": JOB}
        webhooks.delete_endpoint(public_id=endpoint_of(shop).public_id, **who)
        with pytest.raises(Conflict):
            webhooks.redeliver(public_id=row.public_id, **who)

    assert send().taken == 0 and receiver.requests == []
    assert endpoint_of(shop).secret == ""


def test_the_sweep_calls_the_worker_only_when_something_is_due(
    shop, receiver, told, monkeypatch, django_capture_on_commit_callbacks
):
    sent = []
    monkeypatch.setattr(queue.current_app, "send_task", lambda name, **_: sent.append(name))
    now = timezone.now()

    def sweep(at):
        with tenancy.platform(), django_capture_on_commit_callbacks(execute=True):
            return webhook_sending.sweep(at=at)

    due = sweep(now)
    receiver.usual = 500
    send(now)

    assert due is True and sent == [webhook_events.TASK]
    assert sweep(now + MINUTE / 2) is False and sweep(now + 2 * MINUTE) is True
    receiver.usual = 204
    send(now + 2 * MINUTE)
    assert sweep(now + dt.timedelta(days=1)) is False


def test_the_sweep_forgets_after_a_month_what_is_over_and_nothing_else(shop, receiver, told):
    now = timezone.now()
    receiver.answers = [204, 400]
    send(now)
    with tenancy.tenant(shop.pk), transaction.atomic():
        WebhookDelivery.objects.filter(pk=left(shop)[2].pk).update(done_at=None, attempts=0)

    with tenancy.platform():
        webhook_sending.sweep(at=now + dt.timedelta(days=29))
        kept = len(left(shop))
        webhook_sending.sweep(at=now + dt.timedelta(days=31))

    assert kept == 3
    assert [row.done_at for row in left(shop)] == [None, None]


@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_send_each_message_once(shop, receiver, told):
    for number in range(20):
        adjust(shop, told, 1, key=f"more-{number}")

    def work():
        send_webhooks()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ids = [taken.headers["webhook-id"] for taken in receiver.requests]
    assert len(ids) == len(set(ids)) == 23
    assert all(row.done_at for row in left(shop))
