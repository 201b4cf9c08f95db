"""Writing the audit log: in the transaction of the change, by the service that makes it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from members.lib import prepared
from members.models import PlatformAuditRow, User

# Nearly every act of a till or a shop system leaves a row.
RECORD = """
insert into members_auditrow (merchant_id, at, actor_kind, actor_id, actor_label, action, subject_kind, subject_id,
    subject_label, before, after, reason, request_id)
values (%(merchant_id)s, %(at)s, %(actor_kind)s, %(actor_id)s, %(actor_label)s, %(action)s, %(subject_kind)s,
    %(subject_id)s, %(subject_label)s, %(before)s::jsonb, %(after)s::jsonb, %(reason)s, %(request_id)s)
returning id
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a person, an API key, the platform, or a job."""

    kind: str  # user | api_key | platform | job
    label: str
    user_id: int | None = None

    @classmethod
    def person(cls, user: User) -> Actor:
        """A merchant's staff member."""
        return cls("user", str(user), user.pk)

    @classmethod
    def admin(cls, user: User) -> Actor:
        """A platform admin."""
        return cls("platform", str(user), user.pk)

    @classmethod
    def key(cls, name: str) -> Actor:
        """An API key, by its name."""
        return cls("api_key", name)

    @classmethod
    def job(cls, name: str) -> Actor:
        """A scheduled job or a script."""
        return cls("job", name)


def record(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    action: str,
    subject: tuple[str, Any],
    label: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> None:
    """Write one audit row. `subject` is (kind, id); `action` like "benefit.published"; values are JSON-ready."""
    row = {
        "merchant_id": merchant_id,
        "at": at,
        "actor_kind": actor.kind,
        "actor_id": actor.user_id,
        "actor_label": actor.label[:120],
        "action": action,
        "subject_kind": subject[0],
        "subject_id": str(subject[1]),
        "subject_label": label[:160],
        "before": None if before is None else json.dumps(before),
        "after": None if after is None else json.dumps(after),
        "reason": reason[:500],
        "request_id": str(structlog.contextvars.get_contextvars().get("request_id", ""))[:48],
    }
    prepared.fetch_one(RECORD, row)


def record_for_platform(
    *,
    at: dt.datetime,
    actor: Actor,
    action: str,
    subject: tuple[str, Any],
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> None:
    """Write one audit row of the platform's own doings (policies, runs)."""
    PlatformAuditRow.objects.create(
        at=at,
        actor_id=actor.user_id,
        actor_label=actor.label[:120],
        action=action,
        subject_kind=subject[0],
        subject_id=str(subject[1]),
        before=before,
        after=after,
        reason=reason[:500],
    )
