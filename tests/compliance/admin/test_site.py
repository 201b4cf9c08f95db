"""The platform's door: one sign-in, admins only, a second factor; and nothing that writes past our services."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from compliance.models import Notice, Preview
from compliance.selectors import workbench
from compliance.tasks.previews import foresee
from members.lib import tenant as tenancy
from members.models import JobTick, PlatformAuditRow
from members.services import people
from tests.conftest import NOON
from tests.members.web.test_second_factor import code_of
from tests.platform_admin import enter

PAGES = [
    "/platform/",
    "/platform/tonight/",
    "/platform/members/merchant/",
    "/platform/compliance/policy/add/",
    "/platform/compliance/run/",
    "/platform/compliance/run/1/decisions.csv",
]


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_sent_to_the_one_sign_in(client, db, path):
    response = client.get(path)

    assert response.status_code == 302 and response.url.startswith("/accounts/login/?next=%2Fplatform%2F")


def test_the_admins_own_sign_in_page_does_not_exist(client, db):
    response = client.get("/platform/login/?next=/platform/compliance/run/")

    assert response.url == "/accounts/login/?next=%2Fplatform%2Fcompliance%2Frun%2F"


@pytest.mark.parametrize("path", PAGES)
def test_a_merchants_owner_gets_no_entry(client, cast, path):
    client.force_login(cast.owner)

    assert client.get(path).status_code == 403


@pytest.mark.parametrize("path", PAGES)
def test_an_admin_without_a_second_factor_is_sent_to_set_it_up(client, cast, path):
    client.force_login(cast.admin)

    assert client.get(path).url.startswith("/accounts/2fa/totp/activate/")


@pytest.mark.parametrize("path", ["run/1/decisions.csv", "run/1/progress/", "preview/1/progress/"])
def test_who_may_not_look_at_runs_gets_neither_their_file_nor_their_progress(client, cast, path):
    with tenancy.platform(), transaction.atomic():
        type(cast.admin).objects.filter(pk=cast.admin.pk).update(is_superuser=False)

    assert enter(client, cast.admin).get(f"/platform/compliance/{path}").status_code == 403


def test_an_admin_who_was_shut_out_gets_no_entry(client, cast, admin_client):
    with tenancy.platform(), transaction.atomic():
        type(cast.admin).objects.filter(pk=cast.admin.pk).update(is_active=False)

    assert admin_client.get("/platform/").status_code in (302, 403)


def test_with_a_second_factor_the_workbench_opens(admin_client, platform):
    page = admin_client.get("/platform/").content.decode()

    assert "Next run" in page and "If clearance ran tonight" in page


def test_an_admin_signs_in_with_password_and_code_and_arrives(client, db):
    with tenancy.platform(), transaction.atomic():
        people.create_person(
            email="a@example.com", password="correct horse battery", is_admin=True, language="en"
        )
    client.post(
        "/accounts/login/?next=/platform/", {"login": "a@example.com", "password": "correct horse battery"}
    )
    before = client.get("/platform/").url
    client.post("/accounts/reauthenticate/", {"password": "correct horse battery"})
    secret = client.get("/accounts/2fa/totp/activate/").context["form"].secret
    client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    client.post("/accounts/logout/")
    cache.clear()  # a code is refused for half a minute after its use; the test does not wait
    client.post("/accounts/login/", {"login": "a@example.com", "password": "correct horse battery"})
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})

    assert before.startswith("/accounts/2fa/totp/activate/")
    assert client.get("/platform/").status_code == 200


@pytest.mark.parametrize(
    "query", ["run__id__exact=x", "run__id__exact=99999999999999", "outcome=nonsense", "p=9999"]
)
def test_a_nonsense_filter_is_no_server_error(admin_client, platform, query):
    assert admin_client.get(f"/platform/compliance/decision/?{query}").status_code in (200, 302)


@pytest.mark.parametrize("key", ["0", "x", "99999999999999999999999", "-1"])
@pytest.mark.parametrize(
    "name", ["compliance_decision", "compliance_run", "members_program", "members_merchant"]
)
def test_what_does_not_exist_leads_back(admin_client, platform, name, key):
    assert admin_client.get(reverse(f"admin:{name}_change", args=[key])).status_code == 302


def test_signing_out_ends_the_session(admin_client, platform):
    admin_client.post("/platform/logout/")

    assert SESSION_KEY not in admin_client.session


def test_packages_have_no_pages_here():
    labels = {model._meta.app_label for model in admin.site._registry}

    assert labels == {"members", "benefits", "compliance"}


def test_every_list_opens_and_its_address_is_in_the_menu(admin_client, platform, shops):
    menu = admin_client.get("/platform/").content.decode()

    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        response = admin_client.get(url)
        assert response.status_code == 200, url
        assert url in menu


HISTORY = sorted(
    f"{model._meta.app_label}_{model._meta.model_name}"
    for model in admin.site._registry
    if model._meta.label
    not in ("members.User", "compliance.Policy", "compliance.GradePolicy", "benefits.GuardPolicy")
)


@pytest.mark.parametrize("name", HISTORY)
def test_nothing_is_added_to_history(admin_client, platform, name):
    assert admin_client.get(reverse(f"admin:{name}_add")).status_code == 403
    assert admin_client.post(reverse(f"admin:{name}_add"), {}).status_code == 403


@pytest.mark.parametrize(
    "name", sorted(f"{m._meta.app_label}_{m._meta.model_name}" for m in admin.site._registry)
)
def test_nothing_is_changed_or_deleted(admin_client, platform, shops, name):
    app, model = name.split("_")
    admins = next(m for m in admin.site._registry if m._meta.label_lower == f"{app}.{model}")
    with tenancy.platform(), transaction.atomic():
        row = admins._default_manager.order_by("pk").first()
        before = list(admins._default_manager.order_by("pk").values())
    key = row.pk if row is not None else 1

    changed = admin_client.post(reverse(f"admin:{name}_change", args=[key]), {"reason": "x"})
    deleted = admin_client.post(reverse(f"admin:{name}_delete", args=[key]), {"post": "yes"})

    assert changed.status_code in ((403,) if row is not None else (302, 403))
    assert deleted.status_code in ((403,) if row is not None else (302, 403))
    with tenancy.platform(), transaction.atomic():
        assert list(admins._default_manager.order_by("pk").values()) == before


def test_the_number_of_queries_does_not_grow_with_the_rows(admin_client, platform, shops, cast):
    names = ["members_merchant", "members_program", "members_staff", "compliance_notice", "members_auditrow"]
    for name in names:
        admin_client.get(reverse(f"admin:{name}_changelist"))
    counts = {name: _queries(admin_client, name) for name in names}
    for number in range(4):
        shop = platform.shop(f"2024-11-0{number + 1}", owner=cast.owner)
        platform.assess("2026-01-01 04:00")
        assert shop.pk

    assert {name: _queries(admin_client, name) for name in names} == counts


def _queries(client, name: str) -> int:
    with CaptureQueriesContext(connection) as found:
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200
    return len(found)


def test_the_second_admin_enters_too(client, second, platform):
    assert enter(client, second).get("/platform/").status_code == 200


def test_looking_leaves_nothing_in_the_audit_log(admin_client, platform, shops):
    with tenancy.platform(), transaction.atomic():
        before = PlatformAuditRow.objects.count()
    admin_client.get("/platform/")
    admin_client.get("/platform/compliance/run/")

    with tenancy.platform(), transaction.atomic():
        assert PlatformAuditRow.objects.count() == before


def test_the_platforms_log_says_settings_and_counts_in_words(admin_client, platform, shops):
    platform.policy(
        timezone.now().strftime("%Y-%m-%d 23:59"), counting_basis="in_force", max_clear_share="0.05"
    )
    admin_client.post("/platform/compliance/run/preview/", {"run": "now"})
    foresee()

    page = admin_client.get("/platform/members/platformauditrow/").content.decode()

    assert "What counts: In force or configured → In force" in page
    assert "Brake: largest share cleared: 100% → 5%" in page
    assert "Eligible: 4<br>Cleared: 2<br>Kept: 2" in page


def test_notices_are_found_by_run_and_merchant_with_their_receipts(admin_client, platform, shops):
    with tenancy.platform(), transaction.atomic():
        notice = Notice.objects.order_by("id").first()
        on = notice.for_run_on.isoformat()
    found = admin_client.get(f"/platform/compliance/notice/?for_run_on__exact={on}")
    nothing = admin_client.get("/platform/compliance/notice/?for_run_on__exact=2001-01-01")
    by_name = admin_client.get(f"/platform/compliance/notice/?q={shops.bare.slug}")
    page = admin_client.get(f"/platform/compliance/notice/{notice.pk}/change/").content.decode()

    assert len(found.context["cl"].result_list) >= 1 and on in found.content.decode()
    assert nothing.context["cl"].result_list == []
    assert {row.merchant_id for row in by_name.context["cl"].result_list} == {shops.bare.pk}
    assert "In-app inbox" in page and "Delivered" in page


def test_the_workbench_names_what_waits(admin_client, platform, shops, cast):
    with tenancy.platform(), transaction.atomic():
        JobTick.objects.create(job="daily", scope="Asia/Shanghai", due_at=NOON)
    context = admin_client.get("/platform/").context

    tiles = {tile["label"]: tile["count"] for tile in context["queues"]}
    assert tiles["Jobs not done"] == "1"
    assert int(tiles["Warnings not e-mailed yet"]) == 2
    assert int(tiles["Programs at risk"]) + int(tiles["Programs in final notice"]) >= 2
    assert len(context["coming"]) == 4 and context["next_run"]["threatened"] == "2"


def test_a_large_platform_has_tonight_counted_by_a_worker(admin_client, platform, shops, monkeypatch):
    monkeypatch.setattr(workbench, "SMALL", -1)
    before = admin_client.get("/platform/").content.decode()
    with CaptureQueriesContext(connection) as found:
        pressed = admin_client.post("/platform/tonight/", follow=True)
    piece = admin_client.get("/platform/tonight/", headers={"hx-request": "true"}).content.decode()
    foresee()
    counted = admin_client.get("/platform/tonight/", headers={"hx-request": "true"}).content.decode()
    context = admin_client.get("/platform/").context

    assert "Count now" in before and "<progress" not in before
    assert not [query for query in found if "first_opened_on" in query["sql"]]  # nothing is judged
    assert "<progress" in pressed.content.decode() and 'data-hx-trigger="every 2s"' in piece
    assert "<progress" not in counted and "Count again" in counted and "Counted 20" in counted
    assert [count for _chip, count in context["tonight"]] == ["4", "2", "2", "0", "0"]


def test_tonight_is_counted_by_post_alone(admin_client, platform, shops):
    assert admin_client.get("/platform/tonight/").url == "/platform/"
    with tenancy.platform(), transaction.atomic():
        assert not Preview.objects.exists()


def test_before_the_installation_the_workbench_says_so(admin_client):
    response = admin_client.get("/platform/")
    counted = admin_client.post("/platform/tonight/", follow=True)

    assert response.status_code == 200 and "not installed" in response.content.decode()
    assert "not installed" in counted.content.decode()


def test_a_program_s_page_computes_its_evidence_once(admin_client, shops):
    url = reverse("admin:members_program_change", args=[shops.covered.pk])

    with CaptureQueriesContext(connection) as queries:
        response = admin_client.get(url)

    asked = [q["sql"] for q in queries]
    of_compliance = [sql for sql in asked if "compliance_" in sql]
    of_history = [sql for sql in asked if 'FROM "benefits_benefitrevision"' in sql]
    assert response.context["page"].strip[-1]["state"] == "covered"
    assert "The window: 90 days" in response.content.decode()
    assert of_compliance and len(of_compliance) == len(set(of_compliance))
    assert len(of_history) == 2  # for the evidence, and for what is in force now
