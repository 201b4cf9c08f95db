"""Runs: previewed without a trace, braked, started by hand, made up late, one decision per eligible program."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from compliance.models import Decision, Notice, Preview, Receipt, Run, RunChunk, Standing
from compliance.selectors import decisions
from compliance.services import clearance, previews
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, ProgramCleared
from members.models import AuditRow, Closure, OutboxRow, Program
from members.services import programs
from members.services.audit import Actor
from tests.compliance.services.conftest import JOB, at

RUN = "2024-06-27 23:00"


@pytest.fixture
def doomed(platform):
    """A shop warned in time that nothing covers."""
    shop = platform.shop("2023-10-01")
    platform.assess("2024-06-10 04:00")
    return shop


def decision(shop) -> tuple[str, str] | None:
    with tenancy.tenant(shop.pk):
        found = decisions.show(merchant_id=shop.pk)
    return (found[-1]["outcome"], found[-1]["reason"]) if found else None


def status_of(shop) -> str:
    with tenancy.tenant(shop.pk):
        return Program.objects.get(merchant=shop).status


def everything() -> list:
    """Whatever a run or a preview could touch."""
    with tenancy.platform(), transaction.atomic():
        return [
            list(model.objects.order_by("pk").values())
            for model in (
                Program,
                Standing,
                Run,
                RunChunk,
                Decision,
                Notice,
                Receipt,
                OutboxRow,
                AuditRow,
                Closure,
            )
        ]


def test_clearing_closes_the_program_with_closure_audit_row_and_email(platform, doomed, make_user):
    make_user("owner@example.com", doomed)

    report = platform.run(RUN)

    assert (report["eligible"], report["cleared"], report["state"]) == (1, 1, "done")
    with tenancy.tenant(doomed.pk):
        program = Program.objects.get(merchant=doomed)
        closure = Closure.objects.get(merchant=doomed)
        audit = AuditRow.objects.get(action="program.cleared")
        mail = OutboxRow.objects.get(topic="email", key__startswith="cleared:")
        with pytest.raises(ProgramCleared):
            programs.lock_open(merchant_id=doomed.pk)
    assert (program.status, program.closed_at) == ("cleared", at(RUN))
    assert (closure.kind, closure.from_at, closure.to_at) == ("cleared", at(RUN), None)
    assert (audit.subject_kind, audit.subject_id, audit.subject_label) == (
        "program",
        doomed.slug,
        doomed.name,
    )
    assert (audit.before, audit.after["status"], audit.after["period"]) == (
        {"status": "open"},
        "cleared",
        "2024-06",
    )
    assert mail.payload["to"] == "owner@example.com"


def test_a_decision_holds_its_evidence_and_policy_version(platform, doomed):
    platform.policy("2024-06-11", final_notice_days=6)

    platform.run(RUN)

    with tenancy.tenant(doomed.pk):
        row = Decision.objects.of_merchant(doomed.pk).select_related("policy").get()
    assert (row.outcome, row.reason, row.policy_id) == ("cleared", "uncovered", 2)
    assert row.opened_at == row.danger_at == row.uncovered_since == at("2023-10-01")
    assert (row.notice_at, row.last_warned_at) == (at("2024-06-10 04:00"),) * 2
    assert (row.first_opened_on.isoformat(), row.old_enough_on.isoformat()) == ("2023-10-01", "2024-04-02")


def test_a_program_has_one_decision_a_run(platform, doomed):
    platform.run(RUN)

    with tenancy.platform(), pytest.raises(IntegrityError), transaction.atomic():
        connection.cursor().execute("insert into compliance_decision select * from compliance_decision")

    with tenancy.platform():
        assert Decision.objects.count() == 1


def test_nobody_changes_a_decision(platform, doomed):
    platform.run(RUN)

    for scope in (tenancy.platform(), tenancy.tenant(doomed.pk)):
        with scope, pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute("update compliance_decision set outcome = 2")

    assert decision(doomed) == ("cleared", "uncovered")


def test_the_same_run_again_changes_nothing(platform, doomed):
    platform.shop("2023-10-01")
    platform.run(RUN)
    before = everything()

    again = platform.run(RUN)

    assert again["state"] == "done"
    assert everything() == before


def test_a_program_that_was_not_warned_in_time_is_deferred_to_the_next_run(platform):
    shop = platform.shop("2023-10-01")
    platform.assess("2024-06-20 04:00")

    platform.run(RUN)
    first = (decision(shop), status_of(shop))
    platform.run("2024-07-31 23:00")

    assert first == (("deferred", "notice_too_short"), "open")
    assert (decision(shop), status_of(shop)) == (("cleared", "uncovered"), "cleared")


def test_closing_before_the_run_escapes_nothing_and_freezes_without_a_seam(platform, doomed):
    platform.close(doomed, "2024-06-27 22:59")

    platform.run(RUN)

    assert (decision(doomed), status_of(doomed)) == (("cleared", "uncovered"), "cleared")
    with tenancy.tenant(doomed.pk):
        closure = Closure.objects.get(merchant=doomed)
        assert (closure.kind, closure.from_at, closure.to_at) == ("cleared", at("2024-06-27 22:59"), None)
        assert Decision.objects.of_merchant(doomed.pk).get().was_closed


def test_a_closed_program_that_is_not_to_be_cleared_gets_no_decision(platform):
    shop = platform.shop("2023-10-01")
    platform.coupon(shop, "2024-06-01")
    platform.close(shop, "2024-06-20")

    assert platform.run(RUN)["eligible"] == 0
    assert decision(shop) is None


def test_a_draft_gets_no_decision(platform, cast):
    assert platform.run(RUN)["eligible"] == 0


def test_a_late_run_is_judged_at_its_own_instant(platform, doomed):
    cured_late = platform.shop("2023-10-02")
    closed_late = platform.shop("2023-10-02")
    covered = platform.shop("2023-10-02")
    opened_late = platform.shop("2024-06-28 08:00")
    platform.assess("2024-06-11 04:00")
    coupon = platform.coupon(covered, "2024-06-20")
    platform.coupon(cured_late, "2024-06-28 09:00")
    platform.close(closed_late, "2024-06-28 09:00")
    platform.assess("2024-06-28 09:30")  # a job that ran before the run was made up

    report = platform.run(RUN)

    assert report["eligible"] == 4 and coupon is not None
    assert decision(doomed) == decision(cured_late) == decision(closed_late) == ("cleared", "uncovered")
    assert decision(covered) == ("kept", "covered")
    assert decision(opened_late) is None


def test_after_a_late_run_the_standings_catch_up(platform):
    shop = platform.shop("2023-10-01")
    platform.coupon(shop, "2024-06-28 09:00")
    platform.assess("2024-06-28 09:30")
    platform.run(RUN)

    platform.assess("2024-06-29 04:00")

    with tenancy.tenant(shop.pk):
        row = Standing.objects.get(merchant=shop)
    assert (row.in_force, row.danger_at, row.run_on) == (True, None, None)


def test_a_preview_leaves_no_trace_but_its_own_row(platform, doomed):
    platform.coupon(platform.shop("2023-10-02"), "2024-06-12")
    before = everything()

    with tenancy.platform():
        found = previews.preview(run=clearance.by_hand(at=at("2024-06-26")), at=at("2024-06-26"))

    assert everything() == before
    assert found.counts == {"eligible": 2, "cleared": 1, "kept": 1, "deferred": 0, "held": 0}
    assert found.would_clear == [doomed.pk]


def test_previews_of_the_same_facts_have_the_same_hash_and_others_do_not(platform, doomed):
    run = dt.datetime.fromisoformat("2024-06-26T00:00:00+08:00")
    with tenancy.platform():
        one = previews.preview(run=clearance.by_hand(at=run), at=run)
        two = previews.preview(run=clearance.by_hand(at=run), at=run)
    platform.coupon(doomed, "2024-06-25")
    with tenancy.platform():
        three = previews.preview(run=clearance.by_hand(at=run), at=run)

        assert Preview.objects.count() == 3
    assert one.digest == two.digest != three.digest


def test_the_brake_stops_a_run_that_would_clear_too_large_a_share(platform, doomed):
    platform.policy("2024-06-12", max_clear_share="0.05")

    report = platform.run(RUN)

    assert (report["state"], report["cleared"], report["eligible"]) == ("braked", 1, 1)
    assert (decision(doomed), status_of(doomed)) == (None, "open")


def test_an_approved_run_is_judged_at_its_own_instant(platform, doomed, cast):
    platform.policy("2024-06-12", max_clear_share="0.05")
    platform.run(RUN)
    platform.coupon(doomed, "2024-06-28 10:00")
    platform.assess("2024-06-29 04:00")

    with tenancy.platform():
        row = clearance.approve(
            run_id=Run.objects.get().pk, at=at("2024-06-29 10:00"), actor=Actor.admin(cast.admin)
        )
        assert clearance.drain(run_id=row.pk, at=at("2024-06-29 10:01"))

    assert decision(doomed) == ("cleared", "uncovered")


def test_a_braked_run_cannot_be_approved_after_a_later_one(platform, doomed):
    platform.policy("2024-06-12", max_clear_share="0.05")
    platform.run(RUN)
    platform.run("2024-07-31 23:00")

    with tenancy.platform(), pytest.raises(Conflict):
        clearance.approve(run_id=Run.objects.get(period="2024-06").pk, at=at("2024-08-01"), actor=JOB)

    assert decision(doomed) is None


@pytest.mark.parametrize(
    ("cleared", "last", "wanted"),
    [(5, None, ""), (6, None, "share"), (5, 1, "jump"), (3, 1, ""), (5, 0, ""), (4, 2, "")],
)
def test_the_brake_looks_at_the_share_and_at_the_last_run(platform, cleared, last, wanted):
    policy = platform.policy("2024-06-12", max_clear_share="0.05").rule

    assert clearance.brake_of(policy, {"cleared": cleared, "eligible": 100}, last) == wanted


def test_a_run_by_hand_takes_the_place_of_the_periods_run(platform, doomed):
    with tenancy.platform():
        row = clearance.run_now(at=at("2024-06-25 10:00"), actor=JOB)
        clearance.drain(run_id=row.pk, at=at("2024-06-25 10:01"))
        with pytest.raises(Conflict):
            clearance.run_now(at=at("2024-06-26 10:00"), actor=JOB)
    platform.run(RUN)

    with tenancy.platform():
        assert [(run.period, run.is_manual) for run in Run.objects.all()] == [("2024-06", True)]
    assert decision(doomed) == ("cleared", "uncovered")


def test_a_paused_run_decides_nothing_until_it_is_resumed(platform, doomed):
    with tenancy.platform():
        row = clearance.run_now(at=at("2024-06-25 10:00"), actor=JOB)
        clearance.pause(run_id=row.pk, at=at("2024-06-25 10:01"), actor=JOB)
        assert not clearance.drain(run_id=row.pk, at=at("2024-06-25 10:02"))
        before = decision(doomed)
        clearance.resume(run_id=row.pk, at=at("2024-06-25 11:00"), actor=JOB)

        assert clearance.drain(run_id=row.pk, at=at("2024-06-25 11:01"))
    assert (before, decision(doomed)) == (None, ("cleared", "uncovered"))


def test_a_run_that_is_stopped_keeps_what_it_decided_and_leaves_the_rest(platform, doomed):
    others = [platform.shop("2023-10-01") for _ in range(2)]
    with tenancy.platform():
        run = clearance.scheduled(at=at("2024-06-27 23:00"))
        row, _made = clearance.plan(run=run, chunk_size=1)
        assert clearance.drain_chunk(run_id=row.pk)
        stopped = clearance.stop(run_id=row.pk, reason="a wrong rule", at=at("2024-06-27 23:05"), actor=JOB)
        again = clearance.stop(run_id=row.pk, reason="twice", at=at("2024-06-27 23:06"), actor=JOB)
        drained = clearance.drain(run_id=row.pk, at=at("2024-06-27 23:07"))

    assert (stopped.state, stopped.stop_reason, stopped.eligible) == ("stopped", "a wrong rule", 1)
    assert again.stop_reason == "a wrong rule" and drained
    with tenancy.platform():
        assert Decision.objects.filter(run_id=row.pk).count() == 1
        assert Run.objects.get().state == "stopped"
        open_ones = Program.objects.filter(merchant_id__in=[shop.pk for shop in others], status="open")
        assert open_ones.count() == 2


def test_a_run_is_stopped_on_a_reason_and_not_when_it_is_done(platform, doomed):
    platform.run("2024-06-27 23:00")
    with tenancy.platform():
        row = Run.objects.get()
        with pytest.raises(Invalid):
            clearance.stop(run_id=row.pk, reason=" ", at=at("2024-06-28"), actor=JOB)
        with pytest.raises(Conflict, match="undo"):
            clearance.stop(run_id=row.pk, reason="late", at=at("2024-06-28"), actor=JOB)

        assert Run.objects.get().state == "done"


def test_runs_before_the_installation_do_not_exist(platform):
    assert platform.run("2023-08-31 23:00") == {}
    assert platform.assess("2023-08-31 04:00")["refreshed"] == 0
