"""Programs held out of one run: held with that reason, replayed equal, and never once the run has begun."""

from __future__ import annotations

import pytest
from django.db import transaction

from compliance.models import Decision, HoldOut, Run, RunState
from compliance.selectors import decision_replay, judging
from compliance.services import clearance, hold_outs, previews
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid
from members.models import AuditRow, PlatformAuditRow, Program
from members.services.audit import Actor
from tests.compliance.services.conftest import at

JOB = Actor.job("test")
RUN = "2024-06-27 23:00"


@pytest.fixture
def shops(platform):
    """Two programs that the run of June would clear, warned in time; one that a coupon keeps."""
    found = [platform.shop("2023-10-01") for _ in range(3)]
    platform.coupon(found[2], "2024-05-01")
    platform.assess("2024-05-28 04:00")
    return found


def hold(*shops, period="2024-06", when="2024-06-20", reason="a flood in its town"):
    with tenancy.platform():
        return hold_outs.hold_out(
            period=period, merchant_ids=[shop.pk for shop in shops], reason=reason, at=at(when), actor=JOB
        )


def decided(run="2024-06") -> dict[int, tuple]:
    with tenancy.platform(), transaction.atomic():
        rows = Decision.objects.filter(run__period=run)
        return {row.merchant_id: (row.outcome, row.reason, row.held_out_at) for row in rows}


def test_a_program_held_out_is_held_with_that_reason_and_stays_open(platform, shops):
    assert hold(shops[0], shops[2]) == 2

    report = platform.run(RUN)

    assert decided() == {
        shops[0].pk: ("held", "held_out", at("2024-06-20")),
        shops[1].pk: ("cleared", "uncovered", None),
        shops[2].pk: ("kept", "covered", at("2024-06-20")),
    }
    assert (report["cleared"], report["held"], report["kept"]) == (1, 1, 1)
    with tenancy.platform():
        assert Program.objects.get(pk=shops[0].pk).status == "open"


def test_it_is_held_out_of_that_run_alone(platform, shops):
    hold(shops[0])
    platform.run(RUN)

    platform.run("2024-07-31 23:00")

    assert decided("2024-07")[shops[0].pk][:2] == ("cleared", "uncovered")


def test_a_decision_with_a_hold_out_is_replayed_equal(platform, shops):
    hold(shops[0], shops[2])
    platform.run(RUN)

    with tenancy.platform(), transaction.atomic():
        row = Run.objects.select_related("policy").get()
        found = decision_replay.replay(row, list(Decision.objects.filter(run=row)))
    assert [each.is_equal for each in found] == [True] * 3


def test_a_preview_foresees_hold_outs_and_has_the_hash_of_the_run(platform, shops):
    hold(shops[0])
    with tenancy.platform():
        run = clearance.scheduled(at=at(RUN))
        seen = previews.preview(run=run, at=at("2024-06-27 22:00"))
    platform.run(RUN)

    assert (seen.cleared, seen.held, list(seen.would_clear)) == (1, 1, [shops[1].pk])
    with tenancy.platform(), transaction.atomic():
        assert judging.digest_decided(run_id=Run.objects.get().pk) == seen.digest


def test_who_is_let_in_again_is_decided_as_any_other(platform, shops):
    hold(shops[0])
    with tenancy.platform():
        lifted = hold_outs.lift(period="2024-06", merchant_id=shops[0].pk, at=at("2024-06-21"), actor=JOB)
        again = hold_outs.lift(period="2024-06", merchant_id=shops[0].pk, at=at("2024-06-21"), actor=JOB)
    platform.run(RUN)

    assert (lifted, again) == (True, False)
    assert decided()[shops[0].pk] == ("cleared", "uncovered", None)


