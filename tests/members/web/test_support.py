"""Support visits: read only twice over, for half an hour, one shop, nothing revealed, every page in the shop's log."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.db import connection, transaction
from django.http import HttpResponse
from django.urls import include, path

from compliance.services import installation
from members.lib import tenant as tenancy
from members.models import AuditRow, Store, SupportVisit, User
from members.services import support
from members.services.audit import Actor
from members.web import gates
from tests.factories import ledger
from tests.platform_admin import enter
from tests.security import routes as addresses

NOW = dt.datetime(2026, 6, 8, 10, 20, tzinfo=dt.UTC)
REASON = "Ticket 4711: the points page shows nothing"
PHONE, NAME, EMAIL = "13912345678", "欧阳惊鸿", "ouyang@people.example"


@gates.staff()
def writes_on_get(request) -> HttpResponse:
    """A page that breaks the law of reading: it writes when it is looked at."""
    Store.objects.create(merchant=request.merchant, code="planted", name="Planted")
    return HttpResponse("written")


@gates.staff()
def hands_out(request) -> HttpResponse:
    """A page that hands out a file."""
    response = HttpResponse("name,phone", content_type="text/csv")
    response["Content-Disposition"] = "attachment; filename=people.csv"
    return response


urlpatterns = [
    path("planted/write", writes_on_get),
    path("planted/file", hands_out),
    path("", include("config.urls")),
]


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as travelling:
        yield travelling


@pytest.fixture
def shop(cast, clock):
    with tenancy.platform(), transaction.atomic():
        installation.install(at=NOW - dt.timedelta(days=400))
    ledger.open_shop(cast.shop, NOW - dt.timedelta(days=300))
    return cast.shop


@pytest.fixture
def admin(client, cast, shop):
    return enter(client, cast.admin)


def begin(client, shop, reason=REASON):
    return client.post(f"/platform/members/supportvisit/begin/{shop.pk}/", {"reason": reason})


@pytest.fixture
def visitor(admin, shop):
    assert begin(admin, shop).url == "/"
    return admin


def log(shop, *actions) -> list[AuditRow]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = AuditRow.objects.of(shop).order_by("id")
        return list(
            rows.filter(action__in=actions) if actions else rows.filter(action__startswith="support.")
        )


def counted(shop) -> dict[str, int]:
    """Rows of every table, so that nothing written goes unseen; the log and sessions have tests of their own."""
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace "
            "and has_table_privilege(oid, 'select')"
        )
        names = [name for (name,) in cursor.fetchall() if name not in ("members_auditrow", "django_session")]
        found = {}
        for name in names:
            cursor.execute(f"select count(*), sum(hashtext(t::text)::bigint) from {name} t")
            found[name] = cursor.fetchone()
    return found


# ---- beginning and ending -------------------------------------------------------------------------------------------


def test_a_visit_begins_with_a_reason_that_the_merchant_reads(visitor, shop, cast):
    (row,) = log(shop, "support.begun")

    assert (row.actor_kind, row.actor_id, row.reason, row.at) == ("platform", cast.admin.pk, REASON, NOW)
    owner = type(visitor)()
    owner.force_login(cast.owner)
    page = owner.get("/settings/audit-log", headers={"accept-language": "en"}).content.decode()
    assert "began to look at the console" in page and "Ticket 4711" in page


def test_without_a_reason_or_the_right_nothing_begins(admin, shop, cast):
    assert begin(admin, shop, "  ").status_code == 422
    assert begin(admin, shop, "x" * 501).status_code == 422
    assert admin.get("/platform/members/supportvisit/begin/999999/").status_code == 404
    with tenancy.platform(), transaction.atomic():
        User.objects.filter(pk=cast.admin.pk).update(is_superuser=False)

    assert begin(admin, shop).status_code == 403

    assert log(shop) == []
    with tenancy.platform(), transaction.atomic():
        assert not SupportVisit.objects.exists()


def test_a_merchant_cannot_begin_a_visit(client, cast, shop):
    client.force_login(cast.owner)

    assert begin(client, cast.other).status_code == 403


def test_ending_a_visit_gives_the_admin_their_own_console_back(visitor, shop):
    assert (
        visitor.post("/platform/members/supportvisit/end/").url
        == f"/platform/members/merchant/{shop.pk}/change/"
    )

    assert visitor.get("/members/").status_code == 302  # an admin without a shop of their own
    assert [row.action for row in log(shop)] == ["support.begun", "support.ended"]


def test_a_visit_elsewhere_ends_the_one_before(visitor, shop, cast):
    begin(visitor, cast.other)

    assert [row.action for row in log(shop)] == ["support.begun", "support.ended"]
    assert cast.other.name in visitor.get("/settings/audit-log").content.decode()


@pytest.mark.parametrize(("minutes", "status"), [(29, 200), (30, 403)])
def test_a_visit_lasts_half_an_hour(visitor, shop, clock, minutes, status):
    clock.shift(dt.timedelta(minutes=minutes))

    response = visitor.get("/members/")

    assert response.status_code == status
    if status == 403:
        assert "The support visit is over" in response.content.decode()
        assert visitor.get("/members/").status_code == 302


def test_who_loses_the_right_loses_the_visit(visitor, shop, cast):
    with tenancy.platform(), transaction.atomic():
        User.objects.filter(pk=cast.admin.pk).update(is_superuser=False)

    assert visitor.get("/members/").status_code == 403


def test_another_persons_session_cannot_use_a_visit(visitor, client, shop, cast):
    named = visitor.session["support"]
    other = type(visitor)()
    other.force_login(cast.outsider)
    session = other.session
    session["support"] = named
    with tenancy.visitor(), transaction.atomic():
        session.save()

    assert other.get("/settings/audit-log").status_code == 403
    assert shop.name not in other.get("/settings/audit-log").content.decode()


# ---- reading only ---------------------------------------------------------------------------------------------------


def console() -> list[addresses.Route]:
    """The routes of the merchant's console."""
    elsewhere = ("/accounts/", "/api/", "/platform/", "/static/")
    return [route for route in addresses.routes() if not route.template.startswith(elsewhere)]


