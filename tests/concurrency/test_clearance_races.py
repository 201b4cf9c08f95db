"""A run waits for writes in flight, and writes wait for a run: a close never overtakes a cure."""

from __future__ import annotations

import datetime as dt
import threading
import time

import pytest
from django.db import connections, transaction

from benefits.models import Benefit
from benefits.services import benefits
from compliance.models import Decision
from compliance.services import clearance, installation
from members.lib import tenant as tenancy
from members.lib.databases import owner_connection
from members.lib.refusals import ProgramCleared
from members.models import Member, MemberTag, PointsEntry, Program
from members.services import members, points, tags
from tests.compliance.services.conftest import JOB, Platform, at
from tests.factories.benefits import DRAW

RUN = at("2024-06-27 23:00")
WAIT = 30.0

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def doomed(transactional_db):
    """A shop that the run of 2024-06-27 is to clear, the run planned."""
    with tenancy.platform():
        installation.install(at=at("2023-09-01"), scripted=True)
    platform = Platform()
    shop = platform.shop("2023-10-01")
    platform.assess("2024-06-10 04:00")
    with tenancy.platform():
        run = clearance.scheduled(at=RUN)
        row, _made = clearance.plan(run=run)
    return shop, row


def until_somebody_waits_for_a_lock() -> None:
    """Ask the server until one of its sessions is blocked, for a bounded time."""
    deadline = time.monotonic() + WAIT
    name = connections["default"].settings_dict["NAME"]
    with owner_connection() as server:
        while not server.execute(
            "select exists (select from pg_locks l join pg_stat_activity a using (pid) "
            "where a.datname = %s and not l.granted)",
            [name],
        ).fetchone()[0]:
            assert time.monotonic() < deadline, "nobody waits"


def in_a_thread(work) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def drain(row) -> None:
    with tenancy.platform():
        clearance.drain(run_id=row.pk, at=RUN)


def publish(shop, when: str) -> None:
    with tenancy.tenant(shop.pk):
        benefits.publish_benefit(
            merchant_id=shop.pk,
            at=at(when),
            actor=JOB,
            kind="coupon",
            settings={"off_minor": 500},
            from_at=at(when),
        )


def test_a_cure_in_flight_is_waited_for_and_cures(doomed):
    shop, row = doomed

    with transaction.atomic(), tenancy.tenant(shop.pk):
        publish(shop, "2024-06-27 22:59")
        drainer = in_a_thread(lambda: drain(row))
        until_somebody_waits_for_a_lock()
    drainer.join(WAIT)

    with tenancy.platform(), transaction.atomic():
        decision = Decision.objects.get(run_id=row.pk)
        assert (decision.outcome, decision.reason) == ("kept", "covered")
        assert Program.objects.get(merchant=shop).status == "open"


def test_a_write_that_meets_a_close_in_flight_waits_and_is_refused(doomed):
    shop, row = doomed
    told = []

    def write() -> None:
        try:
            publish(shop, "2024-06-27 23:01")
        except ProgramCleared as refusal:
            told.append(refusal.slug)

    with tenancy.platform(), transaction.atomic():
        assert clearance.drain_chunk(run_id=row.pk)
        writer = in_a_thread(write)
        until_somebody_waits_for_a_lock()
    writer.join(WAIT)

    assert told == ["program-cleared"]
    with tenancy.platform(), transaction.atomic():
        assert Decision.objects.get(run_id=row.pk).outcome == "cleared"


# A write of each function that a clearance closes. Outreach has no writes yet.
def tag(shop, when: str) -> None:
    with tenancy.tenant(shop.pk), transaction.atomic():
        member = Member.objects.of(shop.pk).get()
        tags.add(merchant_id=shop.pk, at=at(when), actor=JOB, member_id=member.pk, name="raced")


def adjust(shop, when: str) -> None:
    with tenancy.tenant(shop.pk), transaction.atomic():
        member = Member.objects.of(shop.pk).get()
        points.adjust(
            merchant_id=shop.pk, at=at(when), actor=JOB, member_id=member.pk, points=7, key="r", reason="r"
        )


def recruit(shop, when: str, name: str = "raced") -> None:
    with tenancy.tenant(shop.pk):
        members.join(
            merchant_id=shop.pk,
            at=at(when),
            actor=JOB,
            channel="web",
            external_id=name,
            source="page",
            name=name,
        )


def draw(shop, when: str) -> None:
    """A benefit that cures nothing, so that the run clears all the same."""
    with tenancy.tenant(shop.pk):
        benefits.publish_benefit(
            merchant_id=shop.pk, at=at(when), actor=JOB, kind="lucky_draw", name="raced", from_at=at(when),
            to_at=at(when) + dt.timedelta(days=900), settings=DRAW,
        )  # fmt: skip


def traces(shop) -> list[int]:
    """How much there is of each write."""
    with tenancy.platform(), transaction.atomic():
        return [
            MemberTag.objects.filter(merchant_id=shop.pk).count(),
            PointsEntry.objects.filter(merchant_id=shop.pk).count(),
            Member.objects.filter(merchant_id=shop.pk).count(),
            Benefit.objects.filter(merchant_id=shop.pk).count(),
        ]


WRITES = pytest.mark.parametrize(
    ("write", "place"),
    [(tag, 0), (adjust, 1), (recruit, 2), (draw, 3)],
    ids=["member data", "points", "recruitment", "benefits"],
)


@WRITES
def test_a_write_of_each_function_that_is_in_flight_comes_before_the_close(doomed, write, place):
    shop, row = doomed
    recruit(shop, "2024-01-01", "before")
    before = traces(shop)

    with transaction.atomic(), tenancy.tenant(shop.pk):
        write(shop, "2024-06-27 22:59")
        drainer = in_a_thread(lambda: drain(row))
        until_somebody_waits_for_a_lock()
    drainer.join(WAIT)

    after = traces(shop)
    assert after[place] == before[place] + 1
    with tenancy.platform(), transaction.atomic():
        assert Decision.objects.get(run_id=row.pk).outcome == "cleared"
        assert Program.objects.get(merchant=shop).status == "cleared"


@WRITES
def test_a_write_of_each_function_that_meets_the_close_is_refused_and_leaves_nothing(doomed, write, place):
    shop, row = doomed
    recruit(shop, "2024-01-01", "before")
    before, told = traces(shop), []

    def late() -> None:
        try:
            write(shop, "2024-06-27 23:01")
        except ProgramCleared as refusal:
            told.append(refusal.slug)

    with tenancy.platform(), transaction.atomic():
        assert clearance.drain_chunk(run_id=row.pk)
        writer = in_a_thread(late)
        until_somebody_waits_for_a_lock()
    writer.join(WAIT)

    assert told == ["program-cleared"]
    assert traces(shop) == before


def test_two_workers_share_the_chunks_and_decide_each_program_once(transactional_db):
    with tenancy.platform():
        installation.install(at=at("2023-09-01"), scripted=True)
    platform = Platform()
    shops = [platform.shop("2023-10-01") for _ in range(12)]
    platform.assess("2024-06-10 04:00")
    with tenancy.platform():
        row, _made = clearance.plan(run=clearance.scheduled(at=RUN), chunk_size=2)

    for worker in [in_a_thread(lambda: drain(row)) for _ in range(3)]:
        worker.join(WAIT)
    drain(row)

    with tenancy.platform(), transaction.atomic():
        row.refresh_from_db()
        assert (row.state, row.cleared) == ("done", 12)
        assert Decision.objects.filter(run_id=row.pk).count() == len(shops)
