"""Keeping the stored standings true: those that fell due, whose coverage changed, or that an older policy judged.

Everything is idempotent and works as platform. A refresh for a job due at `at` knows only what was done before it;
it may also take a standing back to an earlier instant, when a run is made up or resumed after later jobs have run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from django.db import connection, transaction

from compliance.selectors import facts, policies
from compliance.selectors.facts import Facts, Ground
from compliance.selectors.judging import LAST

BATCH = 2000
LOCK = 0x7374  # a run's chunk holds it shared while it decides, a refresh outside of runs alone

COLUMNS: dict[str, str] = {
    "merchant_id": "bigint",
    "opened_at": "timestamptz",
    "episode_began_at": "timestamptz",
    "danger_at": "timestamptz",
    "safe_again_at": "timestamptz",
    "uncovered_since": "timestamptz",
    "warned_at": "timestamptz",
    "last_warned_at": "timestamptz",
    "protected_until": "timestamptz",
    "restored_until": "timestamptz",
    "exempt_until": "timestamptz",
    "appeal_filed_at": "timestamptz",
    "refreshed_at": "timestamptz",
    "due_at": "timestamptz",
    "first_opened_on": "date",
    "run_on": "date",
    "policy_number": "integer",
    "in_force": "boolean",
    "cover_shape": "text",
    "cover_from": "timestamptz",
    "cover_to": "timestamptz",
    "configured_at": "timestamptz",
    "configured_force": "timestamptz",
}
UPSERT = (
    f"insert into compliance_standing ({', '.join(COLUMNS)}) "
    f"select * from unnest({', '.join(f'%s::{kind}[]' for kind in COLUMNS.values())}) "
    "on conflict (merchant_id) do update set "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name != "merchant_id")
)

RANGE = "merchant_id between %(first_id)s and %(last_id)s"
STALE = f"""
select merchant_id from compliance_standing where due_at <= %(at)s and {RANGE}
union select merchant_id from compliance_standing where refreshed_at > %(at)s and {RANGE}
union select merchant_id from compliance_standing where policy_number < %(newest)s and {RANGE}
union select merchant_id from compliance_standing where policy_number > %(newest)s and {RANGE}
union select d.merchant_id from benefits_coveragedue d join compliance_standing s using (merchant_id)
    where d.changed_at < %(at)s and d.{RANGE}
{{more}}
order by merchant_id limit %(limit)s
"""
PASSED = f"union select merchant_id from compliance_standing where run_on < %(today)s and {RANGE}"


def mark_due(*, merchant_id: int, at: dt.datetime) -> None:
    """Have a program's standing looked at by the next job: it was opened, or something about it changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into compliance_standing as s (merchant_id, due_at, policy_number, in_force) "
            "values (%s, %s, 0, false) "
            "on conflict (merchant_id) do update set due_at = least(s.due_at, excluded.due_at)",
            [merchant_id, at],
        )


