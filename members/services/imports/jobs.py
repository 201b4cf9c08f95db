"""The life of an import: handed in, started, cancelled, claimed by one worker at a time, picked up again.

A claim is a lease (`members.services.leases`) renewed with every chunk, which is posted under the lock of the import's
row and says in the same transaction where the next one begins, so two workers could double nothing.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Mapping
from typing import IO

from django.db import IntegrityError, connection, transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from members.lib import queue
from members.lib.fields import opaque_id
from members.lib.refusals import Conflict, NotFound
from members.models import ColumnName, ImportJob, ImportKind, ImportState
from members.models.imports import OPEN_STATES
from members.services import audit, leases
from members.services.audit import Actor
from members.services.imports import columns as recognising
from members.services.imports import kinds, reading, storage
from members.services.member_lists import check_channel

KEPT_UNSTARTED = dt.timedelta(days=7)


def create(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    content: IO[bytes],
    file_name: str,
    channel: str,
    kind: ImportKind = ImportKind.ORDERS,
    declared_source: str = "",
    columns: Mapping[str, str] | None = None,
    starts_itself: bool = False,
) -> tuple[ImportJob, bool]:
    """Take a file in: keep it, look at its first line, queue its check. (the import, whether it is new).

    A file that is on its way already gives that import. `columns` is field -> header where names do not tell.
    Raises Invalid (channel, kind of file, encoding, missing columns, a source that the kind needs), ProgramNotOpen and
    ProgramCleared (only for files that make members).
    """
    check_channel(channel)
    with transaction.atomic():
        kinds.of(kind).check_handing_in(merchant_id=merchant_id, declared_source=declared_source)
    public_id = opaque_id(16)
    path = storage.folder(merchant_id, public_id) / storage.ORIGINAL
    try:
        sha256, size = storage.keep(content, path)
        source = reading.look(path)
        found = recognise(merchant_id=merchant_id, kind=kind, headers=source.headers, given=columns)
        if starts_itself:
            found.require(source.headers)
        job = ImportJob(
            merchant_id=merchant_id,
            kind=kind,
            public_id=public_id,
            file_name=os.path.basename(file_name)[:200] or storage.ORIGINAL,
            stored_as=storage.below(path),
            sha256=sha256,
            size=size,
            channel=channel,
            declared_source=declared_source[:200],
            columns={name: source.headers[place] for name, place in found.places.items()},
            headers=source.headers,
            encoding=source.encoding,
            starts_itself=starts_itself,
            by_id=actor.user_id,
            by_label=actor.label[:120],
            language=get_language() or "",
            created_at=at,
        )
        return _insert(job, actor)
    except BaseException:
        shutil.rmtree(path.parent, ignore_errors=True)
        raise


def _insert(job: ImportJob, actor: Actor) -> tuple[ImportJob, bool]:
    open_ones = ImportJob.objects.of(job.merchant_id).filter(
        kind=job.kind, sha256=job.sha256, state__in=OPEN_STATES
    )
    try:
        with transaction.atomic():
            known = open_ones.first()
            if known is None:
                job.save(force_insert=True)
                record(job, job.created_at, actor, "import.uploaded")
                wake(job)
                return job, True
    except IntegrityError:  # the same file at the same moment
        with transaction.atomic():
            known = open_ones.first()
        if known is None:
            raise
    shutil.rmtree(storage.original(job).parent, ignore_errors=True)
    with transaction.atomic():  # a person asks for it again: it may try again
        ImportJob.objects.of(job.merchant_id).filter(pk=known.pk).update(attempts=0)
    return known, False


def recognise(
    *,
    merchant_id: int,
    headers: list[str],
    kind: ImportKind = ImportKind.ORDERS,
    given: Mapping[str, str] | None = None,
) -> recognising.Columns:
    """Which column is which field, by this merchant's saved names too."""
    with transaction.atomic():
        names = ColumnName.objects.of(merchant_id).filter(kind=kind)
        saved = dict(names.values_list("header", "field"))
    return recognising.recognise(headers, kinds.of(kind).fields, saved=saved, given=given)


