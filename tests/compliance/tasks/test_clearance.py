"""The tasks read the clock, work as platform, take spare keywords and say what they did."""

from __future__ import annotations

import pytest
import time_machine

from compliance.models import Run
from compliance.services import clearance, installation
from compliance.tasks import clearance as tasks
from members.lib import tenant as tenancy
from members.models import Installation, JobTick
from tests.compliance.services.conftest import JOB, at, platform  # noqa: F401


def test_the_first_tick_installs_the_platform_now(db):
    with time_machine.travel(at("2024-06-10 05:00"), tick=False):
        report = tasks.tick(a_newer_keyword=1)

    assert report == {"worked": 0, "open": 0, "busy": False}
    with tenancy.platform():
        assert Installation.objects.get().installed_at == at("2024-06-10 05:00")


def test_a_tick_works_what_fell_due_and_the_next_finds_nothing(db):
    with tenancy.platform():
        installation.install(at=at("2024-06-10"), scripted=True)
    with time_machine.travel(at("2024-06-11 04:00"), tick=False):
        reports = [tasks.tick(), tasks.tick()]

    assert [report["worked"] for report in reports] == [6, 0]
    with tenancy.platform():
        assert JobTick.objects.filter(done_at=None).count() == 0


def test_a_drain_of_a_run_that_is_done_does_nothing(platform):  # noqa: F811
    platform.shop("2023-10-01")
    with tenancy.platform():
        row = clearance.run_now(at=at("2024-06-20"), actor=JOB)

    first, second = tasks.drain(run_id=row.pk, spare=True), tasks.drain(run_id=row.pk)

    assert first and second
    with tenancy.platform():
        assert Run.objects.get().counts["eligible"] == 1


@pytest.mark.parametrize("task", [tasks.tick, tasks.sweep])
def test_tasks_leave_no_scope_behind(db, task):
    task()

    assert tenancy.current_scope() == tenancy.NOTHING
