"""The hash of a run's report: written down once, computed anew from the decisions, unequal when one was changed."""

from __future__ import annotations

import pytest
from django.db import connections, transaction

from compliance.models import ReportCheck, Run
from compliance.services import reports
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict
from members.models import PlatformAuditRow
from members.services.audit import Actor
from tests.compliance.services.conftest import at

JOB = Actor.job("test")
LATER = at("2024-07-05")


@pytest.fixture
def run(platform) -> Run:
    """The run of June: one program cleared, one kept."""
    shops = [platform.shop("2023-10-01") for _ in range(2)]
    platform.coupon(shops[1], "2024-05-01")
    platform.assess("2024-05-28 04:00")
    platform.run("2024-06-27 23:00")
    with tenancy.platform(), transaction.atomic():
        return Run.objects.get()


def work() -> int:
    with tenancy.platform():
        return reports.work(at=LATER)


def ask(run: Run) -> ReportCheck:
    with tenancy.platform():
        return reports.ask_check(run_id=run.pk, at=LATER, actor=JOB)


def test_the_hash_is_written_down_once_when_the_run_is_done(platform, run):
    first = work()
    with tenancy.platform():
        sealed = Run.objects.get()
    second = work()

    assert (first, second) == (1, 0)
    assert sealed.digest and sealed.sealed_at == LATER
    with tenancy.platform():
        assert Run.objects.get().digest == sealed.digest


def test_an_untouched_report_is_equal_and_the_check_is_audited(platform, run):
    work()
    asked, again = ask(run), ask(run)
    work()

    with tenancy.platform():
        found = ReportCheck.objects.select_related("run").get()
        row = PlatformAuditRow.objects.get(action="run.checked")
    assert asked.pk == again.pk == found.pk
    assert found.is_equal and row.after == {"digest": found.digest, "equal": True}


CHANGES = (
    "update compliance_decision set outcome = 2 where outcome = 1",
    "update compliance_decision set danger_at = danger_at - interval '1 second' where danger_at is not null",
    "update compliance_decision set rules = 1",
    "delete from compliance_decision where outcome = 2",
)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_decision_changed_behind_everybodys_back_makes_it_unequal(platform, run):
    work()
    hashes = []
    for change in CHANGES:
        with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
            cursor.execute("alter table compliance_decision disable trigger user")
            cursor.execute(change)
            cursor.execute("alter table compliance_decision enable trigger user")
        ask(run)
        work()
        with tenancy.platform(), transaction.atomic():
            found = ReportCheck.objects.select_related("run").first()
        assert not found.is_equal
        hashes.append(found.digest)

    assert len({*hashes, found.run.digest}) == len(CHANGES) + 1


def test_a_report_that_is_not_sealed_is_not_checked(platform, run):
    with pytest.raises(Conflict, match="not written down yet"):
        ask(run)

    with tenancy.platform():
        assert not ReportCheck.objects.exists()