@transaction.atomic
def map_columns(
    *, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor, columns: Mapping[str, str]
) -> ImportJob:
    """Say which column is which field (field -> header, "" for none), keep the names, and check again."""
    job = lock(merchant_id=merchant_id, public_id=public_id)
    if job.state not in (ImportState.QUEUED, ImportState.CHECKED, ImportState.FAILED) or job.position:
        raise Conflict(_("The columns cannot be changed once the import runs."))
    others = ImportJob.objects.of(merchant_id).filter(kind=job.kind, sha256=job.sha256, state__in=OPEN_STATES)
    if others.exclude(pk=job.pk).exists():
        raise Conflict(_("This file is on its way in another import."))
    given = {name: header for name, header in columns.items() if header}
    fields = kinds.of(job.kind).fields
    recognising.recognise(job.headers, fields, given=given)
    fields.places(job.headers, given)
    for name, header in given.items():
        ColumnName.objects.update_or_create(
            merchant_id=merchant_id, kind=job.kind, header=header[:100], defaults={"field": name}
        )
    job.columns = given
    job.state, job.failure, job.preview, job.attempts = ImportState.QUEUED, "", {}, 0
    job.save(update_fields=["columns", "state", "failure", "preview", "attempts"])
    record(job, at, actor, "import.mapped")
    wake(job)
    return job


@transaction.atomic
def start(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> ImportJob:
    """Start a checked import; starting again is a no-op. All its orders arrive at `at`. Raises Conflict, NotFound."""
    job = lock(merchant_id=merchant_id, public_id=public_id)
    if job.state in (ImportState.RUNNING, ImportState.DONE):
        return job
    if job.state != ImportState.CHECKED:
        raise Conflict(_("Only a checked import can be started."))
    kinds.of(job.kind).check_start(job, at, actor)
    begin(job, at)
    record(job, at, actor, "import.started")
    wake(job)
    return job


def begin(job: ImportJob, at: dt.datetime) -> None:
    """Set a locked import running from `at`."""
    job.state, job.at, job.attempts = ImportState.RUNNING, at, 0
    job.save(update_fields=["state", "at", "attempts"])


@transaction.atomic
def cancel(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> ImportJob:
    """Cancel: at once what nobody works on, else after the chunk at hand. What is posted stays."""
    job = lock(merchant_id=merchant_id, public_id=public_id)
    if not job.is_open:
        return job
    job.cancel_asked = True
    job.save(update_fields=["cancel_asked"])
    record(job, at, actor, "import.cancelled")
    if job.state in (ImportState.QUEUED, ImportState.CHECKED) and not job.worker:
        end(job, ImportState.CANCELLED, at)
    else:
        wake(job)
    return job


def end(job: ImportJob, state: ImportState, at: dt.datetime, failure: str = "") -> None:
    """The last word of a locked import. In the caller's transaction; the file goes once that has committed."""
    job.state, job.finished_at, job.failure = state, at, failure
    job.worker, job.leased_until = "", None
    job.save(update_fields=["state", "finished_at", "failure", "worker", "leased_until", "rejects_as"])
    kinds.of(job.kind).ended(job)
    if state != ImportState.FAILED:
        transaction.on_commit(lambda: storage.forget_original(job))


def lock(*, merchant_id: int, public_id: str = "", import_id: int | None = None) -> ImportJob:
    """The import's row, locked until the transaction ends. Raises NotFound."""
    rows = ImportJob.objects.of(merchant_id).select_for_update()
    job = rows.filter(pk=import_id).first() if import_id else rows.filter(public_id=public_id).first()
    if job is None:
        raise NotFound(_("There is no such import."))
    return job


def flush_later() -> None:
    """Let this transaction's commit not wait for the disk: the import's last commit waits for all of them, and a
    crash before it loses a chunk and its position alike."""
    with connection.cursor() as cursor:
        cursor.execute("set local synchronous_commit = off")


def requeue_imports(*, at: dt.datetime) -> int:
    """Send the tasks of imports that nobody works on; called every minute as the platform. How many were sent.

    Imports checked and not started within a week are cancelled, so that files naming people do not lie about.
    """
    with transaction.atomic():
        waiting = list(leases.untended(ImportJob))
        for job in waiting:
            wake(job)
        old = ImportJob.objects.filter(state=ImportState.CHECKED, created_at__lt=at - KEPT_UNSTARTED)
        for job in old.select_for_update(skip_locked=True):
            end(job, ImportState.CANCELLED, at)
    return len(waiting)


def wake(job: ImportJob) -> None:
    """Tell a worker that there is something to do."""
    queue.enqueue(kinds.of(job.kind).task, merchant_id=job.merchant_id, import_id=job.pk)


def record(job: ImportJob, at: dt.datetime, actor: Actor, action: str, **more: object) -> None:
    """Keep who did what with an import, in the caller's transaction."""
    after = {"file": job.file_name, "channel": job.channel, "declared_source": job.declared_source, **more}
    if job.kind != ImportKind.ORDERS:
        after["kind"] = job.kind
    audit.record(
        merchant_id=job.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("import", job.public_id),
        label=job.file_name,
        after=after,
    )
