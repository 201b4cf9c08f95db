"""Keeping the stored coverage equal to what the revisions say, in the transaction that wrote them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from benefits.lib import coverage as rule
from benefits.lib.multirange import to_multirange
from benefits.models import Benefit
from benefits.selectors.coverage import as_it_stands, revisions_by_benefit

LOCK_SPACE = 0x62
DUE = """
insert into benefits_coveragedue as due (merchant_id, changed_at) values (%s, %s)
on conflict (merchant_id) do update set changed_at = least(due.changed_at, excluded.changed_at)
"""
TOLD = "(%s::varchar, %s::integer, %s::tstzmultirange, %s::timestamptz[], %s::timestamptz[])"
NOTHING_TOLD = (
    "select ''::varchar, 0, '{}'::tstzmultirange, '{}'::timestamptz[], '{}'::timestamptz[] where false"
)
# One statement: every change of a benefit waits for it. A revision can leave nothing of a row: a benefit changed to
# another kind in the instant of its publication.
STORED = """
with told (kind, doubts, in_force, configured_at, force_from) as ({told}), kept as (
    insert into benefits_coverage (merchant_id, kind, doubts, in_force, configured_at, force_from)
    select %s, kind, doubts, in_force, configured_at, force_from from told
    on conflict (merchant_id, kind, doubts) do update set
        in_force = excluded.in_force, configured_at = excluded.configured_at, force_from = excluded.force_from
), gone as (
    delete from benefits_coverage c where c.merchant_id = %s
        and not exists (select from told t where t.kind = c.kind and t.doubts = c.doubts)
)
{due}
"""
# What is published for the first time only adds to what is stored: stretches unite, each instant of configuration keeps
# its earliest force, as `benefits.lib.coverage.unite` has it.
ADDED = """
with told (kind, doubts, in_force, configured_at, force_from) as ({told}), kept as (
    insert into benefits_coverage as c (merchant_id, kind, doubts, in_force, configured_at, force_from)
    select %s, kind, doubts, in_force, configured_at, force_from from told
    on conflict (merchant_id, kind, doubts) do update set
        in_force = c.in_force + excluded.in_force,
        (configured_at, force_from) = (
            select coalesce(array_agg(at order by at), '{{}}'), coalesce(array_agg(force order by at), '{{}}')
            from (
                select at, min(force) as force from unnest(
                    c.configured_at || excluded.configured_at, c.force_from || excluded.force_from
                ) each(at, force) group by at
            ) united
        )
)
{due}
"""


def lock(*, merchant_id: int) -> None:
    """Let the transactions that change a merchant's benefits follow each other: each reads what the one before
    wrote, so that none stores coverage that leaves another's revision out. Held to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [(merchant_id << 8) | LOCK_SPACE])


def refresh(*, merchant_id: int, at: dt.datetime) -> tuple[rule.Coverage, ...]:
    """Store the coverage that the merchant's revisions amount to and leave a due row for compliance.

    The caller holds `lock`. `at` is the instant of the change. Returns what was stored. domain.md 3.
    """
    rows = rule.program_coverage(revisions_by_benefit(merchant_id=merchant_id).values())
    told, values = _told(rows)
    with connection.cursor() as cursor:
        cursor.execute(
            STORED.format(told=told, due=DUE), [*values, merchant_id, merchant_id, merchant_id, at]
        )
    return rows


def add(*, merchant_id: int, at: dt.datetime, published: Iterable[Benefit]) -> None:
    """Store what benefits add that were just published for the first time, as `refresh` would, without reading what
    the others are. The caller holds `lock`; `at` is the instant of publication. One statement."""
    told, values = _told(
        rule.program_coverage([as_it_stands(each, rule.Action.PUBLISH, at)] for each in published)
    )
    with connection.cursor() as cursor:
        cursor.execute(ADDED.format(told=told, due=DUE), [*values, merchant_id, merchant_id, at])


def _told(rows: Sequence[rule.Coverage]) -> tuple[str, list[Any]]:
    """Coverage as rows of a statement, with its parameters."""
    values: list[Any] = []
    for row in rows:
        configured = [each.at for each in row.configured]
        forces = [each.force_from for each in row.configured]
        values += [row.kind, row.doubts, to_multirange(row.in_force), configured, forces]
    return (f"values {', '.join([TOLD] * len(rows))}" if rows else NOTHING_TOLD), values


def leave_due(*, merchant_id: int, at: dt.datetime) -> None:
    """Tell compliance that the program's coverage changed; one row a merchant, with the earliest change."""
    with connection.cursor() as cursor:
        cursor.execute(DUE, [merchant_id, at])
