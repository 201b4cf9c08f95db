"""Grades at the platform's pages: lists, distribution, a new version of the policy, the category of a shop."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction

from compliance.admin.grade_forms import digits_of
from compliance.lib.calendar import grades_instant
from compliance.lib.grade_policy import DEFAULTS
from compliance.models import Grade, GradePolicy, ShopCategory
from compliance.services import grades
from members.lib import tenant as tenancy
from members.models import AuditRow, PlatformAuditRow
from tests.compliance.services.conftest import at

URL = "/platform/compliance/gradepolicy/add/"
DUE = grades_instant(at("2025-03-01").date())


def filled(**changed):
    """The form as it is first shown, with some fields changed; a name's points are written as __."""
    values = {}
    for name, value in DEFAULTS.items():
        if value is not None and value is not False:
            digits = digits_of(name)
            values[name] = str(Decimal(value).scaleb(-digits)) if digits else value
    return values | {"reason": "tested"} | {name.replace("__", "."): value for name, value in changed.items()}


def found(model, **where):
    with tenancy.platform(), transaction.atomic():
        return list(model.objects.filter(**where).order_by("pk"))


@pytest.fixture
def graded(platform, shops):
    with tenancy.platform():
        grades.grade_month(due_at=DUE, at=DUE)
    return shops


def test_the_form_shows_shares_in_per_cent_and_recruits_in_people(admin_client, platform):
    form = admin_client.get(URL).context["form"]

    assert form["line.large.member_share.high"].value() == "5"
    assert form["line.large.recruits.high"].value() == "10"
    assert form["line.small.recruits.pass"].value() == "0.5"
    assert [title for title, _fields in form.groups()][4:7] == ["Small shop", "Medium shop", "Large shop"]
    assert {field.name for _title, fields in form.groups() for field in fields} >= set(DEFAULTS)


def test_checking_shows_the_difference_and_publishes_nothing(admin_client, platform):
    response = admin_client.post(URL, filled(line__small__recruits__high="１.５", check="1"))

    assert response.status_code == 200
    assert response.context["review"]["table"].rows == [("Small shop, Recruits a day: high line", "2", "1.5")]
    assert len(found(GradePolicy)) == 1


def test_a_version_is_published_on_the_typed_word(admin_client, platform, cast):
    posted = filled(line__small__recruits__high="1.5", enforce__quota="on", publish="1", confirm="publish")
    response = admin_client.post(URL, posted)

    assert response.url == "/platform/compliance/gradepolicy/2/change/"
    row = found(GradePolicy)[-1]
    assert (row.values["line.small.recruits.high"], row.values["enforce.quota"], row.reason) == (
        15,
        True,
        "tested",
    )
    (audited,) = found(PlatformAuditRow, action="grade_policy.published")
    assert (audited.actor_id, audited.reason) == (cast.admin.pk, "tested")
    page = admin_client.get(response.url).content.decode()
    log = admin_client.get("/platform/members/platformauditrow/").content.decode()
    assert "Enforce the quotas of joining" in page
    assert "Small shop, Recruits a day: high line: 2 → 1.5" in log and "Policy of grades published" in log


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"line__small__recruits__high": "0.4"}, "The high line is not below the pass line."),
        ({"line__small__member_share__high": "101"}, "less than or equal to 100"),
        ({"line__small__benefit_days__high": "29"}, "less than or equal to 28"),
        ({"line__small__recruits__high": "many"}, "Enter a number."),
        ({"line__small__recruits__high": "1.55"}, "no more than 1 decimal place"),
        ({"effective_at": "2024-01-01 00:00"}, "A policy cannot start in the past"),
        ({"reason": ""}, "This field is required."),
        ({"confirm": "yes"}, "Type publish to publish this version."),
        ({"line__small__recruits__high": "2"}, "Nothing differs"),
    ],
)
def test_a_bad_version_is_refused_in_words_and_nothing_is_published(admin_client, platform, changed, words):
    base = {"line__small__recruits__high": "1.5", "publish": "1", "confirm": "publish"}

    response = admin_client.post(URL, filled(**{**base, **changed}))

    assert response.status_code == 422
    assert words in response.content.decode()
    assert len(found(GradePolicy)) == 1


def test_the_months_show_how_grades_are_distributed(admin_client, graded):
    runs = admin_client.get("/platform/compliance/graderun/").content.decode()
    (row,) = found(Grade)[:1]
    page = admin_client.get(f"/platform/compliance/graderun/{row.run_id}/change/").content.decode()

    assert "2025-03" in runs and "3 (100%)" in runs
    assert "Distribution" in page


def test_grades_are_listed_filtered_and_explained(admin_client, graded):
    url = "/platform/compliance/grade/"
    run = found(Grade)[0].run_id

    everything = admin_client.get(url).content.decode()
    improving = admin_client.get(
        f"{url}?level__exact=improving&month={run}&band__exact=small"
    ).content.decode()
    none = admin_client.get(f"{url}?level__exact=quality").content.decode()
    page = admin_client.get(f"{url}{found(Grade)[0].pk}/change/").content.decode()

    assert "3 entries" in everything and "3 entries" in improving and "0 entries" in none
    assert "Each metric against its lines" in page and "divided by the days of the month" in page


@pytest.mark.parametrize("query", ["level__exact=nonsense", "month=x", "month=99999999999999999999", "run=1"])
def test_a_nonsense_filter_is_no_server_error(admin_client, graded, query):
    assert admin_client.get(f"/platform/compliance/grade/?{query}").status_code in (200, 302)


def test_a_category_is_set_with_a_reason_that_the_merchants_log_keeps(admin_client, graded, cast):
    row = found(Grade)[0]
    url = f"/platform/compliance/grade/{row.pk}/category/"

    refused = admin_client.post(url, {"category": "dining", "reason": ""})
    assert refused.status_code == 422 and found(ShopCategory) == []
    assert admin_client.get(url).status_code == 403

    admin_client.post(url, {"category": "dining", "reason": "sells coffee"})

    (audited,) = found(AuditRow, action="grade.category_set")
    assert (audited.merchant_id, audited.actor_id, audited.reason) == (
        row.merchant_id,
        cast.admin.pk,
        "sells coffee",
    )
