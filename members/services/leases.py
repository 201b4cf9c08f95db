"""Work in chunks, by one worker at a time: a lease on its row, kept by the database's clock.

The lease is courtesy: each chunk locks the row and moves its position in the same transaction, so two workers could
double nothing. A worker that died on this machine is seen to be dead, so that its work goes on at once. Each taking
is counted until a chunk has committed, so that what breaks off again and again at one place is given up.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from members.lib import queue
from members.lib.refusals import NotFound
from members.models.worked import LeasedModel

LEASE = "120 seconds"
MOST_ATTEMPTS = 8
Job = TypeVar("Job", bound=LeasedModel)


def worker_name() -> str:
    """This process at this work: host, process and a random part."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"


def is_dead(worker: str) -> bool:
    """Whether the worker was a process of this machine that is no more."""
    host, _colon, rest = worker.partition(":")
    if host != socket.gethostname()[:60]:
        return False
    try:
        os.kill(int(rest.partition(":")[0]), 0)
    except (ProcessLookupError, ValueError):
        return True
    except PermissionError:
        return False
    return False


def lock(model: type[Job], *, merchant_id: int, public_id: str = "", pk: int | None = None) -> Job:
    """The row, locked until the transaction ends. Raises NotFound."""
    rows = model.objects.of(merchant_id).select_for_update()
    job: Job | None = rows.filter(pk=pk).first() if pk else rows.filter(public_id=public_id).first()
    if job is None:
        raise NotFound(_("There is no such job."))
    return job


@transaction.atomic
def claim(model: type[Job], *, merchant_id: int, pk: int, worker: str = "") -> Job | None:
    """Take the work for this process (or the worker named); None when another has it or nothing is to be done."""
    job = lock(model, merchant_id=merchant_id, pk=pk)
    if not job.is_worked:
        return None
    with connection.cursor() as cursor:
        # The table is a model's own, never from outside.
        cursor.execute(
            f"update {model._meta.db_table} set worker = %s, leased_until = clock_timestamp() + %s::interval, "
            "attempts = attempts + 1 "
            "where merchant_id = %s and id = %s and (leased_until is null or leased_until < clock_timestamp() or %s)",
            [worker or worker_name(), LEASE, merchant_id, pk, is_dead(job.worker)],
        )
        if not cursor.rowcount:
            return None
    job.refresh_from_db()
    return job


def held(model: type[Job], job: Job) -> Job | None:
    """The row, locked and its lease renewed; None when it was cancelled or is another worker's now.

    The attempts begin anew once the caller's transaction has committed: it got on.
    """
    found = lock(model, merchant_id=job.merchant_id, pk=job.pk)
    if not found.is_worked or found.worker != job.worker:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            f"update {model._meta.db_table} set leased_until = clock_timestamp() + %s::interval, attempts = 0 "
            "where merchant_id = %s and id = %s",
            [LEASE, job.merchant_id, job.pk],
        )
    return found


def keep(job: LeasedModel) -> None:
    """Keep the lease. In the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"update {job._meta.db_table} set leased_until = clock_timestamp() + %s::interval "
            "where merchant_id = %s and id = %s and worker = %s",
            [LEASE, job.merchant_id, job.pk, job.worker],
        )


def is_spent(job: LeasedModel) -> bool:
    """Whether claimed work broke off so often at the same place that it is to be given up."""
    return job.attempts > MOST_ATTEMPTS


@transaction.atomic
def renew(model: type[Job], job: Job) -> Job | None:
    """Keep the lease in a transaction of its own, for work that stands in none; None when it is no longer ours."""
    return held(model, job)


@contextmanager
def beside(model: type[Job], job: Job) -> Iterator[Callable[[], bool]]:
    """What keeps the lease while the caller's transaction reads on: whether it is still ours.

    Over a connection of its own, opened when first called: the caller's would hold the row's lock and tell nobody.
    """
    # The table is a model's own, never from outside.
    renewing = (
        f"update {model._meta.db_table} set leased_until = clock_timestamp() + %s::interval "
        "where merchant_id = %s and id = %s and worker = %s and state = any(%s)"
    )
    values = [LEASE, job.merchant_id, job.pk, job.worker, [str(state) for state in model.worked_states]]
    other: Any = connection.copy()

    def keep() -> bool:
        other.set_autocommit(False)  # as a transaction of the scope in force
        try:
            with other.cursor() as cursor:
                cursor.execute(renewing, values)
                is_ours = bool(cursor.rowcount)
            other.commit()
        except BaseException:
            other.rollback()
            raise
        finally:
            other.set_autocommit(True)
        return is_ours

    try:
        yield keep
    finally:
        other.close()


@transaction.atomic
def release(model: type[Job], job: Job) -> None:
    """Give the work back, so that it can go on at once elsewhere."""
    mine = model.objects.of(job.merchant_id).filter(pk=job.pk, worker=job.worker)
    mine.update(worker="", leased_until=None)


def untended(model: type[Job]) -> QuerySet[Job]:
    """The work that nobody is at, in order of age."""
    lapsed = Q(leased_until=None) | Q(leased_until__lt=Now())
    rows: QuerySet[Any] = model._default_manager.filter(lapsed)
    return rows.filter(state__in=[str(each) for each in model.worked_states]).order_by("pk")


@transaction.atomic
def requeue(model: type[Job], task: str, *, resting: Q | None = None) -> int:
    """Send the tasks of what nobody works on, but for what is resting; called every minute as the platform. How many
    were sent."""
    rows = untended(model) if resting is None else untended(model).exclude(resting)
    waiting = list(rows.values_list("merchant_id", "pk"))
    for merchant_id, pk in waiting:
        queue.enqueue(task, merchant_id=merchant_id, job_id=pk)
    return len(waiting)
