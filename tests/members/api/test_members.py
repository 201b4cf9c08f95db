"""Members by API: join, find, read, change."""

from __future__ import annotations

from django.db import transaction

from members.lib import tenant as tenancy
from members.models import AuditRow, Member
from tests.api import join, queries_of
from tests.members.api.test_door import problem


def test_a_person_joins_once(system):
    body = {"channel": "taobao", "external_id": "tb-1", "phone": "138 0013 8000", "name": "王小明"}

    first = system.post("/members", body)
    again = system.post("/members", body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json() | {"id": "", "joined_at": ""} == {
        "id": "",
        "joined_at": "",
        "channel": "taobao",
        "source": "api",
        "status": "active",
        "phone": "138****8000",
        "phone_verified": False,
        "name": "王*",
        "birthday": None,
        "email": None,
        "email_consent_at": None,
        "email_consent_source": "",
        "email_stopped_at": None,
        "identities": [{"channel": "taobao", "external_id": "tb-1"}],
    }


def test_the_log_names_the_key_that_added_a_member(system):
    system.post("/members", {"channel": "web", "external_id": "u1"})

    with tenancy.tenant(system.shop.pk), transaction.atomic():
        row = AuditRow.objects.get(action="member.joined")
    assert (row.actor_kind, row.actor_label) == ("api_key", "Till")


def test_what_is_no_phone_number_adds_nobody(system):
    told = problem(
        system.post("/members", {"channel": "web", "external_id": "u1", "phone": "138****8000"}),
        422,
        "invalid",
    )

    assert "phone" in told["errors"]
    assert system.get("/members").json()["items"] == []


def test_members_are_found_by_phone_and_by_identity(system):
    ann = join(system.shop, "ann", phone="13800138000")
    join(system.shop, "ben", phone="13900139000")

    def found(query):
        return [row["id"] for row in system.get(f"/members?{query}").json()["items"]]

    assert found("phone=%2B86 138 0013 8000") == [ann.public_id]
    assert found("phone=13800138000") == [ann.public_id]
    assert found("channel=web&external_id=ann") == [ann.public_id]
    assert found("channel=jd&external_id=ann") == []
    assert found("phone=13700137000") == []
    assert found("phone=nonsense") == []


def test_a_member_s_page_shows_no_whole_phone_or_name(system):
    ann = join(system.shop, "ann", phone="13800138000", name="Ann Lee")

    answer = system.get(f"/members/{ann.public_id}")

    assert answer.json()["phone"] == "138****8000" and answer.json()["name"] == "A*"
    assert b"13800138000" not in answer.content and b"Lee" not in answer.content


def test_a_change_keeps_what_is_left_out(system):
    ann = join(system.shop, "ann", phone="13800138000", name="Ann")

    renamed = system.patch(f"/members/{ann.public_id}", {"name": "Bea"}).json()
    without = system.patch(f"/members/{ann.public_id}", {"phone": None}).json()

    assert (renamed["phone"], renamed["name"]) == ("138****8000", "B*")
    assert (without["phone"], without["name"]) == (None, "B*")
    assert system.get("/members?phone=13800138000").json()["items"] == []
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        rows = list(AuditRow.objects.filter(action="member.changed").order_by("id"))
    assert [row.after for row in rows] == [{"fields": ["name"]}, {"fields": ["phone"]}]


def test_a_change_that_changes_nothing_is_not_logged(system):
    ann = join(system.shop, "ann", phone="13800138000", name="Ann")

    system.patch(f"/members/{ann.public_id}", {"name": " Ann ", "phone": "138 0013 8000"})

    with tenancy.tenant(system.shop.pk), transaction.atomic():
        assert not AuditRow.objects.filter(action="member.changed").exists()
        assert Member.objects.get().name == "Ann"


def test_pages_by_cursor_stay_where_they_are_while_members_come(system):
    for number in range(5):
        join(system.shop, f"u{number}")

    first = system.get("/members?limit=2").json()
    join(system.shop, "late")
    second = system.get(f"/members?limit=2&cursor={first['next_cursor']}").json()
    third = system.get(f"/members?limit=2&cursor={second['next_cursor']}").json()

    seen = [row["identities"][0]["external_id"] for page in (first, second, third) for row in page["items"]]
    assert seen == ["u0", "u1", "u2", "u3", "u4", "late"]
    assert third["next_cursor"] is None


def test_a_cursor_says_nothing_and_fits_only_its_own_list(system, neighbour):
    for number in range(3):
        join(system.shop, f"u{number}")
    cursor = system.get("/members?limit=1").json()["next_cursor"]

    problem(system.get(f"/members?limit=1&channel=web&cursor={cursor}"), 400, "malformed")
    problem(system.get(f"/benefits?cursor={cursor}"), 400, "malformed")
    problem(neighbour.get(f"/members?cursor={cursor}"), 400, "malformed")
    for wrong in (cursor[:-4], "x", "é", "A" * 900, cursor + "!"):
        problem(system.get(f"/members?cursor={wrong}"), 400, "malformed")


def test_a_list_needs_as_many_queries_for_many_as_for_few(system):
    join(system.shop, "u0")
    system.get("/members")
    few = queries_of(system, "/members")
    for number in range(1, 12):
        join(system.shop, f"u{number}")

    assert queries_of(system, "/members") == few


def test_an_address_is_shown_masked_and_has_a_consent_of_its_own(system):
    body = {"channel": "web", "external_id": "u1", "email": "Wang@Example.com"}
    told = system.post("/members", body).json()
    path = f"/members/{told['id']}"
    agreed = system.patch(path, {"email_consent": True, "email_consent_source": "form at the till"}).json()
    stopped = system.patch(path, {"email_consent": False}).json()

    assert (told["email"], told["email_consent_at"]) == ("w***@example.com", None)
    assert agreed["email_consent_at"] and agreed["email_consent_source"] == "form at the till"
    assert stopped["email_consent_at"] is None and stopped["email_stopped_at"]
    assert system.patch(path, {"email": None}).json()["email"] is None


def test_a_consent_needs_an_address_and_a_source_and_else_nothing_changes(system):
    ann = join(system.shop, "ann")
    path = f"/members/{ann.public_id}"
    before = system.get(path).json()
    agrees = {"email_consent": True}

    for body, field in (
        (agrees | {"email_consent_source": "form"}, "email_consent"),
        (agrees | {"email": "a@example.com"}, "email_consent_source"),
        ({"email": "a***@example.com"}, "email"),
    ):
        told = problem(system.patch(path, body), 422, "invalid")
        assert list(told["errors"]) == [field]
    assert system.get(path).json() == before