def test_a_program_is_held_out_of_a_run_that_waits_for_approval(platform, shops):
    platform.policy("2024-06-01", max_clear_share="0.05")
    platform.run(RUN)
    hold(shops[1], when="2024-06-28")

    with tenancy.platform():
        run = Run.objects.get()
        clearance.approve(run_id=run.pk, at=at("2024-06-28 10:00"), actor=JOB)
        assert clearance.drain(run_id=run.pk, at=at("2024-06-28 10:01"))
        row = Run.objects.select_related("policy").get()
        with transaction.atomic():
            replayed = decision_replay.replay(row, list(Decision.objects.filter(run=row)))
    assert decided()[shops[1].pk] == ("held", "held_out", at("2024-06-28"))
    assert all(each.is_equal for each in replayed)


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PAUSED, RunState.DONE])
def test_nobody_is_held_out_or_let_in_once_the_run_has_begun(platform, shops, state):
    hold(shops[0])
    platform.run(RUN)
    with tenancy.platform():
        Run.objects.update(state=state)

    with pytest.raises(Conflict, match="has begun"):
        hold(shops[1], when="2024-06-28")
    with pytest.raises(Conflict, match="has begun"), tenancy.platform():
        hold_outs.lift(period="2024-06", merchant_id=shops[0].pk, at=at("2024-06-28"), actor=JOB)

    with tenancy.platform():
        assert list(HoldOut.objects.values_list("merchant_id", "lifted_at")) == [(shops[0].pk, None)]


@pytest.mark.parametrize(("reason", "key"), [("", "reason"), (" \n", "reason")])
def test_a_hold_out_without_a_reason_is_refused(platform, shops, reason, key):
    with pytest.raises(Invalid) as refused:
        hold(shops[0], reason=reason)

    assert set(refused.value.errors) == {key}
    with tenancy.platform():
        assert not HoldOut.objects.exists()


def test_a_draft_is_held_out_of_nothing(platform, cast):
    with pytest.raises(Invalid) as refused:
        hold(cast.other)

    assert set(refused.value.errors) == {"programs"}


def test_held_out_twice_keeps_the_first_reason(platform, shops):
    first, second = hold(shops[0]), hold(shops[0], shops[1], reason="another")

    assert (first, second) == (1, 1)
    with tenancy.platform():
        assert dict(HoldOut.objects.values_list("merchant_id", "reason")) == {
            shops[0].pk: "a flood in its town",
            shops[1].pk: "another",
        }


def test_a_hold_out_is_in_the_audit_logs_of_the_merchant_and_the_platform(platform, shops):
    hold(shops[0])

    with tenancy.platform():
        own = AuditRow.objects.get(action="program.held_out")
        platforms = PlatformAuditRow.objects.get(action="run.held_out")
    assert (own.merchant_id, own.reason, own.after) == (
        shops[0].pk,
        "a flood in its town",
        {"period": "2024-06"},
    )
    assert platforms.after == {"programs": 1}


# --- the reading of the rules -----------------------------------------------------------------------------------------


def told_under(revision: int, run: Run) -> decision_replay.Replay:
    """The first decision of a run as if another reading of the rules had made it."""
    row = Decision.objects.filter(run=run).order_by("merchant_id").first()
    row.rules = revision
    return decision_replay.replay(run, [row])[0]


def test_a_decision_says_which_reading_of_the_rules_made_it(platform, shops):
    platform.run(RUN)

    with tenancy.platform():
        assert set(Decision.objects.values_list("rules", flat=True)) == {2}


def test_a_decision_is_replayed_by_the_reading_that_made_it(platform, shops):
    hold(shops[0])
    platform.run(RUN)

    with tenancy.platform(), transaction.atomic():
        run = Run.objects.select_related("policy").get()
        old = told_under(1, run)
    replayed = {fact.name: fact.replayed for fact in old.facts}
    assert (replayed["outcome"], replayed["reason"], replayed["held_out_at"]) == (
        "cleared",
        "uncovered",
        None,
    )
    assert {fact.name for fact in old.differing} == {"outcome", "reason", "held_out_at"}


def test_a_reading_that_is_not_known_is_not_compared(platform, shops):
    platform.run(RUN)

    with tenancy.platform(), transaction.atomic():
        run = Run.objects.select_related("policy").get()
        later = told_under(99, run)
    assert (later.is_comparable, later.is_equal, later.facts) == (False, False, ())
