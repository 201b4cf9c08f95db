"""P1: deciding a clearance over every program of the platform, beside counting their benefits by reading them.

Two runs over the same programs: one that clears none (every program gets its decision with its evidence, durably
written) and one that clears every one of them (its status, closure and audit row too). What is timed is what a
worker does: `clearance.plan` and `clearance.drain`, commits included, from standings that are up to date.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterator

from django.db import connection, connections, transaction

from bench.harness import SCALES, Row, say, scratch, seconds
from benefits.lib.coverage import Configured, Coverage
from benefits.lib.spans import Span
from compliance.lib.calendar import run_instant
from compliance.lib.danger import assess
from compliance.lib.runs import Run
from compliance.models import Decision, Standing
from compliance.models import Run as RunRow
from compliance.selectors import policies
from compliance.services import clearance, installation
from compliance.services import policies as publishing
from members.lib import tenant as tenancy
from members.services.audit import Actor

PROGRAMS = 460_000
BENEFITS_EACH = 10
CLOCK = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)

FILL = """
insert into members_merchant (id, slug, name, currency, timezone, language, created_at)
select i, 'shop-' || i, 'Shop ' || i, 'CNY', 'Asia/Shanghai', 'zh-hans', '2023-01-01+08'
from generate_series(1, {n}) i;
insert into members_program (merchant_id, name, status, first_opened_at, opened_at, created_at)
select i, 'Shop ' || i, 'open', '2023-02-01+08', '2023-02-01+08', '2023-01-01+08' from generate_series(1, {n}) i;
insert into benefits_benefit (merchant_id, public_id, name, kind, status, audience_empty, worthless, stock, revision,
    from_at, to_at, published_at, revision_at, settings, audience)
select m, substr(md5(m || ':' || b), 1, 16), 'Coupon of ' || b,
    (array['coupon', 'member_price', 'lucky_draw'])[b % 3 + 1], 'published', false, false, null, 1, at, at + interval '30 days', at, at,
    '{{"threshold_minor": 9900, "off_minor": 1000, "note": "for members, once a day"}}', '"everyone"'
from generate_series(1, {n}) m, generate_series(1, {each}) b,
    lateral (select '2023-03-01+08'::timestamptz + (b * 20 + m % 50) * interval '1 day' as at) x;
insert into benefits_coverage (merchant_id, kind, in_force, configured_at, force_from)
select m, 'coupon', tstzmultirange(tstzrange(at, at + interval '30 days')), array[at], array[at]
from generate_series(1, {n}) m,
    lateral (select '2023-09-01+08'::timestamptz + (m % 50) * interval '1 day' as at) x;
insert into compliance_standing (merchant_id, opened_at, episode_began_at, danger_at, uncovered_since, warned_at,
    last_warned_at, refreshed_at, first_opened_on, run_on, policy_number, in_force)
select m, '2023-02-01+08', '2023-02-01+08', at + interval '120 days', at + interval '30 days', '2024-02-18 04:00+08',
    '2024-02-19 04:00+08', '2024-02-20 04:00+08', '2023-02-01', '2024-06-27', 3, false
from generate_series(1, {n}) m,
    lateral (select '2023-09-01+08'::timestamptz + (m % 50) * interval '1 day' as at) x;
"""


def run(scale: str) -> Iterator[Row]:
    """Both ratios."""
    programs = PROGRAMS * SCALES[scale]
    with scratch(), tenancy.platform():
        say(f"P1: filling {programs:,} programs with {programs * BENEFITS_EACH:,} benefits")
        fill(programs)
        check_standings(programs)
        kept, cleared, counts = [], [], []
        for number, month in enumerate((3, 4, 5), start=1):
            counts.append(seconds(count_benefits))
            kept.append(seconds(lambda month=month: decide(month)))
            say(f"P1: count {counts[-1]:.2f} s, decisions {kept[-1]:.2f} s ({number} of 3)")
        with transaction.atomic():
            assert Decision.objects.filter(outcome="deferred").count() == 3 * programs
        counts.append(seconds(count_benefits))
        cleared.append(seconds(lambda: decide(6)))
        say(f"P1: count {counts[-1]:.2f} s, with status changes {cleared[-1]:.2f} s")
        with transaction.atomic():
            row = RunRow.objects.get(period="2024-06")
            assert row.counts["cleared"] == programs, row.counts
        base = statistics.median(counts)
    limit = f"count(*) of {programs * BENEFITS_EACH:,} benefits, {base:.2f} s"
    yield Row("P1 clearance decisions", statistics.median(kept) / base, limit, 1.5, programs)
    yield Row("P1 clearance with status changes", statistics.median(cleared) / base, limit, 4.5, programs)


def fill(programs: int) -> None:
    """The platform in the middle of 2024: nobody has had a benefit for long, everybody was warned.

    The policy wants years of notice until June, so that the runs before it clear nobody.
    """
    with transaction.atomic():
        installation.install(at=CLOCK, scripted=True)
        for month, notice in ((1, 3650), (6, 14)):
            publishing.set_policy(
                at=CLOCK,
                effective_at=dt.datetime(2024, month, 2, tzinfo=dt.UTC),
                actor=Actor.job("bench"),
                values={"min_notice_days": notice},
            )
    with connections["owner"].cursor() as cursor:
        cursor.execute(FILL.format(n=programs, each=BENEFITS_EACH))
        cursor.execute("vacuum analyze")


def check_standings(programs: int) -> None:
    """The standings filled in are those that the pure rules compute."""
    with transaction.atomic():
        history = policies.history()
        for merchant_id in range(1, programs, max(1, programs // 200)):
            row = Standing.objects.get(merchant_id=merchant_id)
            assert row.opened_at is not None and row.refreshed_at is not None
            at = dt.datetime(2023, 8, 31, 16, tzinfo=dt.UTC) + (merchant_id % 50) * dt.timedelta(days=1)
            cover = Coverage("coupon", (Span(at, at + dt.timedelta(days=30)),), (Configured(at, at),))
            found = assess([cover], history, row.opened_at, row.refreshed_at)
            assert (found.danger_at, found.uncovered_since) == (row.danger_at, row.uncovered_since)


def count_benefits() -> None:
    """The limit: read every benefit."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local enable_indexonlyscan = off; set local enable_indexscan = off")
        cursor.execute("select count(*) from benefits_benefit")


def decide(month: int) -> None:
    """One whole run: planned, drained, done."""
    day = dt.date(2024, month, 28)
    at = run_instant(day)
    with transaction.atomic():
        version = policies.history().at(at)
    row, made = clearance.plan(run=Run(f"2024-{month:02}", day, at, version))
    assert made and clearance.drain(run_id=row.pk, at=at)
