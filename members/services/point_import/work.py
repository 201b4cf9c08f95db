"""What is done of an import of points: its check, its run. The life around them is `order_import`'s."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict

from django.db import transaction
from django.utils.translation import gettext as _

from members.lib.collection import no_collection
from members.lib.refusals import Invalid
from members.models import ImportJob, ImportKind, ImportState, Merchant
from members.services.audit import Actor
from members.services.order_import import jobs, reading, rejects
from members.services.order_import import work as working
from members.services.order_import.columns import FIELDS_OF, Columns
from members.services.point_import import checking, posting, undo
from members.services.point_import.preview import foresee

CHUNK = 5_000
MOST_ROWS = 1_000_000


def check_file(
    source: reading.Source, *, merchant: Merchant, channel: str, columns: dict[str, str], at: dt.datetime
) -> checking.Checked:
    """Read and check a whole file whose columns are known. Raises Invalid."""
    places = {
        name: source.headers.index(header) for name, header in columns.items() if header in source.headers
    }
    required = FIELDS_OF[ImportKind.POINTS].required
    Columns(places, [], [name for name in required if name not in places]).require(source.headers)
    sheet = reading.read(source, places)
    if sheet.rows > MOST_ROWS:
        raise Invalid(
            _("The file has %(rows)s rows; a file of points may have %(most)s. Split it.")
            % {"rows": sheet.rows, "most": MOST_ROWS}
        )
    return checking.check(sheet, zone=merchant.zone, channel=channel, at=at)


def check(job: ImportJob, merchant: Merchant, at: dt.datetime) -> None:
    """Look at the whole file and say what would come of it; changes nothing but the import's own row."""
    with transaction.atomic():
        working.mine(job)
        ImportJob.objects.of(job.merchant_id).filter(pk=job.pk).update(state=ImportState.CHECKING)
    source = working.open_source(job)
    checked = check_file(source, merchant=merchant, channel=job.channel, columns=job.columns, at=at)
    with transaction.atomic():
        found, more = foresee(job, merchant, checked, at)
        reasons = dict(sorted((checked.reasons | more).items()))
        rejects.note(job, "check", reasons)
        job = working.mine(job)
        working.put_rejects(job, source)
        job.rows, job.rejected, job.total_orders = checked.rows, len(reasons), len(checked.credits)
        job.people, job.preview = found.members, asdict(found)
        job.state = ImportState.CHECKED
        job.save()


def run(job: ImportJob, merchant: Merchant, at: dt.datetime, tell: working.Progress, chunk: int) -> None:
    """Credit what is not credited yet, chunk by chunk from where it stands, then put the rejects together.

    The file says the same each time it is read at the import's instant, so nothing is staged.
    """
    assert job.at is not None
    source = working.open_source(job)
    checked = check_file(source, merchant=merchant, channel=job.channel, columns=job.columns, at=job.at)
    rejects.note(job, "check", checked.reasons)
    with transaction.atomic():
        job = working.mine(job)
        if not job.position:
            job.rows, job.rejected, job.total_orders = (
                checked.rows,
                len(checked.reasons),
                len(checked.credits),
            )
            job.save()
    tell(job)
    while job.position < len(checked.credits):
        with no_collection(), transaction.atomic():
            jobs.flush_later()
            job = working.mine(job)
            _post(job, merchant, checked.credits[job.position : job.position + chunk])
        tell(job)
    with transaction.atomic():
        job = working.mine(job)
        if rejects.noted(job):
            working.put_rejects(job, source)
        jobs.end(job, ImportState.DONE, at)


def _post(job: ImportJob, merchant: Merchant, wanted: list[checking.Credit]) -> None:
    """Credit one chunk and move the import's position, in one transaction."""
    assert job.at is not None
    actor = Actor("user" if job.by_id else "job", job.by_label or "import", job.by_id)
    done = posting.post_chunk(job, merchant, wanted, actor, job.at)
    rejects.note(job, f"posted-{job.position:012d}", done.reasons)
    job.position += len(wanted)
    job.created += done.created
    job.points += done.points
    job.unchanged += done.unchanged
    job.rejected += len(done.reasons)
    job.attempts = 0
    if done.first is not None:
        job.requests = {"first": job.requests.get("first", done.first), "last": done.last}
    job.save()
    jobs.renew(job)


POINTS = working.Steps(check, run, undo.work)
