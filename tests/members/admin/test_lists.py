"""Lists of the platform count a limited number of rows, and say so."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from compliance.services import ticks
from members.admin import base
from members.lib import tenant as tenancy
from members.models import JobTick, OutboxRow
from members.services import job_progress
from tests.conftest import NOON


def test_a_list_beyond_the_limit_is_estimated_and_says_so(admin_client, cast, monkeypatch):
    monkeypatch.setattr(base, "COUNTED", 60)
    with tenancy.platform(), transaction.atomic():
        JobTick.objects.bulk_create(
            JobTick(job="daily", scope="Asia/Shanghai", due_at=NOON + dt.timedelta(days=n))
            for n in range(130)
        )

    first = admin_client.get("/platform/members/jobtick/")
    last = admin_client.get("/platform/members/jobtick/?p=2")
    beyond = admin_client.get("/platform/members/jobtick/?p=3")

    assert "The first 60 of about" in first.content.decode()
    assert len(last.context["cl"].result_list) == 10 and beyond.status_code == 302


def test_what_waits_to_be_sent_is_listed_and_what_was_sent_is_not(admin_client, cast):
    with tenancy.platform(), transaction.atomic():
        OutboxRow.objects.filter(done_at=None).update(done_at=NOON)
        same = {"merchant": cast.shop, "topic": "email", "created_at": NOON, "due_at": NOON}
        OutboxRow.objects.create(key="notice:1:1", attempts=2, last_error="no route to host", **same)
        OutboxRow.objects.create(key="notice:1:2", done_at=NOON, last_error="came late", **same)

    page = admin_client.get("/platform/members/outboxrow/").content.decode()

    assert "no route to host" in page and "came late" not in page and "Failed 2 times" in page


def test_open_jobs_are_found(admin_client, cast):
    with tenancy.platform(), transaction.atomic():
        JobTick.objects.create(job="daily", scope="Asia/Shanghai", due_at=NOON)
        done = JobTick.objects.create(
            job="assessment", scope="platform", due_at=NOON, done_at=NOON, report={"refreshed": 3}
        )

    page = admin_client.get("/platform/members/jobtick/?state=open").content.decode()
    report = admin_client.get(f"/platform/members/jobtick/{done.pk}/change/").content.decode()

    assert "Daily job of a time zone" in page and "Daily compliance job" not in page
    assert "refreshed" in report


def test_the_platform_sees_the_step_and_a_bar_and_a_done_job_forgets_them(admin_client, cast):
    with tenancy.platform(), transaction.atomic():
        tick = JobTick.objects.create(job="daily", scope="Asia/Shanghai", due_at=NOON, started_at=NOON)
    with job_progress.telling(tick.pk):
        job_progress.begin("tiers", 48_210)
    page = f"/platform/members/jobtick/{tick.pk}/change/"

    under_way = admin_client.get(page).content.decode()
    with tenancy.platform():
        ticks.tick(at=NOON + dt.timedelta(days=1))
    after = admin_client.get(page).content.decode()

    assert "recalculating tiers" in under_way and '<progress max="48210" value="0"' in under_way
    assert "<progress" not in after


@pytest.mark.parametrize("query", ["state=nonsense", "p=x", "nonsense=1"])
def test_a_nonsense_address_is_no_server_error(admin_client, cast, query):
    assert admin_client.get(f"/platform/members/jobtick/?{query}").status_code in (200, 302)