def test_every_unsafe_method_is_refused_at_every_door_and_changes_nothing(visitor, shop):
    doors = [
        route.template.replace("%(", "{").replace(")s", "}").format_map(Anything()) for route in console()
    ]
    tries = [("post", url) for url in doors]
    tries += [(method, url) for method in ("put", "patch", "delete", "options") for url in doors[:5]]
    before = counted(shop)

    answers = {each: getattr(visitor, each[0])(each[1], {"name": "x"}).status_code for each in tries}

    assert len(doors) > 60 and {each: status for each, status in answers.items() if status != 403} == {}
    assert counted(shop) == before
    rows = log(shop, "support.refused")
    assert len(rows) == len(tries) and {row.reason for row in rows} == {REASON}


class Anything(dict):
    """Fills every placeholder."""

    def __missing__(self, key: str) -> str:
        return "1"


def test_the_database_refuses_a_page_that_writes_when_it_is_looked_at(visitor, shop, settings):
    settings.ROOT_URLCONF = __name__
    before = counted(shop)

    response = visitor.get("/planted/write")

    assert response.status_code == 403 and "Only looking is allowed" in response.content.decode()
    assert counted(shop) == before
    assert [row.subject_label for row in log(shop, "support.refused")] == ["/planted/write"]


def test_the_same_page_writes_for_the_owner(client, cast, shop, settings):
    settings.ROOT_URLCONF = __name__
    client.force_login(cast.owner)

    assert client.get("/planted/write").status_code == 200
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert Store.objects.of(shop).filter(code="planted").exists()


