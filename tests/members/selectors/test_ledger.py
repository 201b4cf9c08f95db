"""The shop's ledger by pages: the same entries in the same order, wherever in time they lie."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.paginator import Paginator
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from members.lib import tenant as tenancy
from members.selectors import ledger as selectors
from members.selectors.ledger import LedgerFilter, Newest
from tests.conftest import NOON
from tests.factories import ledger

DAY = dt.timedelta(days=1)
NOW = NOON + 400 * DAY


@pytest.fixture
def shop(cast):
    """Two members with entries of long ago, of the last months and of today, two at one instant."""
    ledger.open_shop(cast.shop, NOON)
    for name in ("u1", "u2"):
        member = ledger.join(cast.shop, NOON, name)
        for days in (399, 300, 61, 59, 30, 3, 2, 1, 0):
            ledger.adjust(cast.shop, member, days + 1, NOW - days * DAY, key=f"{name} {days}")
    return cast.shop


def paged(shop, size, **wanted):
    """Every page of the ledger, as (time, member, number) of its entries."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = selectors.listed(merchant=shop, wanted=LedgerFilter(**wanted))
        pages = Paginator(Newest(rows, at=NOW), size)
        return [
            [(entry.at, entry.member_id, entry.sequence) for entry in pages.page(number).object_list]
            for number in pages.page_range
        ]


@pytest.mark.parametrize("size", [1, 4, 7, 50])
def test_pages_hold_every_entry_once_the_newest_first(shop, size):
    pages = paged(shop, size)

    found = [entry for page in pages for entry in page]
    assert found == sorted(found, reverse=True)
    assert len(found) == len(set(found)) == 18
    assert all(len(page) == size for page in pages[:-1])


@pytest.mark.parametrize("kind", ["adjust", "expire"])
def test_a_filter_pages_likewise(shop, kind):
    pages = paged(shop, 4, kind=kind, from_at=NOW - 100 * DAY, to_at=NOW)

    assert sum(map(len, pages)) == (12 if kind == "adjust" else 0)


def test_the_first_page_reads_the_latest_days_alone(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        newest = Newest(selectors.listed(merchant=shop, wanted=LedgerFilter()), at=NOW)
        newest.count()
        with CaptureQueriesContext(connection) as captured:
            assert len(newest[0:3]) == 3

    assert len(captured) == 1
    assert '"at" >' in captured[0]["sql"]
