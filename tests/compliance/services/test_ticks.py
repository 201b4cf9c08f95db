"""Ticks: whatever fell due is worked once, in order, each job for its own instant, however late."""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from benefits.services import drawing
from benefits.tasks.draws import hold_draw
from compliance.models import Notice, Run, RunState
from compliance.selectors import decisions
from compliance.services import assessment, clearance, installation, ticks
from members.lib import tenant as tenancy
from members.models import JobTick, OutboxRow
from tests.benefits.draws import DrawShop
from tests.compliance.services.conftest import Platform, at
from tests.factories.benefits import DRAW


@pytest.fixture
def installed(db) -> Platform:
    """A platform installed shortly before its first run."""
    with tenancy.platform():
        installation.install(at=at("2024-06-09"), scripted=True)
    return Platform()


def tick(when: str) -> dict:
    with tenancy.platform():
        return ticks.tick(at=at(when))


def worked() -> list[tuple[str, str]]:
    with tenancy.platform():
        rows = JobTick.objects.exclude(done_at=None).order_by("due_at", "id")
        return [
            (row.job, row.due_at.astimezone(at("2024-01-01").tzinfo).strftime("%m-%d %H:%M")) for row in rows
        ]


def test_jobs_missed_while_workers_were_down_are_made_up_once_and_in_order(installed):
    installed.shop("2023-10-01")
    tick("2024-06-10 05:00")

    first = tick("2024-06-12 12:00")
    second = tick("2024-06-12 12:01")

    assert (first["worked"], second["worked"]) == (8, 0)
    assert worked()[-8:] == [
        ("daily", "06-11 03:00"),
        ("assessment", "06-11 04:00"),
        ("daily", "06-12 03:00"),
        ("assessment", "06-12 04:00"),
        ("housekeeping", "06-12 05:00"),  # one does the work of all that were missed
        ("proof", "06-12 05:30"),  # likewise
        ("tier_audit", "06-12 05:30"),
        ("decision_replay", "06-12 05:30"),
    ]


def test_nothing_that_fell_due_before_the_installation_is_made_up(installed):
    installed.shop("2023-10-01")

    tick("2024-06-10 02:00")

    assert worked() == [
        ("daily", "06-09 03:00"),
        ("assessment", "06-09 04:00"),
        ("housekeeping", "06-09 05:00"),
        ("proof", "06-09 05:30"),
        ("tier_audit", "06-09 05:30"),
        ("decision_replay", "06-09 05:30"),
    ]


def test_a_made_up_warning_counts_from_when_it_was_delivered(installed):
    shop = installed.shop("2023-10-01")

    tick("2024-06-14 09:00")

    with tenancy.tenant(shop.pk):
        notice = Notice.objects.of(shop).order_by("id").first()
    assert (notice.days_before, notice.sent_at) == (30, at("2024-06-14 09:00"))


def test_a_tick_plans_the_run_and_has_it_drained_before_later_jobs(installed):
    shop = installed.shop("2023-10-01")
    tick("2024-06-10 05:00")

    tick("2024-06-27 23:00")
    with tenancy.platform():
        planned = Run.objects.get()
    tick("2024-06-28 04:01")

    assert planned.state == RunState.RUNNING
    with tenancy.platform():
        assert Run.objects.get().state == RunState.DONE
    with tenancy.tenant(shop.pk):
        assert decisions.show(merchant_id=shop.pk)[0]["outcome"] == "cleared"
        assert Notice.objects.of(shop).filter(for_run_on__gt="2024-06-27").count() == 0


def test_a_run_missed_while_workers_were_down_is_judged_at_its_own_instant(installed):
    shop = installed.shop("2023-10-01")
    tick("2024-06-10 05:00")
    installed.coupon(shop, "2024-06-28 08:00")

    tick("2024-06-28 12:00")

    with tenancy.tenant(shop.pk):
        assert decisions.show(merchant_id=shop.pk)[0]["outcome"] == "cleared"


def test_a_job_that_fails_stays_open_and_is_worked_by_the_next_tick(installed, monkeypatch):
    installed.shop("2023-10-01")
    tick("2024-06-10 05:00")
    with monkeypatch.context() as patch:
        patch.setattr(assessment, "assess", broken)
        failed = tick("2024-06-12 12:00")

    healed = tick("2024-06-12 12:01")

    assert (failed["worked"], failed["open"]) == (6, 2)
    assert (healed["worked"], healed["open"]) == (2, 0)


def broken(**_):
    raise RuntimeError("no luck")


def test_a_second_beat_leaves_the_work_to_the_first(installed):
    installed.shop("2023-10-01")
    seen = []

    def other_worker():
        with tenancy.platform():
            seen.append(ticks.tick(at=at("2024-06-12 12:00")))
        connections.close_all()

    with tenancy.platform(), ticks.alone(ticks.LOCK) as is_alone:
        thread = threading.Thread(target=other_worker)
        thread.start()
        thread.join()

    assert is_alone
    assert seen == [{"worked": 0, "open": 0, "busy": True}]


