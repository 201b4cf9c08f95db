"""A run decides in SQL what the pure rules decide, on random histories, whenever it is worked."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import Counter

import pytest
from django.db import transaction

from compliance.lib.runs import due_runs
from compliance.models import Decision, Standing
from compliance.models import Run as RunRow
from compliance.selectors import standing as selector
from compliance.services import assessment, clearance, standing
from members.lib import tenant as tenancy
from members.models import Program
from tests.compliance.services.world import DAY, START, World
from tests.environment import sized

SEEDS = range(sized(60, least=6))


def evidence(row: Decision) -> tuple:
    return (
        row.outcome,
        row.reason,
        row.policy_id,
        row.old_enough_on,
        row.danger_at,
        row.safe_again_at,
        row.exempt_until is not None,
        row.appeal_filed_at,
        row.protected_until,
        row.notice_at,
        row.last_warned_at,
    )


def wanted(decision) -> tuple:
    found = decision.evidence
    return (
        decision.outcome.value,
        decision.reason.value,
        found.policy_version,
        found.old_enough_on,
        found.danger_at,
        found.safe_again_at,
        found.is_exempt,
        found.appeal_filed_at,
        found.protected_until,
        found.notice_at,
        found.last_warned_at,
    )


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_sql_decides_as_the_pure_rules_do(db, seed):
    with tenancy.platform():
        world = World(seed).store()
        run = due_runs(world.history, START + 80 * DAY, START + 250 * DAY)[0]
        expected = {
            shop.merchant_id: wanted(decision)
            for shop in world.shops
            if (decision := shop.decide(world.history, run)) is not None
        }
        # Jobs before the run leave standings of their instants; a job after it may have run before a late one.
        for days in world.dice.sample([-40, -3, -1, 2, 9], 2):
            standing.refresh_due(at=run.at + days * DAY, today=(run.at + days * DAY).date())

        row, made = clearance.plan(run=run, chunk_size=37)
        clearance.drain(run_id=row.pk, at=run.at + dt.timedelta(hours=1))

        found = {each.merchant_id: evidence(each) for each in Decision.objects.filter(run_id=row.pk)}
        cleared = set(Program.objects.filter(status="cleared").values_list("pk", flat=True))
        counts = RunRow.objects.get(pk=row.pk).counts
    assert made
    assert found == expected
    assert cleared == {key for key, value in found.items() if value[0] == "cleared"}
    assert counts["eligible"] == len(found)
    assert {name: n for name, n in counts.items() if n and name != "eligible"} == dict(
        Counter(value[0] for value in found.values())
    )


def test_random_histories_reach_every_reason(db):
    reasons: Counter = Counter()
    with tenancy.platform():
        for seed in range(6):
            with contextlib.suppress(Undo), transaction.atomic():
                world = World(seed, size=60).store()
                run = due_runs(world.history, START + 80 * DAY, START + 250 * DAY)[0]
                decisions = [shop.decide(world.history, run) for shop in world.shops]
                reasons.update(None if each is None else each.reason.value for each in decisions)
                raise Undo

    wanted = {
        "too_young",
        "covered",
        "exempt",
        "appeal_pending",
        "protected",
        "notice_too_short",
        "uncovered",
        None,
    }
    assert wanted - set(reasons) == set()


class Undo(Exception):
    """Rolls a world back."""


@pytest.mark.parametrize("seed", [4, 5])
def test_states_counted_from_stored_standings_are_those_computed_live(db, seed):
    with tenancy.platform():
        world = World(seed, size=80, days=100).store()
        at = START + 170 * DAY
        assessment.assess(at=at)

        live = {
            shop.merchant_id: selector.state_of(selector.find(merchant_id=shop.merchant_id, at=at))
            for shop in world.shops
        }
        stored = selector.states_of([shop.merchant_id for shop in world.shops], at=at)
        counted = selector.counts_by_state(at=at)
    assert stored == live
    assert counted == Counter(state.value for state in live.values())
    assert len(counted) >= 3


def test_the_daily_job_twice_is_the_daily_job_once(db):
    with tenancy.platform():
        world = World(3, size=60).store()
        at = START + 100 * DAY
        assessment.assess(at=at)
        before = list(standing_rows())

        again = assessment.assess(at=at)

        assert list(standing_rows()) == before
    assert again["refreshed"] == 0 and again["warnings_sent"] == 0
    assert sum(again["states"].values()) == len(world.shops)


def standing_rows():
    return Standing.objects.order_by("merchant_id").values()
