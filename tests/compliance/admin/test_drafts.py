"""Drafts at the platform's pages: opened from the form, commented on by merchants, withdrawn, published."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from compliance.lib.calendar import platform_date
from compliance.models import Policy, PolicyDraft
from compliance.services import drafts
from compliance.tasks.previews import foresee
from members.lib import tenant as tenancy
from members.models import PlatformAuditRow
from members.services.audit import Actor
from tests.compliance.admin.test_policies import URL, filled, polled, versions
from tests.compliance.services.conftest import SHANGHAI


def day(days: int) -> str:
    return (platform_date(timezone.now()) + dt.timedelta(days=days)).isoformat()


def opened() -> list[PolicyDraft]:
    with tenancy.platform(), transaction.atomic():
        return list(PolicyDraft.objects.order_by("pk"))


def open_draft(client, **changed):
    return client.post(URL, filled(window_days="60", draft="1", closes_on=day(20)) | changed)


def test_a_draft_is_opened_from_the_form_and_publishes_nothing(admin_client, platform):
    response = open_draft(admin_client, early_reason="")
    (draft,) = opened()

    assert response.url == f"/platform/compliance/policydraft/{draft.pk}/change/"
    assert (draft.rule.window_days, draft.closes_on.isoformat()) == (60, day(20)) and versions() == [1]
    page = admin_client.get(response.url).content.decode()
    assert "closed after 60 days without a qualifying benefit instead of 90" in page
    assert "Nobody has commented yet" in page
    with tenancy.platform(), transaction.atomic():
        assert PlatformAuditRow.objects.filter(action="policy.drafted").count() == 1


@pytest.mark.parametrize("closes_on", ["", "yesterday", "2020-01-01", "2999-01-01"])
def test_a_draft_without_a_day_to_come_is_refused(admin_client, platform, closes_on):
    response = open_draft(admin_client, closes_on=closes_on)

    assert response.status_code == 422 and "closes_on" in response.context["form"].errors
    assert not opened()


def test_what_merchants_said_stands_on_the_drafts_page(admin_client, platform, cast):
    open_draft(admin_client)
    (draft,) = opened()
    with tenancy.tenant(cast.shop.pk):
        drafts.comment(
            merchant_id=cast.shop.pk,
            draft=draft.public_id,
            text="Sixty days are short.",
            at=timezone.now(),
            actor=Actor.person(cast.owner),
        )

    page = admin_client.get(f"/platform/compliance/policydraft/{draft.pk}/change/").content.decode()

    assert "Sixty days are short." in page and cast.shop.name in page


def test_a_new_version_is_filled_from_a_draft(admin_client, platform):
    open_draft(admin_client)
    (draft,) = opened()

    form = admin_client.get(f"{URL}?draft={draft.public_id}").context["form"]

    assert form["window_days"].value() == 60
    assert admin_client.get(f"{URL}?draft=nobody").context["form"]["window_days"].value() == 90


def test_a_draft_is_withdrawn_before_its_day(admin_client, platform):
    open_draft(admin_client)
    (draft,) = opened()

    page = admin_client.post(
        f"/platform/compliance/policydraft/{draft.pk}/withdraw/", follow=True
    ).content.decode()

    assert "Withdrawn" in page and opened()[0].withdrawn_at is not None


def test_the_form_offers_the_first_midnight_that_needs_no_reason(admin_client, platform):
    offered = admin_client.get(URL).context["form"]["effective_at"].value()

    starts = dt.datetime.fromisoformat(offered).replace(tzinfo=SHANGHAI)
    assert dt.timedelta(days=7) <= starts - timezone.now() < dt.timedelta(days=8)


def test_a_version_that_starts_before_a_coming_one_is_refused_at_its_field(admin_client, platform):
    later = (timezone.now() + dt.timedelta(days=30)).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    admin_client.post(URL, filled(window_days="60", effective_at=later, publish="1", confirm="publish"))

    response = admin_client.post(URL, filled(window_days="50", publish="1", confirm="publish"))

    assert response.status_code == 422 and "effective_at" in response.context["form"].errors
    assert versions() == [1, 2]


def test_an_early_reason_stands_on_the_versions_page(admin_client, platform):
    admin_client.post(
        URL, filled(window_days="60", publish="1", confirm="publish", early_reason="a court orders it")
    )

    assert "a court orders it" in admin_client.get("/platform/compliance/policy/2/change/").content.decode()
    with tenancy.platform(), transaction.atomic():
        assert Policy.objects.get(number=2).early_reason == "a court orders it"


def test_checking_says_in_a_sentence_what_the_coming_runs_would_close(admin_client, platform, shops):
    asked = admin_client.post(URL, filled(min_age_months="120", check="1"))
    foresee()

    piece = polled(admin_client, asked).content.decode()

    assert "2 closures fewer on" in piece and "simulated over all programs" in piece