def test_the_lock_of_a_worker_that_died_is_free_again(installed):
    with tenancy.platform():
        with ticks.alone(ticks.LOCK) as first:
            pass
        with ticks.alone(ticks.LOCK) as second:
            pass

    assert first and second


def test_the_sweep_sends_again_what_is_open(installed, monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr("members.lib.queue.current_app.send_task", lambda name, **kwargs: sent.append(name))
    shop = installed.shop("2023-10-01")
    tick("2024-06-10 05:00")
    with tenancy.platform():
        OutboxRow.objects.create(
            merchant=shop, topic="email", key="k", created_at=at("2024-06-10"), due_at=at("2024-06-10")
        )
        JobTick.objects.create(job="daily", scope="Asia/Tokyo", due_at=at("2024-06-10"))
        clearance.run_now(at=at("2024-06-11"), actor=clearance.Actor.job("test"))
        sent.clear()

        with django_capture_on_commit_callbacks(execute=True):
            report = ticks.sweep(at=at("2024-06-11"))

    assert {"compliance.drain", "compliance.tick", "members.outbox"} <= set(sent)
    assert (report["runs"], report["ticks"]) == (1, 1)


def test_runs_missed_for_three_months_are_made_up_in_order_each_at_its_own_instant(installed):
    shop = installed.shop("2023-10-01")
    saved = installed.shop("2023-10-01")
    lapsed = installed.shop("2023-10-01")
    installed.coupon(lapsed, "2024-04-01", "2024-05-10")  # covered until 8 August
    tick("2024-06-10 05:00")
    installed.coupon(saved, "2024-06-20", "2024-06-30")  # covered until 28 September
    installed.coupon(shop, "2024-07-10")  # after the first missed run: too late for it
    installed.coupon(lapsed, "2024-09-05")  # after the last missed run

    made_up = "2024-09-10 12:00"  # down since 10 June: the runs of June, July and August
    while tick(made_up)["open"]:
        pass

    with tenancy.platform():
        runs = list(Run.objects.order_by("id").values_list("period", "at", "state"))
    assert runs == [
        ("2024-06", at("2024-06-27 23:00"), "done"),
        ("2024-07", at("2024-07-31 23:00"), "done"),
        ("2024-08", at("2024-08-31 23:00"), "done"),
    ]
    assert told(shop) == [("2024-06", "cleared", "uncovered")]
    assert told(saved) == [(f"2024-0{month}", "kept", "covered") for month in (6, 7, 8)]
    assert [row[1:] for row in told(lapsed)] == [
        ("kept", "covered"),
        ("kept", "covered"),
        ("deferred", "notice_too_short"),  # the warnings made up on 10 September came after that run
    ]


def told(shop):
    with tenancy.tenant(shop.pk):
        return [(row["period"], row["outcome"], row["reason"]) for row in decisions.show(merchant_id=shop.pk)]


def test_a_draw_is_held_by_the_tick_of_its_close_once_and_however_late(installed):
    shop = DrawShop()
    benefit = shop.publish("lucky_draw", "2024-06-10 06:00", settings=DRAW, to_at=at("2024-06-11 09:30"))
    shop.enter(benefit, "2024-06-10 07:00")
    tick("2024-06-11 09:29")
    assert shop.behind(benefit).state == "open"

    first = tick("2024-06-13 12:00")
    second = tick("2024-06-13 12:01")

    assert ("draws", "06-11 09:30") in worked() and second["worked"] == 0 and first["open"] == 0
    assert shop.behind(benefit).drawn_at == at("2024-06-13 12:00") and len(shop.wins(benefit)) == 1


def test_a_draw_that_the_tick_left_is_sent_as_a_task(
    installed, monkeypatch, django_capture_on_commit_callbacks
):
    sent: list = []
    monkeypatch.setattr(
        "members.lib.queue.current_app.send_task", lambda name, **more: sent.append((name, more["kwargs"]))
    )
    shop = DrawShop()
    benefit = shop.publish("lucky_draw", "2024-06-10 06:00", settings=DRAW, to_at=at("2024-06-11 09:30"))
    with tenancy.platform(), django_capture_on_commit_callbacks(execute=True):
        assert drawing.send_late(at=at("2024-06-11 09:31")) == 0
        drawing.send_late(at=at("2024-06-11 09:33"))

    draw = shop.behind(benefit)
    assert sent == [("benefits.draw", {"merchant_id": shop.id, "draw_id": draw.pk})]
    assert hold_draw(merchant_id=shop.id, draw_id=draw.pk) and not hold_draw(
        merchant_id=shop.id, draw_id=draw.pk
    )
