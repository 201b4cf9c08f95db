"""The monthly computation of grades: set-based, some programs at a time, each month once (domain.md 3, Grade)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import structlog
from django.db import connection, transaction

from compliance.lib.calendar import last_of_month, month_graded_at
from compliance.lib.grade_policy import CATEGORIES, Band, GradePolicy, Level, Metric
from compliance.lib.grades import LEVELS
from compliance.models import GradeRun
from compliance.models.grades import BAND_CODES, LEVEL_CODES
from compliance.selectors import grades as selectors
from members.lib import tenant as tenancy

log = structlog.get_logger(__name__)

CHUNK = 20_000  # merchants
NEXT_SHOPS = """
select count(*), max(merchant_id) from (
    select merchant_id from members_program where merchant_id > %s order by merchant_id limit %s
) shops
"""
LAST_SHOP = 2**63 - 1


def _reached(metric: Metric, column: str, line: str) -> str:
    """SQL: whether a metric that counts reaches a line; of none that counts nothing is asked."""
    return f"coalesce({column}, 0) >= l.{line}[{list(Metric).index(metric) + 1}]"


# As `compliance.lib.grades` says it; a metric without data counts as 0, benefit use without data does not count.
COLUMNS = {
    Metric.BENEFIT_DAYS: "m.benefit_days",
    Metric.MEMBERS: "m.effective_members",
    Metric.SHARE: "case when m.all_minor > 0 then div(m.member_minor * 10000::numeric, m.all_minor) end",
    Metric.RECRUITS: "m.joins * 10 / m.days",
    Metric.USE: "m.benefit_use",
}


def _level_sql(policy: GradePolicy) -> str:
    """SQL: the code of the level of a month `m` held against lines `l`."""
    conditions: dict[str, list[str]] = {"high": [], "passing": []}
    for metric in Metric:
        if not policy.counts(metric):
            continue
        column = COLUMNS[metric]
        is_measured = "m.benefit_use is not null" if metric is Metric.USE else "true"
        conditions["high"].append(f"(not {is_measured} or {_reached(metric, column, 'high')})")
        if metric is not Metric.BENEFIT_DAYS:
            conditions["passing"].append(f"({is_measured} and {_reached(metric, column, 'passing')})")
    has_days = _reached(Metric.BENEFIT_DAYS, COLUMNS[Metric.BENEFIT_DAYS], "passing")
    passes = {level: _passes(policy.most_findings(level)) for level in (Level.POTENTIAL, Level.QUALITY)}
    is_quality = " and ".join([*conditions["high"], passes[Level.QUALITY]])
    # A month at every high line is at its pass lines too, where findings keep it from the highest grade.
    has_some = (
        f"({has_days} and ({' or '.join(conditions['passing'])}) or {' and '.join(conditions['high'])})"
    )
    return (
        f"case when {is_quality} then {LEVEL_CODES['quality']} "
        f"when {has_some} and {passes[Level.POTENTIAL]} then {LEVEL_CODES['potential']} "
        f"else {LEVEL_CODES['improving']} end"
    )


def _passes(most: int | None) -> str:
    """SQL: whether a month's findings are no more than a level lets pass."""
    return "true" if most is None else f"m.findings_weighed <= {int(most)}"


GRADE = """
with months as materialized ({months}), lines as (
    select band, category, passing::bigint[], high::bigint[]
    from unnest(%(bands)s::int[], %(categories)s::text[], %(passing)s::text[], %(highs)s::text[])
        l(band, category, passing, high)
), graded as (
    select m.*, x.band, l.passing, l.high, {level} as level,
        m.first_opened_at + %(protection)s > %(at)s as is_protected
    from months m
    cross join lateral (select case when m.orders >= %(large)s then {large} when m.orders >= %(medium)s then {medium}
        else {small} end as band) x
    join lines l on l.band = x.band and l.category = m.category
), written as (
    insert into compliance_grade (merchant_id, run_id, policy_id, level, granted, band, is_protected, category, days,
        benefit_days, benefit_use, orders, effective_members, joins, member_minor, all_minor, findings,
        findings_weighed, passing, high)
    select merchant_id, %(run)s, %(policy)s, level,
        case when is_protected then greatest(level, %(protected_level)s) else level end, band, is_protected, category,
        days, benefit_days, benefit_use, orders, effective_members, joins, member_minor, all_minor, findings,
        findings_weighed, passing, high
    from graded order by merchant_id
    on conflict (merchant_id, run_id) do nothing
    returning merchant_id, level, granted, band, is_protected
), standings as (
    insert into members_joinstanding (merchant_id, level, since)
    select merchant_id, (%(words)s::text[])[granted], %(at)s from written order by merchant_id
    on conflict (merchant_id) do update set level = excluded.level, since = excluded.since
)
select level, band, count(*), count(*) filter (where is_protected) from written group by 1, 2
"""


