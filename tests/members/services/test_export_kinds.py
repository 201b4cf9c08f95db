"""What each kind of exported file holds: the ledger's entries, a segment's members, moves between tiers."""

from __future__ import annotations

import csv
import datetime as dt

import pytest
from django.db import transaction
from openpyxl import load_workbook

from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.models import Export, ExportKind, Segment, WorkState
from members.services import segments
from members.services.audit import Actor
from members.services.exports import jobs, storage, work
from tests.factories import ledger

AT = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
WHO = Actor.job("test")
SPAN = {"from_at": AT.isoformat(), "to_at": (AT + 30 * DAY).isoformat()}


@pytest.fixture
def shop(cast, settings, tmp_path):
    """Three members; two bought, of whom one became silver and one had an order refunded."""
    settings.UPLOADS_DIR = tmp_path
    ledger.open_shop(cast.shop, AT)
    people = [
        ledger.join(cast.shop, AT + n * DAY, f"u{n}", phone=f"+861391234001{n}", name="王芳")
        for n in range(3)
    ]
    ledger.buy(cast.shop, people[0], "order-1", AT + 4 * DAY, 100_000)
    ledger.buy(cast.shop, people[1], "order-2", AT + 5 * DAY, 5_000)
    ledger.refund(cast.shop, "order-2", AT + 6 * DAY)
    return cast.shop


def ask(shop, kind, filters, **more) -> Export:
    wanted = {"role": "owner", "file_format": "csv"} | more
    with tenancy.tenant(shop.pk):
        return jobs.create(
            merchant_id=shop.pk, at=AT + 9 * DAY, actor=WHO, kind=kind, filters=filters, **wanted
        )


def write(shop, job) -> Export:
    with tenancy.tenant(shop.pk):
        found = work.work(merchant_id=shop.pk, job_id=job.pk, now=lambda: AT + 9 * DAY, chunk=2)
    assert found is not None
    return found


def lines(job) -> list[dict[str, str]]:
    with storage.file(job).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def segment_of(shop, rule) -> Segment:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return segments.create(merchant_id=shop.pk, at=AT + 7 * DAY, actor=WHO, name="买过的", rule=rule)


def exports(shop) -> int:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return Export.objects.of(shop).count()


def test_the_ledgers_file_holds_the_entries_of_its_filters_the_oldest_first(shop):
    rows = lines(write(shop, ask(shop, ExportKind.LEDGER, {})))

    assert [row["Entry"] for row in rows] == ["1", "1", "2"]
    assert [row["Order"] for row in rows] == ["order-1", "order-2", "order-2"]
    assert rows[0]["Phone"] == "139****0010"
    assert rows[0]["Time"].endswith("+08:00")

    only = lines(write(shop, ask(shop, ExportKind.LEDGER, {"kind": "earn", "search": "0011"})))
    assert [(row["Kind"], row["Order"]) for row in only] == [("Earned", "order-2")]
    day = {"from_at": (AT + 5 * DAY).isoformat(), "to_at": (AT + 6 * DAY).isoformat()}
    assert [row["Order"] for row in lines(write(shop, ask(shop, ExportKind.LEDGER, day)))] == ["order-2"]


def test_whom_the_ledger_was_searched_for_is_not_kept_in_clear(shop):
    job = ask(shop, ExportKind.LEDGER, {"search": "13912340011"})
    assert "139" not in str(job.filters)

    assert "sealed" not in str(write(shop, job).filters)


def test_a_sheet_of_the_ledger_has_numbers_as_numbers(shop):
    job = write(shop, ask(shop, ExportKind.LEDGER, {}, file_format="xlsx"))

    rows = list(load_workbook(storage.file(job)).active.iter_rows(min_row=2, values_only=True))
    assert [row[5] + row[6] for row in rows] == [1000, 50, -50]


def test_a_segments_file_holds_who_is_in_it_masked_unless_a_manager_says_why(shop):
    segment = segment_of(shop, {"all": [{"fact": "orders", "op": "at_least", "value": 1}]})
    filters = {"segment": segment.public_id}

    job = write(shop, ask(shop, ExportKind.SEGMENT, filters, label=segment.name))
    assert [(row["Phone"], row["Tier"]) for row in lines(job)] == [("139****0010", "Silver")]
    assert segment.name in job.title

    clear = write(shop, ask(shop, ExportKind.SEGMENT, filters, is_clear=True, reason="Letters"))
    assert [(row["Phone"], row["Name"]) for row in lines(clear)] == [("13912340010", "王芳")]


def test_a_segment_deleted_before_the_work_fails_in_words(shop):
    segment = segment_of(shop, {"all": [{"fact": "orders", "op": "at_least", "value": 1}]})
    job = ask(shop, ExportKind.SEGMENT, {"segment": segment.public_id})
    with tenancy.tenant(shop.pk), transaction.atomic():
        segments.delete(merchant_id=shop.pk, at=AT + 8 * DAY, actor=WHO, public_id=segment.public_id)

    job = write(shop, job)

    assert (job.state, job.rows) == (WorkState.FAILED, 0)
    assert "no longer there" in job.failure


def test_a_file_of_moves_says_who_moved_and_by_which_cause(shop):
    rows = lines(write(shop, ask(shop, ExportKind.MOVES, SPAN)))

    assert [(row["From"], row["To"], row["Cause"]) for row in rows] == [("Member", "Silver", "By an order")]
    assert lines(write(shop, ask(shop, ExportKind.MOVES, SPAN | {"way": "down"}))) == []
    assert lines(write(shop, ask(shop, ExportKind.MOVES, SPAN | {"cause": "rules"}))) == []


@pytest.mark.parametrize(
    ("kind", "filters"),
    [
        (ExportKind.LEDGER, {"kind": "fax"}),
        (ExportKind.LEDGER, {"cause": "luck"}),
        (ExportKind.LEDGER, {"from_at": "yesterday"}),
        (ExportKind.LEDGER, {"from_at": "2026-06-01T00:00:00"}),
        (ExportKind.SEGMENT, {"segment": "gone"}),
        (ExportKind.MOVES, {}),
        (ExportKind.MOVES, SPAN | {"cause": "luck"}),
        (ExportKind.MOVES, SPAN | {"way": "sideways"}),
    ],
)
def test_filters_by_what_is_not_there_begin_nothing(shop, kind, filters):
    with pytest.raises(Invalid):
        ask(shop, kind, filters)

    assert exports(shop) == 0


@pytest.mark.parametrize(("kind", "filters"), [(ExportKind.LEDGER, {}), (ExportKind.MOVES, SPAN)])
def test_books_are_exported_masked_alone(shop, kind, filters):
    with pytest.raises(Invalid):
        ask(shop, kind, filters, is_clear=True, reason="Letters")

    assert exports(shop) == 0