def test_files_are_not_handed_out(visitor, shop, settings):
    settings.ROOT_URLCONF = __name__

    for url in ("/planted/file", "/share.csv", "/compliance/evidence.csv"):
        response = visitor.get(url)
        assert response.status_code == 403 and "phone" not in response.content.decode().split("<main")[0]
        assert "Content-Disposition" not in response


def test_a_transaction_may_write_again_after_reading_only(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        with support.read_only():
            Store.objects.of(shop).count()
        Store.objects.create(merchant=shop, code="after", name="After")

    with tenancy.tenant(shop.pk), transaction.atomic():
        assert Store.objects.of(shop).filter(code="after").exists()


# ---- every page -----------------------------------------------------------------------------------------------------


def test_every_page_that_an_analyst_reads_opens_says_so_and_is_logged(visitor, shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        member = ledger.join(shop, NOW, "u1", phone=PHONE, name=NAME, email=EMAIL)
    opened = []
    plain = [route.template for route in console() if "%" not in route.template]

    for url in [*plain, f"/members/{member.public_id}"]:
        response = visitor.get(url)
        assert response.status_code in (200, 302, 403, 404, 405), url
        text = response.content.decode()
        for secret in (PHONE, NAME, EMAIL):
            assert secret not in text, url
        if response.status_code == 200:
            opened.append(url)
            assert "Support visit at" in text and "Ticket 4711" in text, url
        elif response.status_code == 403:
            assert "Only looking is allowed" not in text or url.endswith((".csv", ".xlsx")), url

    assert len(opened) > 25 and f"/members/{member.public_id}" in opened
    logged = [row.subject_label for row in log(shop, "support.viewed")]
    assert [url for url in opened if url not in logged] == []


def test_the_log_keeps_addresses_without_what_was_searched_for(visitor, shop):
    visitor.get(f"/members/?q={PHONE}")

    (row,) = log(shop, "support.viewed")
    assert (row.subject_label, row.reason) == ("/members/", REASON)


def test_looking_is_no_proof_that_anybody_was_told(visitor, shop):
    from compliance.models import Receipt

    visitor.get("/")
    visitor.get("/compliance/notices/")

    with tenancy.tenant(shop.pk), transaction.atomic():
        assert not Receipt.objects.of(shop).exclude(user=None).exists()


def test_another_shops_rows_are_out_of_reach(visitor, shop, cast):
    ledger.open_shop(cast.other, NOW)
    foreign = ledger.join(cast.other, NOW, "u9")

    assert visitor.get(f"/members/{foreign.public_id}").status_code == 404
    assert visitor.post("/shops/switch", {"merchant": cast.other.slug}).status_code == 403
    assert log(cast.other) == []


def test_an_admins_own_account_and_the_platform_stay_theirs(visitor, shop):
    assert visitor.get("/accounts/password/change/").status_code in (200, 302)
    assert visitor.get("/platform/").status_code == 200
    assert len(log(shop, "support.viewed")) == 0


def test_a_merchants_process_can_neither_make_nor_prolong_a_visit(visitor, shop, cast):
    from django.db import DatabaseError

    for statement in (
        "update members_supportvisit set until_at = until_at + interval '1 hour'",
        "delete from members_supportvisit",
        "insert into members_supportvisit (merchant_id, public_id, by_id, reason, from_at, until_at) "
        f"values ({shop.pk}, 'x', {cast.owner.pk}, 'r', now(), now() + interval '1 hour')",
    ):
        with pytest.raises(DatabaseError), tenancy.tenant(shop.pk), transaction.atomic():
            connection.cursor().execute(statement)


def test_the_service_ends_only_the_visits_of_who_ends_them(visitor, shop, cast):
    with tenancy.platform(), transaction.atomic():
        visit = SupportVisit.objects.get()
        other = Actor("platform", "Other", cast.outsider.pk)
        assert support.end(merchant_id=shop.pk, public_id=visit.public_id, at=NOW, actor=other) is None
