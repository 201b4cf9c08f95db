"""P6: a real file of order lines into staging, and the whole import with posting, beside COPY of the same file.

The limit is COPY of the CSV into a typed, unlogged table without an index, parsed by the server; the file comes from
the client's memory in one piece, since reading the server's disk takes rights that no role of ours has. Ours checks
every row, groups rows into orders, and writes what the posting needs. The two alternate, so that neither meets the
warmer machine.
"""

from __future__ import annotations

import datetime as dt
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections, transaction

from bench import real_year
from bench.harness import Row, say, scratch, seconds
from members.lib import tenant as tenancy
from members.lib.databases import owner_connection
from members.models import ImportJob, Merchant
from members.services.audit import Actor
from members.services.imports import columns, jobs, reading, work
from members.services.imports.orders import staging
from members.services.imports.orders.columns import FIELDS
from members.services.imports.orders.kind import check_file

SHARE = {"small": 10, "full": 1}  # one in so many orders
ROUNDS = 5
IMPORTS = {"small": 3, "full": 1}  # whole ones, each into a shop of its own
AT = dt.datetime(2018, 1, 2, tzinfo=dt.UTC)
BENCH = Actor.job("bench")
TABLE = (
    "create unlogged table copied (order_id text, ordered_at timestamptz, member_key text, store text, sku text, "
    "quantity numeric, amount numeric)"
)


def run(scale: str) -> Iterator[Row]:
    """Two rows: to staging, and posted."""
    lines = real_year.transactions()
    baskets = lines.basket_id.unique()
    lines = lines[lines.basket_id.isin(baskets[: len(baskets) // SHARE[scale]])]
    with tempfile.TemporaryDirectory() as folder, scratch() as database:
        os.chmod(folder, 0o755)
        path = Path(folder) / "orders.csv"
        real_year.write_csv(lines, path)
        path.chmod(0o644)
        before, settings.UPLOADS_DIR = settings.UPLOADS_DIR, Path(folder) / "uploads"
        try:
            yield from _measure(database, path, len(lines), scale)
        finally:
            settings.UPLOADS_DIR = before


def _measure(database: str, path: Path, count: int, scale: str) -> Iterator[Row]:
    merchant_id = real_year.build("P6")
    copy = limit(database, path)
    stage = staging_of(merchant_id, path)
    stage()
    copied, staged = [], []
    for _ in range(ROUNDS):
        copied.append(seconds(copy))
        staged.append(seconds(stage))
    beside = statistics.median(copied)
    beside_text = f"COPY of a CSV with the same {count:,} lines: {beside:.2f} s"
    say(f"COPY {beside:.2f} s, staging {statistics.median(staged):.2f} s; now posting")
    yield Row("P6 import to staging", statistics.median(staged) / beside, beside_text, 1.1, count)
    ratios = []
    for number in range(IMPORTS[scale]):
        shop = real_year.build(f"P6 whole {number}")
        before = seconds(copy)
        posted = seconds(partial(whole, shop, path))
        around = (before + seconds(copy)) / 2
        ratios.append(posted / around)
        say(f"whole import {posted:.1f} s, COPY around it {around:.2f} s")
    yield Row(
        "P6 import with posting",
        statistics.median(ratios),
        beside_text,
        20,
        count,
        note="of the server's time about half are checks of references, row by row",
    )


def limit(database: str, path: Path) -> Callable[[], Any]:
    """COPY of the file from memory, parsed by the server."""
    with owner_connection(database) as connection:
        connection.execute(TABLE)
    content = path.read_bytes()

    def from_memory() -> None:
        with owner_connection(database) as connection:
            connection.execute("truncate copied")
            with connection.cursor().copy("copy copied from stdin (format csv, header)") as copy:
                copy.write(content)

    return from_memory


def staging_of(merchant_id: int, path: Path) -> Callable[[], Any]:
    """Read, check and stage the file, as an import does it."""
    with tenancy.tenant(merchant_id), transaction.atomic():
        merchant = Merchant.objects.get(pk=merchant_id)

    def stage() -> None:
        source = reading.open_file(path)
        names = columns.recognise(source.headers, FIELDS).places
        wanted = {name: source.headers[place] for name, place in names.items()}
        checked = check_file(source, merchant=merchant, channel="pos", columns=wanted, at=AT)
        with tenancy.tenant(merchant_id), transaction.atomic():
            staging.stage(checked, import_id=1, merchant_id=merchant_id, channel="pos")

    def emptied() -> None:
        with owner_connection(connections["owner"].settings_dict["NAME"]) as connection:
            connection.execute("truncate members_stagedorder")
        stage()

    return emptied


def whole(merchant_id: int, path: Path) -> ImportJob:
    """The import as the command does it, its people declared members."""
    with tenancy.tenant(merchant_id), path.open("rb") as content:
        job, _made = jobs.create(
            merchant_id=merchant_id,
            at=AT,
            actor=BENCH,
            content=content,
            file_name=path.name,
            channel="pos",
            declared_source=real_year.SOURCE,
            starts_itself=True,
        )
        done = work.work(merchant_id=merchant_id, import_id=job.pk, at=AT)
    assert done is not None and done.state == "done" and not done.rejected, done and done.failure
    return done