def stale(
    *,
    at: dt.datetime,
    newest: int,
    first_id: int = 0,
    last_id: int = LAST,
    today: dt.date | None = None,
    limit: int | None = None,
) -> list[int]:
    """The merchants whose standing is not the one of instant `at` under policy versions up to `newest`, ascending.

    first_id, last_id: look in this range only. today: also those whose threatening run has passed.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            STALE.format(more=PASSED if today else ""),
            {
                "at": at,
                "newest": newest,
                "first_id": first_id,
                "last_id": last_id,
                "today": today,
                "limit": limit,
            },
        )
        return [row[0] for row in cursor.fetchall()]


def refresh(merchant_ids: Sequence[int], *, ground: Ground, at: dt.datetime, consume: bool = True) -> None:
    """Compute and store the standings of some merchants as a job due at `at` knows them. Inside a transaction.

    consume: forget the due rows that benefits left for them. A change made at or after `at` is not lost by it: the
    standing falls due when that change was made.
    """
    ids = sorted(merchant_ids)
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        if consume:
            with connection.cursor() as cursor:
                cursor.execute("delete from benefits_coveragedue where merchant_id = any(%s)", [batch])
        store(facts.load(batch, ground=ground, at=at, before=at))


def store(found: Collection[Facts]) -> None:
    """Write the standings of some facts, in one statement."""
    if not found:
        return
    rows = [_values(each) for each in found]
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, [[row[name] for row in rows] for name in COLUMNS])


def _values(each: Facts) -> dict[str, Any]:
    found, run, warned, line = each.assessment, each.threat, each.episode, each.outline
    return {
        "merchant_id": each.merchant_id,
        "opened_at": each.opened_at,
        "episode_began_at": each.episode_began_at,
        "danger_at": found.danger_at,
        "safe_again_at": found.safe_again_at,
        "uncovered_since": found.uncovered_since,
        "warned_at": warned[0].sent_at if warned else None,
        "last_warned_at": warned[-1].sent_at if warned else None,
        "protected_until": each.protected_until,
        "restored_until": each.restored_until,
        "exempt_until": each.exempt_until,
        "appeal_filed_at": each.appeal_filed_at,
        "refreshed_at": each.at,
        "due_at": each.due_at,
        "first_opened_on": each.first_opened_on,
        "run_on": None if run is None else run.on,
        "policy_number": each.ground.newest,
        "in_force": found.in_force,
        "cover_shape": "" if line is None else line.shape,
        "cover_from": None if line is None else line.cover_from,
        "cover_to": None if line is None else line.cover_to,
        "configured_at": None if line is None else line.configured_at,
        "configured_force": None if line is None else line.configured_force,
    }


def add_missing(*, at: dt.datetime) -> None:
    """A standing, due at once, for each opened program that has none; due also where the life is another one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into compliance_standing (merchant_id, due_at, policy_number, in_force) "
            "select p.merchant_id, %s, 0, false from members_program p "
            "left join compliance_standing s using (merchant_id) "
            "where p.status <> 'draft' and (s.merchant_id is null or s.opened_at is distinct from p.opened_at) "
            "on conflict (merchant_id) do update set due_at = excluded.due_at",
            [at],
        )


def forget_passed_runs(*, today: dt.date) -> None:
    """No run threatens a program that is not open; its standing is refreshed when it opens again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update compliance_standing s set run_on = null from members_program p "
            "where s.run_on < %s and p.merchant_id = s.merchant_id and p.status <> 'open'",
            [today],
        )


def refresh_due(
    *, at: dt.datetime, today: dt.date | None = None, first_id: int = 0, last_id: int = LAST
) -> int:
    """Refresh whatever is not true of instant `at`, in transactions of a batch each. Returns how many.

    today: the daily job's platform day. It also looks for programs without a standing and for passed runs.
    first_id, last_id: merchants of this range only.
    """
    count = 0
    while True:
        with transaction.atomic():
            _wait_for_runs()
            history = policies.history()
            if history.for_job(at) is None:
                return 0  # before the installation nothing is judged
            known = facts.ground(history, before=at)
            if today is not None and first_id == 0:
                add_missing(at=at)
                forget_passed_runs(today=today)
            ids = stale(
                at=at,
                newest=known.newest,
                first_id=first_id,
                last_id=last_id,
                today=today,
                limit=BATCH,
            )
            if ids:
                refresh(ids, ground=known, at=at)
        count += len(ids)
        if len(ids) < BATCH:
            return count
        first_id = ids[-1] + 1


def _wait_for_runs() -> None:
    """Let no run decide a chunk while standings move."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])


def refresh_for_preview(*, at: dt.datetime, ground: Ground, first_id: int, last_id: int) -> None:
    """The same for a preview of a range, in the caller's savepoint, which it rolls back; due rows stay untouched."""
    ids = stale(at=at, newest=ground.newest, first_id=first_id, last_id=last_id)
    refresh(ids, ground=ground, at=at, consume=False)
