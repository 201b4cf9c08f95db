"""What holds for every operation: keys, scopes, shapes, problems, limits."""

from __future__ import annotations

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from members.api.auth import KeyThrottle
from members.api.problems import handle
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from members.models import ApiKey, Member
from members.services import api_keys
from tests.api import JOB, System, close, join


def problem(response, status, slug):
    """The problem of an answer, checked to be one."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == slug and body["status"] == status and body["title"] and body["detail"]
    return body


def test_without_a_key_nothing_is_answered(system):
    answer = system.get("/program", Authorization="")

    problem(answer, 401, "unauthenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="Liushui API"'


@pytest.mark.parametrize("secret", ["nonsense", "ls_" + "x" * 43, "\u00ff"])
def test_an_unknown_key_is_told_so(system, secret):
    answer = system.get("/program", Authorization=f"Bearer {secret}")

    problem(answer, 401, "unauthenticated")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_a_revoked_key_opens_nothing(system):
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        api_keys.revoke_key(
            merchant_id=system.shop.pk, public_id=system.key.public_id, actor=JOB, at=timezone.now()
        )

    problem(system.get("/program"), 401, "unauthenticated")


def test_a_key_does_only_what_its_scopes_say(system):
    till = System(system.shop, scopes=[Scope.ORDERS_WRITE])

    body = problem(till.get("/program"), 403, "scope-missing")

    assert "program:read" in body["detail"]


def test_a_key_remembers_the_day_of_its_last_use(system):
    system.get("/program")

    with tenancy.tenant(system.shop.pk), transaction.atomic():
        assert ApiKey.objects.get(pk=system.key.pk).last_used_on == timezone.localdate()


def test_every_answer_carries_the_request_s_id(system):
    own = system.get("/program")
    given = system.get("/program", **{"X-Request-ID": "till-7:2024"})
    bad = system.get("/nowhere", **{"X-Request-ID": "two\twords"})

    assert len(own["X-Request-ID"]) == 36
    assert given["X-Request-ID"] == "till-7:2024"
    assert len(bad["X-Request-ID"]) == 36


def test_an_unknown_address_is_a_problem(system):
    told = problem(system.get("/nowhere"), 404, "not-found")

    assert (told["title"], told["detail"]) == ("Not found", "There is nothing at this address.")


def test_an_unknown_address_is_told_in_the_language_asked_for(system):
    told = problem(system.get("/nowhere", **{"Accept-Language": "zh-Hans"}), 404, "not-found")

    assert not told["title"].isascii() and not told["detail"].isascii()


@pytest.mark.parametrize(
    "body", [b'{"channel": "web", "channel": "pos"}', b'{"name": {"a": 1, "b": 2, "a": 1}}']
)
def test_a_name_that_stands_twice_in_one_object_is_malformed(system, body):
    told = problem(system.post("/members", raw=body), 400, "malformed")

    assert "stands twice" in told["detail"]


def test_half_a_character_in_a_name_is_malformed(system):
    problem(system.post("/members", raw=b'{"\\ud800": 1}'), 400, "malformed")


def test_an_unknown_method_names_the_known_ones(system):
    answer = system("DELETE", "/members")

    problem(answer, 405, "method-not-allowed")
    assert answer["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_head_is_get_without_a_body(system):
    answer = system("HEAD", "/program")

    assert answer.status_code == 200 and answer.content == b""


def test_an_unknown_name_in_a_body_is_named(system):
    body = {"channel": "web", "external_id": "u1", "phnoe": "13800138000"}

    told = problem(system.post("/members", body), 400, "malformed")

    assert list(told["errors"]) == ["phnoe"] and "phnoe" in told["detail"]
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        assert not Member.objects.exists()


def test_an_unknown_name_inside_a_line_is_named_by_its_place(system):
    body = {"lines": [{"sku": "A", "amount_minor": 1}, {"sku": "A", "amount_minor": 1, "price": 2}]}

    told = problem(system.put("/orders/web/o1", body), 400, "malformed")

    assert list(told["errors"]) == ["lines[1].price"]


def test_an_unknown_parameter_is_named(system):
    told = problem(system.get("/members?limt=3"), 400, "malformed")

    assert list(told["errors"]) == ["limt"]
    problem(system.get("/program?x=1"), 400, "malformed")


@pytest.mark.parametrize(
    "raw",
    [b"{", b"[]", b'"text"', b"1", b"NaN", b'{"channel": NaN}', b"\xff\xfe", b"[" * 100_000, b"null", b"",
     b"9" * 5000],
)  # fmt: skip
def test_what_is_no_object_is_malformed(system, raw):
    problem(system.post("/members", raw=raw), 400, "malformed")


@pytest.mark.parametrize(
    ("field", "value"),
    [("channel", 1), ("channel", None), ("external_id", 7), ("external_id", ["a"]),
     ("joined_at", "2024-05-01T10:00:00"),
     ("joined_at", 1714528800), ("joined_at", "2024-02-30T10:00:00Z"), ("joined_at", "0001-01-01T00:00:00+14:00"),
     ("name", {"first": "Ann"}), ("external_id", "a\x00b"), ("external_id", "\ud800")],
)  # fmt: skip
def test_a_wrong_type_is_told_by_field(system, field, value):
    body = {"channel": "web", "external_id": "u1", field: value}

    told = problem(system.post("/members", body), 400, "malformed")

    assert list(told["errors"]) == [field]


@pytest.mark.parametrize("amount", ["100", 1.5, True, None])
def test_money_is_a_whole_number(system, amount):
    body = {"lines": [{"sku": "A", "amount_minor": amount}]}

    told = problem(system.put("/orders/web/o1", body), 400, "malformed")

    assert list(told["errors"]) == ["lines[0].amount_minor"]


def test_a_right_type_with_a_value_no_rule_allows_is_invalid(system):
    body = {"channel": "marketplace", "external_id": "u1"}

    told = problem(system.post("/members", body), 422, "invalid")

    assert list(told["errors"]) == ["channel"]


def test_a_body_that_is_not_called_json_is_refused(system):
    answer = system.client.post(
        "/api/v1/members", {"channel": "web"}, headers={"Authorization": f"Bearer {system.secret}"}
    )

    problem(answer, 415, "unsupported-media-type")


def test_a_body_that_is_too_large_is_refused(system, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    problem(system.post("/members", raw=b'{"name": "' + b"x" * 2000 + b'"}'), 413, "too-large")


def test_a_null_character_in_an_address_finds_nothing(system):
    problem(system.get("/members/a%00b"), 404, "not-found")
    problem(system.put("/orders/web/a%00b", {"lines": []}), 404, "not-found")


def test_the_detail_follows_the_language_asked_for(system):
    join(system.shop, "u1")

    english = system.get("/members/nobody").json()
    chinese = system.get("/members/nobody", **{"Accept-Language": "zh-Hans"})

    assert english["detail"] == "There is no such member."
    assert chinese["Content-Language"] == "zh-hans"


def test_a_key_that_asks_too_often_waits(system, monkeypatch):
    monkeypatch.setattr(KeyThrottle, "THROTTLE_RATES", {"key": "2/hour"})
    answers = [system.get("/program") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    problem(answers[2], 429, "too-many-requests")
    assert 1 <= int(answers[2]["Retry-After"]) <= 3601


def test_a_cleared_program_stops_the_four_functions_and_nothing_else(system):
    member = join(system.shop, "u1")
    close(system.shop, "cleared")

    for path in (
        "/members",
        f"/members/{member.public_id}",
        f"/members/{member.public_id}/points",
        f"/members/{member.public_id}/points/entries",
        f"/members/{member.public_id}/tier",
        "/benefits",
    ):
        problem(system.get(path), 403, "program-cleared")
    problem(system.post("/members", {"channel": "web", "external_id": "u2"}), 403, "program-cleared")
    problem(system.patch(f"/members/{member.public_id}", {"name": "Ann"}), 403, "program-cleared")
    problem(system.post("/benefits", {"kind": "coupon"}), 403, "program-cleared")
    assert system.get("/program").json()["state"] == "cleared"


def test_a_closed_program_is_read_and_not_written(system):
    member = join(system.shop, "u1")
    close(system.shop, "closed")

    assert system.get(f"/members/{member.public_id}/points").status_code == 200
    problem(system.post("/members", {"channel": "web", "external_id": "u2"}), 409, "program-not-open")
    problem(system.post("/benefits", {"kind": "coupon"}), 409, "program-not-open")


def test_a_database_that_gives_up_is_told_as_something_to_try_again(db):
    answer = handle(OperationalError("deadlock detected"), {})

    assert answer.status_code == 503 and answer["Retry-After"] == "2"
    assert b"deadlock" not in answer.content


def test_nobody_keeps_answers(system):
    assert system.get("/program")["Cache-Control"] == "no-store"
    assert system.get("/members/nobody")["Cache-Control"] == "no-store"
