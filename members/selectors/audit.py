"""Reading the audit log."""

from __future__ import annotations

import datetime as dt

from django.db.models import Q

from members.models import AuditRow, TenantQuerySet


def rows(
    *,
    merchant_id: int,
    actor_kind: str = "",
    topic: str = "",
    text: str = "",
    from_at: dt.datetime | None = None,
    to_at: dt.datetime | None = None,
) -> TenantQuerySet:
    """A merchant's audit rows, newest first. `topic` is what an action begins with ("benefit"); `[from_at, to_at)`."""
    found = AuditRow.objects.of(merchant_id)
    if actor_kind:
        found = found.filter(actor_kind=actor_kind)
    if topic:
        found = found.filter(action__startswith=f"{topic}.")
    if text:
        found = found.filter(
            Q(actor_label__icontains=text)
            | Q(subject_label__icontains=text)
            | Q(subject_id=text)
            | Q(reason__icontains=text)
        )
    if from_at is not None:
        found = found.filter(at__gte=from_at)
    if to_at is not None:
        found = found.filter(at__lt=to_at)
    return found.order_by("-at", "-id")
