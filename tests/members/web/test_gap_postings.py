"""Closures that are over, and posting what they kept back, over HTTP and without a script."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import transaction
from django.utils import timezone

from compliance.services import life
from members.lib import tenant as tenancy
from members.models import GapPosting, PointsEntry
from members.services import gap_postings, programs
from tests.factories import ledger

DAY = dt.timedelta(days=1)


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def close(shop, at) -> None:
    with tenancy.tenant(shop.pk), transaction.atomic():
        programs.close_program(merchant_id=shop.pk, at=at, actor=ledger.JOB)


@pytest.fixture
def gap(cast):
    """A shop that was closed for ten days, in which a member bought for 120.00."""
    now = timezone.now()
    ledger.open_shop(cast.shop, now - 40 * DAY)
    member = ledger.join(cast.shop, now - 39 * DAY, "u")
    close(cast.shop, now - 20 * DAY)
    ledger.buy(cast.shop, member, "o", now - 15 * DAY, 120_00)
    with tenancy.tenant(cast.shop.pk):
        life.open_program(merchant_id=cast.shop.pk, at=now - 10 * DAY, actor=ledger.JOB)
    return member


def text_of(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def entries(shop) -> list[tuple[str, int]]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        found = PointsEntry.objects.of(shop.pk).order_by("id").values_list("kind", "points", "pending")
        return [(kind, points + pending) for kind, points, pending in found]


def asked(response) -> dict[str, str]:
    """The form that posts, as the page has it."""
    return {"closure": re.search(r'name="closure" value="(\d+)"', response.content.decode())[1]}


def test_the_page_says_what_would_come_of_it_and_a_button_posts_it(owner, cast, gap):
    page = owner.get("/program/closures")
    assert "Orders without points 1 Members 1 Points they would earn 120" in text_of(page)
    assert entries(cast.shop) == []

    report = owner.post("/program/closures", asked(page), follow=True)

    assert "Orders posted 1 Points earned 120" in text_of(report)
    assert entries(cast.shop) == [("earn", 120)]
    again = owner.get("/program/closures")
    assert "Post these orders" not in text_of(again) and "posted" in text_of(again)
    owner.post("/program/closures", asked(page))
    assert entries(cast.shop) == [("earn", 120)]


def test_the_program_page_leads_there(owner, gap):
    assert 'href="/program/closures"' in owner.get("/program/").content.decode()


def test_while_the_program_is_closed_nothing_is_posted(owner, cast, gap):
    page = owner.get("/program/closures")
    close(cast.shop, timezone.now())

    assert "Open the program first" in text_of(owner.get("/program/closures"))
    refused = owner.post("/program/closures", asked(page))

    assert refused.status_code == 422 and "not open" in text_of(refused)
    assert entries(cast.shop) == []


@pytest.mark.parametrize("closure", ["", "99999999", "-1", "x", "1" * 40])
def test_a_closure_that_is_not_there_is_refused_in_words(owner, cast, gap, closure):
    refused = owner.post("/program/closures", {"closure": closure})
    assert refused.status_code == 422 and "There is no such closure" in text_of(refused)
    assert entries(cast.shop) == []


def test_a_large_gap_shows_its_progress(owner, cast, gap, monkeypatch):
    monkeypatch.setattr(gap_postings, "SMALL", 0)
    report = owner.post("/program/closures", asked(owner.get("/program/closures")), follow=True)

    assert "Members looked at" in text_of(report) and 'data-hx-trigger="every 2s"' in report.content.decode()
    with tenancy.tenant(cast.shop.pk):
        with transaction.atomic():
            job = GapPosting.objects.of(cast.shop.pk).get()
        gap_postings.work(merchant_id=cast.shop.pk, job_id=job.pk, now=timezone.now)
    assert "Points earned 120" in text_of(owner.get(f"/program/closures/{job.public_id}"))


def test_a_shop_that_was_never_closed_is_told_so(owner):
    assert "no closure whose orders" in text_of(owner.get("/program/closures"))