def grade_month(*, due_at: dt.datetime, at: dt.datetime, chunk: int = CHUNK) -> dict[str, Any]:
    """Grade every open program for the month before the one in which `due_at` falls. Works as platform.

    One transaction a chunk: what was cut off goes on behind the last one, and a month that is done is left as it is.
    `due_at` is the instant due, under whose policies it is done, `at` when it is really done. Returns the counts.
    """
    month = month_graded_at(due_at)
    with tenancy.platform():
        with transaction.atomic():
            policy = selectors.policy_at(at=due_at)
            if policy is None:  # the installation came later
                return {}
            run, _made = GradeRun.objects.get_or_create(
                month=month, defaults={"at": due_at, "policy": policy, "started_at": at}
            )
        while run.done_at is None:
            run = _grade_chunk(run.pk, at, chunk)
    log.info("grades_computed", month=str(run), programs=run.programs)
    return {"month": str(run), "programs": run.programs, "protected": run.protected, **run.counts}


@transaction.atomic
def _grade_chunk(run_id: int, at: dt.datetime, chunk: int) -> GradeRun:
    """Grade the next programs and write down how far it is."""
    run = GradeRun.objects.select_for_update(of=("self",)).select_related("policy").get(pk=run_id)
    if run.done_at is not None:
        return run
    with connection.cursor() as cursor:
        cursor.execute(NEXT_SHOPS, [run.through, chunk])
        shops, last = cursor.fetchone()
        is_last = shops < chunk
        until = LAST_SHOP if is_last else int(last)
        for code, band, count, protected in _grade(cursor, run, until):
            name = f"{LEVELS[code - 1]}/{list(Band)[band - 1]}"
            run.counts[name] = run.counts.get(name, 0) + count
            run.programs += count
            run.protected += protected
    run.through = until
    run.done_at = at if is_last else None
    run.save(update_fields=["counts", "programs", "protected", "through", "done_at"])
    return run


def _grade(cursor: Any, run: GradeRun, until: int) -> list[tuple[int, int, int, int]]:
    """Write the grades of the programs behind `through`; (level, band, programs, new ones)."""
    policy = run.policy.rule
    given = selectors.values(
        since=run.month,
        until=last_of_month(run.month),
        at=run.at,
        policy=policy,
        first=run.through + 1,
        last=until,
    )
    statement = GRADE.format(months=selectors.MONTHS, level=_level_sql(policy), **BAND_CODES)
    cursor.execute(statement, {**given, **_policy_values(policy), "run": run.pk, "policy": run.policy_id})
    rows: list[tuple[int, int, int, int]] = cursor.fetchall()
    return rows


def _policy_values(policy: GradePolicy) -> dict[str, Any]:
    keys = [(band, category) for band in Band for category in CATEGORIES]
    lines = [policy.lines(*key) for key in keys]
    return {
        "medium": policy["medium_from"],
        "large": policy["large_from"],
        "protection": dt.timedelta(days=policy["protection_days"]),
        "protected_level": LEVEL_CODES[policy["protected_level"]],
        "words": [level.value for level in LEVELS],
        "bands": [BAND_CODES[band] for band, _category in keys],
        "categories": [category for _band, category in keys],
        "passing": [_array(each[metric].passing for metric in Metric) for each in lines],
        "highs": [_array(each[metric].high for metric in Metric) for each in lines],
    }


def _array(numbers: Any) -> str:
    return "{" + ",".join(str(each) for each in numbers) + "}"
