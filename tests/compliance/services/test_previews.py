"""Previews: worked out in parts by a worker, without a trace; what is started on them is what was confirmed."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.db import connections, transaction

from compliance.lib.runs import coming_runs
from compliance.models import Preview, Purpose, Run
from compliance.selectors import judging, policies, workbench
from compliance.services import clearance, policy_trials, previews, reviews, ticks
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid
from members.models import PlatformAuditRow, Program, User
from members.services.audit import Actor
from tests.compliance.services.conftest import at
from tests.compliance.services.test_clearance import everything

NOW = at("2024-06-26 10:00")
LATER = at("2024-06-26 10:20")


@pytest.fixture
def admin(cast) -> Actor:
    """A platform admin."""
    return Actor.admin(cast.admin)


@pytest.fixture
def shops(platform):
    """Seven: two that nothing covers and were warned in time, one with a coupon, one warned too late, one warned and
    closed by its merchant, one too young, one closed and covered, which a run leaves out."""
    found = [platform.shop(f"2023-10-0{number}") for number in range(1, 6)]
    platform.coupon(found[2], "2024-06-01")
    platform.close(found[3], "2024-06-01")
    platform.assess("2024-06-10 04:00")
    found += [platform.shop("2024-05-01"), platform.shop("2023-10-06")]
    platform.coupon(found[6], "2024-06-12")
    platform.open(found[3], "2024-06-18 12:00")
    platform.assess("2024-06-20 04:00")
    platform.close(found[4], "2024-06-25")
    platform.close(found[6], "2024-06-25")
    return found


def ask(admin: Actor, *, when: dt.datetime = NOW, **more) -> Preview:
    """A press on the button of a run now."""
    with tenancy.platform(), transaction.atomic():
        return previews.ask(run=clearance.by_hand(at=when), at=when, actor=admin, **more)


def confirm(seen: Preview, admin: Actor, *, when: dt.datetime = LATER, typed: int | None = None) -> Preview:
    with tenancy.platform(), transaction.atomic():
        seen = Preview.objects.get(pk=seen.pk)
        number = seen.cleared if typed is None else typed
        return reviews.confirm(preview_id=seen.pk, confirmed=number, at=when, actor=admin)


def work(*, when: dt.datetime = LATER) -> int:
    """What a worker does with its task."""
    with tenancy.platform():
        return previews.work_open(at=when)


def again(row: Preview) -> Preview:
    with tenancy.platform(), transaction.atomic():
        return Preview.objects.select_related("run").get(pk=row.pk)


def figures(row: Preview) -> tuple:
    row = again(row)
    return row.counts, row.would_clear, row.digest, row.members, row.points


def cleared() -> set[int]:
    with tenancy.platform(), transaction.atomic():
        return set(Program.objects.filter(status="cleared").values_list("pk", flat=True))


def runs() -> list[Run]:
    with tenancy.platform(), transaction.atomic():
        return list(Run.objects.order_by("id"))


def broken(*_, **__):
    raise RuntimeError("no luck")


def test_asking_writes_a_row_and_sends_a_task_by_name(
    shops, admin, monkeypatch, django_capture_on_commit_callbacks
):
    sent = []
    monkeypatch.setattr("members.lib.queue.current_app.send_task", lambda name, **_: sent.append(name))
    before = everything()

    with django_capture_on_commit_callbacks(execute=True):
        row = ask(admin)

    assert (row.state, row.parts_done, row.done_at) == ("queued", 0, None)
    assert sent == ["compliance.foresee"] and everything() == before


def test_a_worker_works_it_out_without_a_trace_but_its_row_and_an_audit_row(shops, admin, cast, platform):
    platform.policy("2024-06-25 12:00", reopen_wait_days=31)  # no standing is of the newest version
    row = ask(admin)
    before = everything()

    work()

    done = again(row)
    assert everything() == before
    assert (done.state, done.parts_done, done.done_at) == ("done", done.parts, LATER)
    assert done.would_clear == [shops[0].pk, shops[1].pk, shops[4].pk]
    assert done.counts == {"eligible": 6, "cleared": 3, "kept": 2, "deferred": 1, "held": 0}
    with tenancy.platform(), transaction.atomic():
        audited = PlatformAuditRow.objects.get(action="run.previewed")
    assert (audited.actor_id, audited.after["digest"]) == (cast.admin.pk, done.digest)
    assert audited.after["cleared"] == 3


@pytest.mark.parametrize("part_size", [1, 2, 4])
def test_however_it_is_cut_into_parts_the_figures_are_the_same(shops, admin, part_size):
    whole = ask(admin)
    work()

    parts = ask(admin, part_size=part_size)
    work()

    assert again(parts).parts > 1 and figures(parts) == figures(whole)


def test_two_presses_make_one(shops, admin, cast):
    first = ask(admin)
    second = ask(admin, when=NOW + dt.timedelta(seconds=1))
    with tenancy.platform(), transaction.atomic():
        coming = next(coming_runs(policies.history(), NOW))
        third = previews.ask(run=coming, at=NOW, actor=admin)
        fourth = previews.ask(run=coming, at=LATER, actor=admin)
    somebody_elses = ask(Actor("platform", "Other", cast.owner.pk))
    work()
    afterwards = ask(admin)

    assert first.pk == second.pk and third.pk == fourth.pk
    assert len({first.pk, third.pk, somebody_elses.pk, afterwards.pk}) == 4


def test_a_part_is_counted_once_however_many_work_at_it(shops, admin):
    row = ask(admin, part_size=1)
    with tenancy.platform():
        stale = again(row)
        previews._work_part(stale)
        previews._work_part(stale)

    assert again(row).parts_done == 1


def test_a_second_worker_leaves_the_work_to_the_first(shops, admin):
    row = ask(admin)
    found = []

    def other_worker():
        found.append(work())
        connections.close_all()

    with tenancy.platform(), previews.alone(previews.LOCK):
        thread = threading.Thread(target=other_worker)
        thread.start()
        thread.join()

    assert found == [0] and again(row).state == "queued"


def test_a_task_stops_after_its_slice_and_sends_the_rest_on(
    shops, admin, monkeypatch, django_capture_on_commit_callbacks
):
    sent = []
    monkeypatch.setattr("members.lib.queue.current_app.send_task", lambda name, **_: sent.append(name))
    monkeypatch.setattr(previews, "SLICE", 2)
    row = ask(admin, part_size=1)

    with django_capture_on_commit_callbacks(execute=True):
        steps = work()
    halfway = again(row)
    while again(row).is_open:
        work()

    assert (steps, halfway.state, halfway.parts_done, sent) == (2, "working", 2, ["compliance.foresee"])
    assert again(row).state == "done"


def test_two_open_previews_get_on_side_by_side(shops, admin, monkeypatch):
    monkeypatch.setattr(previews, "SLICE", 4)
    first = ask(admin, part_size=1)
    with tenancy.platform(), transaction.atomic():
        coming = next(coming_runs(policies.history(), NOW))
        second = previews.ask(run=coming, at=NOW, actor=admin, part_size=1)

    work()

    assert (again(first).parts_done, again(second).parts_done) == (2, 2)


def test_the_sweep_has_open_previews_go_on(shops, admin, monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr("members.lib.queue.current_app.send_task", lambda name, **_: sent.append(name))
    ask(admin)

    with tenancy.platform(), django_capture_on_commit_callbacks(execute=True):
        report = ticks.sweep(at=NOW)
    work()
    with tenancy.platform():
        nothing = ticks.sweep(at=NOW)

    assert (report["previews"], nothing["previews"]) == (1, 0) and "compliance.foresee" in sent


def test_a_part_that_fails_once_is_tried_again(shops, admin, monkeypatch):
    row = ask(admin)
    real, calls = judging.digest, []

    def unlucky(values):
        calls.append(values)
        return broken() if len(calls) == 1 else real(values)

    monkeypatch.setattr(judging, "digest", unlucky)
    work()

    assert (again(row).state, again(row).failures, len(calls)) == ("done", 0, 2)


def test_a_part_that_fails_again_and_again_ends_the_preview_and_no_other(shops, admin, monkeypatch):
    row = ask(admin)
    with tenancy.platform(), transaction.atomic():
        count = previews.ask(run=workbench.run_tonight(at=NOW), at=NOW, actor=admin, purpose=Purpose.TONIGHT)
    with monkeypatch.context() as patch:
        patch.setattr(judging, "digest", broken)
        work()

    failed = again(row)
    assert (failed.state, failed.failure, failed.counts["eligible"]) == ("failed", "broke_off", 0)
    assert again(count).state == "done"
    with pytest.raises(Conflict):
        confirm(row, admin)


def test_a_policy_published_meanwhile_changes_nothing_of_a_preview(shops, admin, platform):
    whole = ask(admin)
    work()
    row = ask(admin, part_size=2)
    with tenancy.platform():
        previews._step(row.pk, NOW)

    platform.policy("2024-06-26 10:05", window_days=3, min_age_months=0)
    work()

    assert figures(row) == figures(whole)


def test_a_platform_without_programs_is_previewed_too(platform, admin):
    with tenancy.platform():
        assert not Program.objects.exclude(status="draft").exists()
    row = ask(admin)

    work()

    assert (again(row).state, again(row).eligible, again(row).would_clear) == ("done", 0, [])


# --- a run by hand that was confirmed ---------------------------------------------------------------------------------


@pytest.fixture
def preparer(db) -> Actor:
    """Another platform admin: who asks for a preview does not start the run."""
    with tenancy.platform(), transaction.atomic():
        return Actor.admin(User.objects.create_superuser("preparer@example.com", "correct horse", name="P"))


@pytest.fixture
def seen(shops, preparer) -> Preview:
    """A preview of a run now, made by another admin, ready to be confirmed."""
    row = ask(preparer)
    work(when=NOW)
    return again(row)


def test_what_was_confirmed_is_started_and_judged_at_the_instant_of_the_confirmation(seen, admin, cast):
    second = confirm(seen, admin)
    before = runs()
    work()

    (run,) = runs()
    assert before == [] and again(second).run == run
    assert (run.at, run.is_manual, run.started_by_id, run.state) == (LATER, True, cast.admin.pk, "running")
    with tenancy.platform():
        clearance.drain(run_id=run.pk, at=LATER)
    assert cleared() == set(seen.would_clear)


def test_nothing_is_started_when_other_programs_would_be_cleared_by_now(seen, admin, shops, platform):
    platform.coupon(shops[0], "2024-06-26 10:10")

    second = confirm(seen, admin)
    work()

    second = again(second)
    assert runs() == [] and cleared() == set()
    assert (second.state, second.run, second.would_clear) == ("done", None, [shops[1].pk, shops[4].pk])


def test_the_new_figures_are_confirmed_in_their_turn_by_another_admin(seen, admin, preparer, shops, platform):
    platform.coupon(shops[0], "2024-06-26 10:10")
    second = confirm(seen, admin)
    work()
    with pytest.raises(Conflict, match="another admin"):
        confirm(second, admin)

    third = confirm(second, preparer, when=at("2024-06-26 10:30"))
    work(when=at("2024-06-26 10:30"))
    (run,) = runs()
    with tenancy.platform():
        clearance.drain(run_id=run.pk, at=LATER)

    assert again(third).run == run and cleared() == {shops[1].pk, shops[4].pk}


def test_a_second_press_gives_the_same_start(seen, admin):
    first = confirm(seen, admin)
    second = confirm(seen, admin, when=LATER + dt.timedelta(seconds=1))
    work()
    third = confirm(seen, admin, when=LATER + dt.timedelta(minutes=1))
    work()

    assert first.pk == second.pk == third.pk and len(runs()) == 1


def test_another_number_starts_nothing(seen, admin):
    with pytest.raises(Invalid):
        confirm(seen, admin, typed=seen.cleared + 1)

    assert work() == 0 and runs() == []


@pytest.mark.parametrize("when", ["2024-06-26 11:01", "2024-07-01 00:10"])
def test_old_figures_and_those_of_another_period_start_nothing(seen, admin, when):
    with pytest.raises(Conflict):
        confirm(seen, admin, when=at(when))

    assert work() == 0 and runs() == []


def test_a_preview_of_a_coming_run_starts_none(shops, admin):
    with tenancy.platform(), transaction.atomic():
        coming = next(coming_runs(policies.history(), NOW))
        row = previews.ask(run=coming, at=NOW, actor=admin)
    work(when=NOW)

    with pytest.raises(Conflict):
        confirm(row, admin)


def test_a_period_that_got_another_run_meanwhile_has_no_second(seen, admin, platform):
    second = confirm(seen, admin)
    platform.run("2024-06-27 23:00")
    work(when=at("2024-06-27 23:01"))

    second = again(second)
    assert (second.state, second.failure, second.run) == ("failed", "has_run", None)
    assert [run.is_manual for run in runs()] == [False]


def test_a_start_that_was_killed_after_planning_knows_its_run(seen, admin):
    second = confirm(seen, admin)
    with tenancy.platform():
        planned = clearance.run_now(at=second.at, actor=admin)

    work()

    assert again(second).run == planned and again(second).state == "done"


# --- a policy that is tried, and a run tonight ------------------------------------------------------------------------


def outlook(row: Preview | None) -> tuple:
    assert row is not None
    row = again(row)
    assert row.state == "done"
    return row.run_on, row.counts


def try_policy(
    admin: Actor, *, starts: dt.datetime = NOW, anew: bool = True, **values
) -> policy_trials.Trial:
    with tenancy.platform(), transaction.atomic():
        return policy_trials.try_policy(at=NOW, effective_at=starts, actor=admin, values=values, anew=anew)


@pytest.mark.parametrize(
    ("starts", "values"),
    [
        ("2024-06-26 10:00", {"min_age_months": 0, "window_days": 7}),
        ("2024-06-27 09:00", {"min_notice_days": 17}),
        ("2024-06-29 09:00", {"window_days": 7}),
        ("2024-06-26 10:00", {"uncounted_kinds": ["coupon"]}),
        ("2024-06-26 10:00", {"first_run_on": "2024-08-15"}),
    ],
)
def test_a_trial_foresees_what_publishing_would_lead_to(shops, admin, platform, starts, values):
    trial = try_policy(admin, starts=at(starts), **values)
    before = everything()
    work()
    without, with_it = outlook(trial.without), outlook(trial.with_it)
    assert everything() == before

    with tenancy.platform(), transaction.atomic():
        assert len(policies.rows()) == 1
        coming = next(coming_runs(policies.history(), NOW))
    with tenancy.platform():
        assert without == (coming.on, previews.preview(run=coming, at=NOW).counts)
    platform.policy("2024-06-26 10:00", starts=starts, **values)
    with tenancy.platform(), transaction.atomic():
        coming = next(coming_runs(policies.history(), NOW))
    with tenancy.platform():
        assert with_it == (coming.on, previews.preview(run=coming, at=NOW).counts)


def test_a_trial_is_asked_for_once_and_looked_at_again(shops, admin):
    first = try_policy(admin, window_days=60)
    pressed = try_policy(admin, window_days=60)
    other = try_policy(admin, window_days=61)
    work()
    looked = try_policy(admin, window_days=60, anew=False)
    anew = try_policy(admin, window_days=60)

    ids = [[row and row.pk for row in trial] for trial in (first, pressed, looked)]
    assert ids[0] == ids[1] and ids[2][1] == ids[0][1]
    assert len({trial.with_it.pk for trial in (first, other, anew)}) == 3


def test_a_trial_of_a_bad_value_or_a_start_in_the_past_is_refused(shops, admin):
    with pytest.raises(Invalid):
        try_policy(admin, window_days=0)
    with pytest.raises(Invalid):
        try_policy(admin, starts=at("2024-06-25"), window_days=60)

    assert work() == 0


def test_a_count_of_tonight_is_that_of_the_standings_as_they_are(shops, admin, platform):
    platform.coupon(shops[0], "2024-06-26 09:00")
    with tenancy.platform(), transaction.atomic():
        run = workbench.run_tonight(at=NOW)
        row = previews.ask(run=run, at=NOW, actor=admin, purpose=Purpose.TONIGHT, part_size=2)
    before = everything()
    work()

    with tenancy.platform(), transaction.atomic():
        assert again(row).counts == workbench.tonight(at=NOW)
        assert workbench.counted_tonight(at=LATER) == row
        assert workbench.counted_tonight(at=at("2024-06-27 00:01")) is None
    assert everything() == before and again(row).would_clear == []
