"""The life of an export: asked for, cancelled, fetched by a signed link for three days, then gone."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core import signing
from django.db import transaction
from django.db.models import Q
from django.utils.crypto import constant_time_compare
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from members.lib import queue
from members.lib.refusals import Conflict, Invalid, NotFound
from members.models import Export, ExportFormat, ExportKind, Merchant, Role, WorkState
from members.models.worked import WORKED
from members.services import audit, chunked, leases
from members.services.audit import Actor
from members.services.exports import kinds, storage

log = logging.getLogger(__name__)
TASK = "members.export"
KEPT = dt.timedelta(hours=72)
MOST_OPEN = 5
CLEAR_ROLES = frozenset({Role.OWNER, Role.MANAGER})
MASKED_ROLES = CLEAR_ROLES | {Role.OPERATOR, Role.ANALYST}
_signer = signing.Signer(salt="members.exports")


@transaction.atomic
def create(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    role: str,
    kind: ExportKind,
    file_format: str,
    filters: Mapping[str, Any],
    is_clear: bool = False,
    reason: str = "",
    label: str = "",
    once: str = "",
) -> Export:
    """Have a file written. `once` makes a repeated request harmless: the export begun before comes back. `label` says
    which one it is of its kind, as a segment's name.

    Names and phones are masked unless `is_clear`, which owners and managers may ask for with a reason. Also a closed
    program's data can be had. Raises Invalid (a format, a reason that lacks, a role that may not, a filter by
    what is not there), Conflict (too many on their way).
    """
    if file_format not in ExportFormat.values:
        raise Invalid.on("format", _("Choose CSV or Excel."))
    if role not in (CLEAR_ROLES if is_clear else MASKED_ROLES) or (
        is_clear and not kinds.of(kind).may_be_clear
    ):
        raise Invalid.on("is_clear", _("Whole phone numbers are exported by owners and managers."))
    if is_clear and not reason.strip():
        raise Invalid.on(
            "reason", _("Say why you need whole phone numbers; the reason goes into the audit log.")
        )
    rows = Export.objects.of(merchant_id)
    if once and (known := rows.filter(public_id=once).first()):
        return known
    if rows.filter(state__in=WORKED).count() >= MOST_OPEN:
        raise Conflict(_("%(most)s exports are on their way. Wait until one is done.") % {"most": MOST_OPEN})
    kinds.of(kind).check(Merchant.objects.get(pk=merchant_id), filters, at)
    job = Export(
        merchant_id=merchant_id,
        kind=kind,
        label=label[:80],
        format=file_format,
        filters=kinds.sealed(merchant_id, filters),
        is_clear=is_clear,
        reason=reason.strip()[:200],
        by_id=actor.user_id,
        by_label=actor.label[:120],
        language=get_language() or "",
        created_at=at,
        **({"public_id": once} if once else {}),
    )
    job.save(force_insert=True)
    record(job, at, actor, "export.started")
    queue.enqueue(TASK, merchant_id=merchant_id, job_id=job.pk)
    return job


@transaction.atomic
def cancel(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor, role: str) -> Export:
    """Stop it and remove what is written; again is a no-op. Raises NotFound, Invalid (a role that may not have it)."""
    job = leases.lock(Export, merchant_id=merchant_id, public_id=public_id)
    if not may_fetch(job, role):
        raise Invalid(_("Whole phone numbers are exported by owners and managers."))
    if chunked.stop(job, at):
        let_go(job)
        record(job, at, actor, "export.cancelled")
    return job


def let_go(job: Export) -> None:
    """Forget what a locked export that gave no file searched for, and wrote. In the caller's transaction."""
    job.filters = {}
    job.save(update_fields=["filters"])
    transaction.on_commit(lambda: storage.forget(job))


def token(job: Export) -> str:
    """What the link to a file carries: it fits this export of this shop alone."""
    return _signer.sign(f"{job.merchant_id}:{job.public_id}:{job.expires_at}").rpartition(":")[2]


def may_fetch(job: Export, role: str) -> bool:
    """Whether a role may have this file."""
    return role in (CLEAR_ROLES if job.is_clear else MASKED_ROLES)


@transaction.atomic
def take(
    *, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor, role: str, key: str
) -> tuple[Export, Path]:
    """The file, on record. Raises NotFound (no such file, another's link, one whose time is over), Invalid (role)."""
    job = Export.objects.of(merchant_id).filter(public_id=public_id, state=WorkState.DONE).first()
    if job is None or not job.stored_as or job.expires_at is None or job.expires_at <= at:
        raise NotFound(_("This file is no longer here. Files are kept for 72 hours."))
    if not constant_time_compare(key, token(job)) or not storage.file(job).exists():
        raise NotFound(_("This file is no longer here. Files are kept for 72 hours."))
    if not may_fetch(job, role):
        raise Invalid(_("Whole phone numbers are exported by owners and managers."))
    record(job, at, actor, "export.downloaded")
    return job, storage.file(job)


def clear(*, at: dt.datetime) -> int:
    """Remove the files whose time is over, and what others left; how many. Works as platform, once a day; idempotent.

    A row forgets its file only when that is gone, and whom it was about with it.
    """
    gone = 0
    with transaction.atomic():
        due = list(Export.objects.filter(expires_at__lte=at).exclude(stored_as="").order_by("pk")[:10_000])
    for job in due:
        if not storage.forget(job):
            log.warning("the files of export %s could not be removed", job.pk)
            continue
        with transaction.atomic():
            gone += Export.objects.of(job.merchant_id).filter(pk=job.pk).update(stored_as="", filters={})
    with transaction.atomic():
        ended = Export.objects.filter(stored_as="").exclude(state__in=WORKED)
        ended.exclude(filters={}).update(filters={})
    return gone + _sweep(at)


def _sweep(at: dt.datetime) -> int:
    """Remove the folders that no export needs, as of one that failed while its worker died; how many."""
    gone = 0
    for merchant_id, folders in storage.kept():
        with transaction.atomic():
            rows = Export.objects.of(merchant_id)
            needed = rows.filter(Q(state__in=WORKED) | Q(state=WorkState.DONE, expires_at__gt=at))
            ids = set(needed.filter(public_id__in=list(folders)).values_list("public_id", flat=True))
        gone += sum(storage.remove(path) for public_id, path in folders.items() if public_id not in ids)
    return gone


def record(job: Export, at: dt.datetime, actor: Actor, action: str, **more: object) -> None:
    """Keep who did what with an export, in the caller's transaction."""
    audit.record(
        merchant_id=job.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("export", job.public_id),
        label=job.get_kind_display(),
        after={"kind": job.kind, "format": job.format, "whole": job.is_clear, **more},
        reason=job.reason,
    )
