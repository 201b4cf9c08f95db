"""Files of orders as a kind of import: the look at a whole file, its staging and its posting."""

from __future__ import annotations

import datetime as dt

from babel.numbers import get_currency_precision
from django.db import transaction
from django.utils.translation import gettext as _

from members.lib.collection import no_collection
from members.models import ImportJob, ImportKind, ImportState, Merchant
from members.services import leases, programs
from members.services.audit import Actor
from members.services.imports import hold, jobs, reading, rejects
from members.services.imports.kinds import Foreseen, Kind, Progress
from members.services.imports.orders import posting, staging
from members.services.imports.orders.ahead import Ahead
from members.services.imports.orders.checking import Checked, Checker
from members.services.imports.orders.columns import FIELDS
from members.services.imports.orders.preview import foresee
from members.services.imports.values import EPOCH

MICROSECOND = dt.timedelta(microseconds=1)


class Orders(Kind):
    """Rows grouped into orders."""

    name, task, fields, chunk = ImportKind.ORDERS, "members.import_orders", FIELDS, posting.CHUNK

    def check_handing_in(self, *, merchant_id: int, declared_source: str) -> None:
        """Orders are stored whatever the program's state; members are made only by an open one."""
        if declared_source:
            programs.lock_open(merchant_id=merchant_id)

    def check_start(self, job: ImportJob, at: dt.datetime, actor: Actor) -> None:
        """As when the file was handed in."""
        self.check_handing_in(merchant_id=job.merchant_id, declared_source=job.declared_source)

    def ended(self, job: ImportJob) -> None:
        """What was staged is in the books, or will not be."""
        staging.clear(job.pk)

    def foresee(
        self, job: ImportJob, merchant: Merchant, source: reading.Source, at: dt.datetime
    ) -> Foreseen:
        """Check the file, then compare it with the books."""
        checked = check_file(source, merchant=merchant, channel=job.channel, columns=job.columns, at=at)
        with transaction.atomic():
            found = foresee(
                checked, merchant_id=merchant.pk, channel=job.channel, is_declared=bool(job.declared_source)
            )
        return Foreseen(checked.rows, checked.orders, found.people, checked.reasons, found, checked.notes)

    def run(self, job: ImportJob, merchant: Merchant, at: dt.datetime, tell: Progress, chunk: int) -> None:
        """Stage the file unless it is staged, post what is not posted yet, put the rejects together."""
        with transaction.atomic():
            job = hold.mine(job)
            is_staged = bool(job.position) and staging.is_staged(job.pk, job.position)
        if not is_staged and (job.position < job.total_orders or not job.position):
            job = stage(job, merchant, at)
        tell(job)
        actor = Actor("job", job.by_label or "import", job.by_id)
        with Ahead(job, chunk) as ahead:
            while job.position < job.total_orders:
                with transaction.atomic():
                    jobs.flush_later()
                    job = hold.mine(job)
                    post(job, actor, ahead)
                tell(job)
        source = hold.open_source(job) if rejects.noted(job) else None
        with transaction.atomic():
            job = hold.mine(job)
            if source is not None:
                hold.put_rejects(job, source)
            jobs.end(job, ImportState.DONE, at)


def check_file(
    source: reading.Source, *, merchant: Merchant, channel: str, columns: dict[str, str], at: dt.datetime
) -> Checked:
    """Read and check a whole file whose columns are known. Raises Invalid."""
    places = FIELDS.places(source.headers, columns)
    checked = Checker(
        reading.read(source, places),
        zone=merchant.zone,
        digits=get_currency_precision(merchant.currency),
        channel=channel,
        at_micros=(at - EPOCH) // MICROSECOND,
        order_place=places["order_id"],
    ).check()
    if source.is_cut and checked.rows:
        text = _("The last line has no line break: if the file was cut off, check line %(line)s.")
        checked.notes.append(text % {"line": len(source.line_starts()) - 1})
    return checked


def stage(job: ImportJob, merchant: Merchant, at: dt.datetime) -> ImportJob:
    """Read the file and stage its orders; where the posting stands is not touched."""
    assert job.at is not None
    source = hold.open_source(job)
    checked = check_file(source, merchant=merchant, channel=job.channel, columns=job.columns, at=job.at)
    rejects.note(job, "check", checked.reasons)
    with transaction.atomic():
        job = hold.mine(job)
        staging.stage(checked, import_id=job.pk, merchant_id=job.merchant_id, channel=job.channel)
        _count(job, checked)
        job.save()
        leases.keep(job)
    return job


def post(job: ImportJob, actor: Actor, ahead: Ahead) -> None:
    """Post the next chunk of a locked import and move its position. In the caller's transaction."""
    assert job.at is not None
    with no_collection():
        staged = ahead.take(job.position)
        if not staged:
            raise hold.Stopped  # the staging table was emptied under us: the next worker stages again
        done, count = posting.post_chunk(job.merchant_id, staged, actor=actor), len(staged)
        del staged  # else the first collection would look at all of it
    rejects.note(job, f"posted-{job.position:012d}", done.reasons)
    job.position += count
    job.created += done.created
    job.changed += done.changed
    job.unchanged += done.unchanged
    job.lines += done.lines
    job.refunds += done.refunds
    job.members_created += done.members_created
    job.rejected += len(done.reasons)
    job.attempts = 0
    job.save()
    leases.keep(job)


def _count(job: ImportJob, checked: Checked) -> None:
    """Counters of the whole file. `rejected` starts from what the check left out."""
    job.rows = checked.rows
    if not job.position:
        job.rejected = len(checked.reasons)
    job.total_orders = checked.orders
    job.notes = checked.notes


KIND = Orders()
