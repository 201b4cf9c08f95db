"""Policies at the platform's pages: a new version through a form that is checked, reviewed and confirmed."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from compliance.admin.policy_forms import initial_of
from compliance.models import Policy, Preview
from compliance.selectors import policies
from compliance.tasks.previews import foresee
from members.lib import tenant as tenancy
from members.models import PlatformAuditRow
from tests.compliance.services.conftest import SHANGHAI

URL = "/platform/compliance/policy/add/"


def filled(**changed):
    """The form as it is first shown, with some fields changed."""
    with tenancy.platform(), transaction.atomic():
        policy = policies.current(at=timezone.now()).policy
    values = {name: value for name, value in initial_of(policy).items() if value is not None}
    at_once = {"effective_at": "", "early_reason": "tested at once"}
    return values | {"reason": "tested", **at_once} | changed


def versions() -> list[int]:
    with tenancy.platform(), transaction.atomic():
        return list(Policy.objects.order_by("number").values_list("number", flat=True))


def test_the_form_is_filled_from_the_version_in_force(admin_client, platform):
    page = admin_client.get(URL)

    assert page.context["form"]["window_days"].value() == 90
    assert page.context["form"]["warn_days"].value() == "30, 14, 7, 3, 1"
    assert page.context["form"]["max_clear_share"].value() == "100"


def test_checking_shows_what_would_change_and_publishes_nothing(admin_client, platform, shops):
    response = admin_client.post(URL, filled(window_days="30", check="1"))
    page = response.content.decode()

    assert response.status_code == 200 and "Window (days)" in page
    assert versions() == [1]


def test_checking_judges_nothing_and_shows_how_far_the_work_is(admin_client, platform, shops):
    admin_client.get(URL)
    with CaptureQueriesContext(connection) as found:
        page = admin_client.post(URL, filled(window_days="30", check="1")).content.decode()

    assert not [query for query in found if "compliance_standing" in query["sql"]]
    assert "0 of 2 parts are done" in page and 'name="look"' in page and "Publish version" in page


def test_the_outlook_compares_the_next_run_with_and_without(admin_client, platform, shops):
    asked = admin_client.post(URL, filled(min_age_months="120", check="1"))
    moving = polled(admin_client, asked)
    foresee()
    piece = polled(admin_client, asked)
    looked = admin_client.post(URL, filled(min_age_months="120", look="1"))

    assert "<progress" in moving.content.decode()
    assert "The next run, foreseen" in piece.content.decode() and "<progress" not in piece.content.decode()
    rows = {row[0]: row[1:] for row in looked.context["review"]["trial"]["table"].rows}
    assert rows["Cleared"] == ("2", "0") and rows["Eligible"] == ("4", "4")
    assert versions() == [1]


def polled(client, response):
    """What the page asks for again and again."""
    url = response.context["review"]["trial"]["bar"]["progress_url"]
    return client.get(url, headers={"hx-request": "true"})


@pytest.mark.parametrize("query", ["", "run=1", "run=x&run=y", "run=0&run=0", "run=9" + "9" * 30 + "&run=1"])
def test_a_trial_that_does_not_exist_is_not_found(admin_client, platform, query):
    assert admin_client.get(f"/platform/compliance/policy/trial/?{query}").status_code == 404


def test_trials_are_not_among_the_previews(admin_client, platform, shops):
    asked = admin_client.post(URL, filled(window_days="30", check="1"))
    key = asked.context["review"]["trial"]["bar"]["progress_url"].rpartition("=")[2]

    page = admin_client.get("/platform/compliance/preview/").content.decode()

    assert "0 entries" in page
    assert admin_client.get(f"/platform/compliance/preview/{key}/progress/").status_code == 404


def test_a_new_version_is_published_on_the_typed_word(admin_client, platform, cast):
    response = admin_client.post(URL, filled(window_days="60", publish="1", confirm="publish"))

    assert response.url == "/platform/compliance/policy/2/change/"
    with tenancy.platform(), transaction.atomic():
        row = Policy.objects.get(number=2)
        audited = PlatformAuditRow.objects.get(action="policy.published")
    assert (row.window_days, row.min_notice_days, row.by_id, row.reason) == (60, 14, cast.admin.pk, "tested")
    assert audited.actor_id == cast.admin.pk
    assert set(audited.after) == {"window_days", "effective_at"} and audited.after["window_days"] == 60


def test_what_the_form_shows_is_what_is_published(admin_client, platform):
    admin_client.post(
        URL,
        filled(
            warn_days="10，3、1",
            max_clear_share="2.5",
            uncounted_kinds=["lucky_draw"],
            max_lead_days="30",
            counting_basis="in_force",
            age_boundary="at_least",
            first_run_on="2030-01-15",
            publish="1",
            confirm="发布",
        ),
    )

    with tenancy.platform(), transaction.atomic():
        row = Policy.objects.get(number=2)
    assert row.warn_days == [10, 3, 1] and str(row.max_clear_share.normalize()) == "0.025"
    assert row.uncounted_kinds == ["lucky_draw"] and row.max_lead_days == 30
    assert (row.counting_basis, row.age_boundary) == ("in_force", "at_least")
    assert row.first_run_on == dt.date(2030, 1, 15)


def test_without_the_word_nothing_is_published(admin_client, platform):
    response = admin_client.post(URL, filled(window_days="60", publish="1", confirm="yes"))

    assert response.status_code == 422 and versions() == [1]
    assert "Type publish" in response.content.decode()
    with tenancy.platform(), transaction.atomic():
        assert Preview.objects.count() == 2  # the review is still shown


def test_a_wrong_word_keeps_the_trial_that_was_looked_at(admin_client, platform, shops):
    admin_client.post(URL, filled(window_days="30", check="1"))
    foresee()

    response = admin_client.post(URL, filled(window_days="30", publish="1", confirm="yes"))

    assert "The next run, foreseen" in response.content.decode()
    with tenancy.platform(), transaction.atomic():
        assert Preview.objects.count() == 2


def test_a_version_that_starts_in_the_past_is_refused(admin_client, platform):
    past = (timezone.now() - dt.timedelta(hours=1)).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")

    response = admin_client.post(
        URL, filled(window_days="60", effective_at=past, publish="1", confirm="publish")
    )

    assert response.status_code == 422 and versions() == [1]
    assert "effective_at" in response.context["form"].errors


def test_a_coming_version_waits_for_its_instant(admin_client, platform):
    later = (timezone.now() + dt.timedelta(days=3)).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")

    admin_client.post(URL, filled(window_days="60", effective_at=later, publish="1", confirm="publish"))

    with tenancy.platform(), transaction.atomic():
        assert policies.current(at=timezone.now()).number == 1
    assert "To come" in admin_client.get("/platform/compliance/policy/").content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("window_days", "0"),
        ("window_days", "many"),
        ("window_days", "40000"),
        ("min_notice_days", "-1"),
        ("warn_days", "30, x"),
        ("warn_days", "-3"),
        ("warn_days", "91, 7"),
        ("warn_days", ""),
        ("max_clear_share", "101"),
        ("max_clear_share", "NaN"),
        ("max_clear_share", "0.0000001"),
        ("max_clear_share", "five"),
        ("first_run_on", "2026-02-30"),
        ("counting_basis", "whatever"),
        ("uncounted_kinds", ["nothing"]),
        ("reason", ""),
        ("early_reason", ""),
        ("appeal_decision_days", "0"),
        ("effective_at", "tomorrow"),
    ],
)
def test_a_wrong_value_is_said_at_its_field_and_kept(admin_client, platform, field, value):
    response = admin_client.post(URL, filled(**{field: value}, publish="1", confirm="publish"))

    assert response.status_code == 422 and versions() == [1]
    assert field in response.context["form"].errors
    assert response.context["form"][field].value() == value


def test_a_version_that_changes_nothing_is_refused(admin_client, platform):
    response = admin_client.post(URL, filled(publish="1", confirm="publish"))

    assert response.status_code == 422 and "Nothing differs" in response.content.decode()
    assert versions() == [1]


def test_versions_are_listed_with_what_each_changed(admin_client, platform):
    admin_client.post(URL, filled(window_days="60", publish="1", confirm="publish"))

    page = admin_client.get("/platform/compliance/policy/").content.decode()
    shown = admin_client.get("/platform/compliance/policy/2/change/").content.decode()

    assert "Window (days): 90 → 60" in page and "The first version" in page
    assert "in the 60 days before" in shown


@pytest.mark.parametrize("act", ["change", "delete"])
def test_a_version_is_never_edited_or_deleted(admin_client, platform, act):
    response = admin_client.post(f"/platform/compliance/policy/1/{act}/", {"window_days": "1", "post": "yes"})

    assert response.status_code == 403
    with tenancy.platform(), transaction.atomic():
        assert Policy.objects.get().window_days == 90
