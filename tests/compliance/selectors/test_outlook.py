"""What a policy would change is what the pure rules say of every program, on random histories."""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from itertools import islice

import pytest
from django.db import connection, transaction

from benefits.lib.usefulness import THRESHOLD
from benefits.models import Coverage
from benefits.selectors import coverage
from benefits.services.coverage import leave_due
from compliance.lib import danger
from compliance.lib.policy import Policy, PolicyHistory, PolicyVersion
from compliance.lib.runs import coming_runs
from compliance.models import Standing
from compliance.selectors import outlines, outlook, policies
from compliance.services import standing
from members.lib import tenant as tenancy
from members.models import Program
from tests.compliance.services.conftest import at, platform  # noqa: F401 - the fixture
from tests.compliance.services.world import DAY, START, World
from tests.compliance.services.world import policy as random_policy
from tests.environment import sized

SEEDS = range(sized(30, least=4))


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_the_runs_close_whom_the_pure_rules_close(db, seed):
    now = START + 100 * DAY
    with tenancy.platform():
        world = World(seed, size=80).store()
        standing.refresh_due(at=now, today=now.date())
        known = world.history.known_before(now)
        with transaction.atomic():
            found = outlook.closing(known, at=now)
            expected = {
                row.merchant_id: day
                for row in Standing.objects.exclude(opened_at=None)
                if (day := first_closing(row, known, now)) is not None
            }
    assert found == expected and expected


def first_closing(row: Standing, known: PolicyHistory, now: dt.datetime) -> dt.date | None:
    """The day of the first of three runs that closes a program, by the rules of `compliance.lib`."""
    program = Program.objects.get(pk=row.merchant_id)
    covered = coverage.stored(merchant_id=row.merchant_id)
    ahead = danger.uncovered_ahead(covered, known, now)
    for run in islice(coming_runs(known, now), outlook.RUNS):
        policy = run.version.policy
        holds = any(
            (span.start is None or span.start <= run.at) and (span.end is None or run.at < span.end)
            for span in ahead
        )
        in_time = now.replace(hour=20) + policy.min_notice <= run.at  # the next 04:00 of the platform
        warned = in_time or (row.warned_at is not None and row.warned_at <= run.at - policy.min_notice)
        if (
            holds
            and warned
            and run.at >= program.opened_at
            and run.on >= danger.old_enough_on(row.first_opened_on, policy)
            and (row.protected_until is None or run.at >= row.protected_until)
            and (row.exempt_until is None or run.at >= row.exempt_until)
        ):
            return run.on
    return None


@pytest.mark.soak
@pytest.mark.parametrize("day", [100, 170])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_lines_tell_is_what_every_stretch_tells(db, seed, day):
    now = START + day * DAY
    with tenancy.platform():
        world = World(seed, size=80).store()
        standing.refresh_due(at=now, today=now.date())
        with transaction.atomic():
            assert_lines_tell_the_truth(world, now)


@pytest.mark.parametrize("seed", SEEDS)
def test_lines_told_by_the_migration_are_true_whatever_counted_then(db, seed):
    now = START + 170 * DAY
    told = import_module("compliance.migrations.0014_outlines").TOLD
    with tenancy.platform():
        world = World(seed, size=80).store()
        standing.refresh_due(at=now, today=now.date())
        with transaction.atomic():
            Standing.objects.update(
                cover_shape="", cover_from=None, cover_to=None, configured_at=None, configured_force=None
            )
            connection.cursor().execute(told)
            assert_lines_tell_the_truth(world, now)


def assert_lines_tell_the_truth(world: World, now: dt.datetime) -> None:
    """Six versions are tried; lines and stretches close the same programs, and lines tell of some."""
    history, unknown = world.history.known_before(now), world.size
    for number in range(90, 96):
        tried = PolicyVersion(
            number=number, effective_from=now, recorded_at=now, policy=random_policy(world.dice)
        )
        both = PolicyHistory([*history.versions, tried])
        runs = [list(islice(coming_runs(each, now), outlook.RUNS)) for each in (history, both)]
        groups, named = outlines.compare(*runs, at=now, warned_from=outlook.warned_from(now))
        groups += outlook.one_by_one(*runs, at=now, among=named)

        assert united(groups) == united(outlook.one_by_one(*runs, at=now))
        unknown = min(unknown, len(named))
    assert unknown < world.size


def united(groups: list[outlines.Group]) -> dict:
    """Programs and those of them that are curable, by the runs that close them."""
    found: dict = {}
    for each in groups:
        key = each.was_on, each.is_on
        programs, curable = found.get(key, (0, 0))
        found[key] = programs + each.programs, curable + each.curable
    return found


def test_a_program_that_a_benefit_without_end_covers_is_not_looked_at(shops):
    now = at("2024-05-26 12:00")
    with tenancy.platform(), transaction.atomic():
        runs = list(islice(coming_runs(policies.history(), now), outlook.RUNS))
        groups, named = outlines.compare(runs, runs, at=now, warned_from=outlook.warned_from(now))

    assert (sum(each.programs for each in groups), named) == (2, [])


@pytest.fixture
def shops(platform):  # noqa: F811 - the fixture
    """One shop covered until 27 May, so that a window of 30 days fails at the run of June and one of 90 in August; one
    like it that its merchant closed; one in good standing."""
    found = [platform.shop("2023-10-01") for _ in range(3)]
    for shop in found:
        platform.coupon(shop, "2024-01-01", "2024-05-20" if shop is not found[2] else None)
    platform.close(found[1], "2024-05-25")
    platform.assess("2024-05-26 04:00")
    return found


def compared(**values) -> list[outlook.Change]:
    now = at("2024-05-26 12:00")
    with tenancy.platform(), transaction.atomic():
        history = policies.history()
        tried = PolicyVersion(number=99, effective_from=now, recorded_at=now, policy=Policy().changed(values))
        return outlook.compare(history, PolicyHistory([*history.versions, tried]), at=now)


def test_a_shorter_window_closes_more_and_says_whom_one_benefit_saves(shops):
    first, second, third = compared(window_days=30)

    assert (first.on, first.without, first.with_it, first.more, first.fewer) == ("2024-06-27", 0, 2, 2, 0)
    assert (first.curable, first.ready) == (1, 0)
    assert (second.on, second.more, second.fewer) == ("2024-07-31", 0, 0)
    assert (third.on, third.without, third.with_it, third.more, third.fewer) == ("2024-08-31", 2, 0, 0, 0)


def test_a_version_that_changes_no_rule_changes_no_run(shops):
    assert [(each.more, each.fewer) for each in compared(reopen_wait_days=10)] == [(0, 0)] * 3


def test_comparing_leaves_no_trace(shops):
    def rows():
        with tenancy.platform(), transaction.atomic():
            return list(Standing.objects.order_by("merchant_id").values()), len(policies.rows())

    before = rows()
    compared(window_days=30)

    assert rows() == before


def test_a_rule_of_paper_closes_whom_a_refused_benefit_alone_covers(shops):
    with tenancy.platform(), transaction.atomic():
        Coverage.objects.of(shops[2].pk).update(doubts=THRESHOLD)
        leave_due(merchant_id=shops[2].pk, at=at("2024-05-26 11:00"))

    kept, closed = compared(reopen_wait_days=10), compared(paper_rules=["threshold"])
    assert [each.more for each in kept] == [0, 0, 0]
    assert (closed[0].more, closed[0].curable) == (1, 1)
