"""Writing the audit log: in the transaction of the change, by the service that makes it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec

import structlog
from django.db import connection

from members.lib import prepared
from members.models import PlatformAuditRow, User

_P = ParamSpec("_P")
_COLUMNS = (
    "merchant_id", "at", "actor_kind", "actor_id", "actor_label", "action", "subject_kind", "subject_id",
    "subject_label", "before", "after", "reason", "request_id",
)  # fmt: skip
_CAST = {"at": "timestamptz", "actor_id": "bigint", "before": "jsonb", "after": "jsonb"}


def insert(*, prefix: str = "", source: str | None = None) -> str:
    """The statement that inserts a `row`, its parameters named with a prefix; once for each row of `source`."""
    values = ", ".join(
        f"%({prefix}{name})s" + (f"::{_CAST[name]}" if name in _CAST else "") for name in _COLUMNS
    )
    return (
        f"insert into members_auditrow ({', '.join(_COLUMNS)}) select {values}"
        + (f" from {source}" if source else "")
        + " returning id"
    )


# Nearly every act of a till or a shop system leaves a row.
RECORD = insert()


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


def row(
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
) -> dict[str, Any]:
    """One audit row, by column. `subject` is (kind, id); `action` like "benefit.published"; values are JSON-ready."""
    return {
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


def _recording(make: Callable[_P, dict[str, Any]]) -> Callable[_P, None]:
    def recorded(*args: _P.args, **values: _P.kwargs) -> None:
        """Write one audit row; the values are `row`'s."""
        prepared.fetch_one(RECORD, make(*args, **values))

    return recorded


record = _recording(row)


def record_many(rows: Iterable[dict[str, Any]]) -> None:
    """Write many audit rows, each made by `row`, without waiting for each."""
    with connection.cursor() as cursor:
        cursor.executemany(RECORD, list(rows))


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
