"""Support visits: a platform admin looks at a merchant's console, read only, and the merchant's log says so.

A visit has a written reason and half an hour. Every page looked at, and every write that was refused, leaves a row in
the merchant's audit log; who it was, when and why stands in each.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext_lazy as _
from psycopg.errors import ReadOnlySqlTransaction

from members.lib.refusals import Invalid, NotFound
from members.models import Merchant, SupportVisit
from members.services import audit
from members.services.audit import Actor

LENGTH = dt.timedelta(minutes=30)
LONGEST_REASON = 500
PERMISSION = "members.add_supportvisit"


@transaction.atomic
def begin(*, merchant_id: int, at: dt.datetime, actor: Actor, reason: str) -> SupportVisit:
    """Let an admin look at a merchant's console for half an hour. Works as platform. Raises NotFound, Invalid."""
    reason = reason.strip()
    merchant = Merchant.objects.filter(pk=merchant_id).first()
    if merchant is None:
        raise NotFound(_("There is no such merchant."))
    if not reason or len(reason) > LONGEST_REASON:
        problem = _("Say in at most %(most)s characters why you look; the merchant reads it.")
        raise Invalid.on("reason", problem % {"most": LONGEST_REASON})
    assert actor.user_id is not None  # an admin, not a job
    visit = SupportVisit.objects.create(
        merchant=merchant, by_id=actor.user_id, reason=reason, from_at=at, until_at=at + LENGTH
    )
    until = visit.until_at.astimezone(merchant.zone).isoformat(sep=" ", timespec="minutes")
    _record(visit, at, actor, "support.begun", after={"until": until})
    return visit


@transaction.atomic
def end(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> SupportVisit | None:
    """End a visit of this admin before its time; None when there is none that still runs. Works as platform."""
    rows = SupportVisit.objects.of(merchant_id).select_for_update(of=("self",)).select_related("merchant")
    visit: SupportVisit | None = rows.filter(public_id=public_id, by_id=actor.user_id, ended_at=None).first()
    if visit is None or visit.until_at <= at:
        return None
    visit.ended_at = at
    visit.save(update_fields=["ended_at"])
    _record(visit, at, actor, "support.ended")
    return visit


def note_page(*, visit: SupportVisit, at: dt.datetime, actor: Actor, path: str) -> None:
    """A page of the console is shown: its address without what was asked for, which may name people."""
    _record(visit, at, actor, "support.viewed", label=path)


def note_refusal(*, visit: SupportVisit, at: dt.datetime, actor: Actor, path: str) -> None:
    """A write, a file or a page that writes was asked for and refused."""
    _record(visit, at, actor, "support.refused", label=path)


def _record(
    visit: SupportVisit,
    at: dt.datetime,
    actor: Actor,
    action: str,
    label: str = "",
    after: dict[str, str] | None = None,
) -> None:
    audit.record(
        merchant_id=visit.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("support", visit.public_id),
        label=label,
        after=after,
        reason=visit.reason,
    )


@contextmanager
def read_only() -> Iterator[None]:
    """The database refuses every write within, whoever asks. Inside a transaction, which may write again after it."""
    with transaction.atomic(), connection.cursor() as cursor:
        # The end of the savepoint gives the transaction back what it might do before.
        cursor.execute("set transaction read only")
        yield


def is_refused_write(error: BaseException) -> bool:
    """Whether the database refused something because of `read_only`."""
    return isinstance(error, DatabaseError) and isinstance(error.__cause__, ReadOnlySqlTransaction)
