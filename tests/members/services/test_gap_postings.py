"""The orders of a closure are posted on request, once, whoever asks and however often work breaks off (domain.md 2)."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from compliance.services import ticks
from members.lib import queue
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, NotFound, ProgramNotOpen
from members.models import AuditRow, Closure, GapPosting, Member, Order, TierMove, TierStanding, WorkState
from members.selectors import gap_postings as selector
from members.services import gap_postings, leases
from tests.members.services.till import JOB, Till, at

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
ASKED = at("2024-05-02")


def closure_of(till: Till) -> Closure:
    with tenancy.tenant(till.id), transaction.atomic():
        return Closure.objects.of(till.id).latest("from_at")


def begin(till: Till, when: Any = ASKED) -> GapPosting:
    with tenancy.tenant(till.id):
        return gap_postings.begin(merchant_id=till.id, closure_id=closure_of(till).pk, at=at(when), actor=JOB)


def work(till: Till, job: GapPosting, chunk: int = 2) -> GapPosting | None:
    with tenancy.tenant(till.id):
        return gap_postings.work(merchant_id=till.id, job_id=job.pk, now=lambda: ASKED, chunk=chunk)


MOVED = (
    (Order, ["id"], ["external_id", "posted", "per_major", "multiplier", "pending_days", "postings"]),
    (TierMove, ["id"], ["cause", "spend_minor", "orders"]),
    (TierStanding, [], ["valid_until"]),
)


def rows_of(till: Till) -> list[list[tuple[Any, ...]]]:
    """What posting may move, by people's names, whatever ids it has."""
    names: dict[int | None, str] = {pk: name for name, pk in till.members.items()}
    with tenancy.tenant(till.id), transaction.atomic():
        return [
            [
                (names.get(member, ""), *row)
                for member, *row in model.objects.of(till.id)
                .order_by("member_id", *order)
                .values_list("member_id", *what)
            ]
            for model, order, what in MOVED
        ]


def lived(name: str = "shop", people: int = 5) -> Till:
    """A shop that was closed for April: in March everybody bought and earned, in April some bought, some gave back."""
    till = Till(name, rules={"tier_multipliers": {}})
    for n in range(people - 1):
        till.join(f"u{n}")
    members = sorted(till.members)
    for n, member in enumerate(members):
        till.put("2024-03-02", f"before{n}", 50_00, member=member)
    till.close("2024-04-01")
    for n, member in enumerate(members):
        till.put("2024-04-05", f"gap{n}", 100_00 + n, member=member)
        till.put("2024-04-06", f"more{n}", 20_00, member=member)
        if n % 2:
            till.refund("2024-04-07", f"before{n}", "r")
            till.refund("2024-04-08", f"gap{n}", "r")
    till.put("2024-04-09", "nobody", 900_00, member=None)
    till.open("2024-05-01")
    return till


def test_a_request_posts_what_the_closure_kept_back():
    till = lived(people=2)
    assert till.balance("m") == (50, 0, 0) and till.balance("u0") == (50, 0, 0)
    with tenancy.tenant(till.id), transaction.atomic():
        told = gap_postings.foresee(closure=closure_of(till), at=ASKED)
    assert told == (4, 2, 100 + 20 + 20, 50, True)

    job = begin(till)

    assert (job.state, job.orders, job.refunds, job.earned, job.taken) == (WorkState.DONE, 4, 2, 140, 50)
    assert till.entries("m") == [("earn", 50, 0), ("earn", 100, 0), ("earn", 20, 0)]
    assert till.entries("u0") == [("earn", 50, 0), ("clawback", -50, 0), ("earn", 20, 0)]
    assert till.entry("m").at == ASKED
    till.prove()
    with tenancy.tenant(till.id), transaction.atomic():
        actions = AuditRow.objects.of(till.id).order_by("-id").values_list("action", flat=True)[:2]
        assert list(actions) == ["program.gap_posted", "program.gap_asked"]
        assert Order.objects.of(till.id).get(external_id="nobody").rules_version is None


def test_the_rate_is_that_of_the_posting_and_the_policy_that_of_the_refund():
    till = Till(rules={"clawback": "only_pending"})
    till.put("2024-03-02", "before", 50_00)
    till.close("2024-04-01")
    till.refund("2024-04-02", "before", "r")
    till.put("2024-04-03", "gap", 10_00)
    till.open("2024-05-01")
    till.configure(
        "2024-05-01 13:00", per_major=Decimal(3), clawback="allow_deficit", pending_days=4000 // 400
    )

    begin(till)

    assert till.entries() == [("earn", 50, 0), ("earn", 30, 0)]  # due since the 13th of April


def test_asked_again_it_is_the_same_posting():
    till = lived(people=2)
    first = begin(till)
    picture = till.picture()

    assert begin(till, "2024-05-03").pk == first.pk
    assert till.picture() == picture


def test_who_was_erased_meanwhile_gets_nothing():
    till = lived(people=2)
    with tenancy.tenant(till.id), transaction.atomic():
        Member.objects.of(till.id).filter(pk=till.members["m"]).update(status="erased")

    job = begin(till)

    assert (job.orders, till.entries("m")) == (2, [("earn", 50, 0)])


def test_a_second_closure_has_a_posting_of_its_own():
    till = lived(people=2)
    begin(till)
    till.close("2024-06-01")
    till.put("2024-06-02", "later", 7_00)
    till.open("2024-06-03")

    job = begin(till, "2024-06-04")

    assert (job.orders, job.refunds, till.last()) == (1, 0, ("earn", 7, 0))


def test_what_cannot_be_posted_is_refused_and_nothing_moves():
    till = Till()
    till.close("2024-04-01")
    till.put("2024-04-02", "gap", 10_00)
    assert isinstance(till.refused(begin, till), ProgramNotOpen)
    till.open("2024-05-01")
    till.close("2024-05-03")
    till.open("2024-05-04")
    assert isinstance(till.refused(begin, till), Conflict)  # the last closure kept nothing back
    with tenancy.tenant(till.id), pytest.raises(NotFound):
        gap_postings.begin(merchant_id=till.id, closure_id=closure_of(till).pk + 99, at=ASKED, actor=JOB)


def test_a_new_life_after_a_clearance_begins_without_the_orders_before_it():
    till = lived(people=2)
    with tenancy.tenant(till.id), transaction.atomic():
        Closure.objects.of(till.id).update(kind="cleared", ended_by="reopened")
        assert selector.closures(merchant_id=till.id) == []

    refusal = till.refused(begin, till)

    assert isinstance(refusal, Conflict) and "former life" in str(refusal.detail)
    with tenancy.tenant(till.id), transaction.atomic():
        Closure.objects.of(till.id).update(ended_by="restored")
    assert begin(till).orders == 4


def test_an_earlier_closure_of_the_former_life_is_not_posted_into_the_new_one_either():
    till = lived(people=2)
    earlier = closure_of(till).pk
    till.close("2024-05-10")
    till.open("2024-05-20")
    with tenancy.tenant(till.id), transaction.atomic():
        Closure.objects.of(till.id).exclude(pk=earlier).update(kind="cleared", ended_by="reopened")
        assert selector.closures(merchant_id=till.id) == []
    before = rows_of(till)

    with tenancy.tenant(till.id), pytest.raises(Conflict, match="former life"):
        gap_postings.begin(merchant_id=till.id, closure_id=earlier, at=ASKED, actor=JOB)

    assert rows_of(till) == before
    till.close("2024-06-01")
    till.open("2024-06-03")
    with tenancy.tenant(till.id), transaction.atomic():
        assert selector.closures(merchant_id=till.id) == [closure_of(till)]


@pytest.fixture
def everybody_is_many(monkeypatch):
    monkeypatch.setattr(gap_postings, "SMALL", 0)


class Killed(BaseException):
    """What ends a worker in the middle of a chunk."""


@pytest.mark.usefixtures("everybody_is_many")
@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_work_that_breaks_off_and_goes_on_equals_work_in_one_go(chunks, monkeypatch):
    with queue.muted():
        whole = lived("whole")
        begin(whole)
    till = lived("parts")
    job = begin(till)
    assert job.state == WorkState.QUEUED
    written, done = gap_postings.webhook_events.told, []

    def told(*what, **more):
        if len(done) == chunks:
            raise Killed
        done.append(1)
        return written(*what, **more)

    with monkeypatch.context() as patch:
        patch.setattr(gap_postings.webhook_events, "told", told)
        with suppress(Killed):
            work(till, job)
    assert len(done) == chunks
    if chunks == 1:  # an order of one who waits, and one of the gap sent again
        for each in (till, whole):
            each.put(ASKED, "now", 3_00, member="u3")

    job = work(till, job)

    assert job is not None and (job.state, job.position, job.total) == (WorkState.DONE, 5, 5)
    assert (job.orders, job.earned) == (10, sum(100 + 20 for _ in range(3)) + 20 * 2)
    posted = rows_of(till)
    assert posted[1:] == rows_of(whole)[1:]
    assert sorted(posted[0]) == sorted(rows_of(whole)[0])
    assert {name: till.balance(name) for name in till.members} == {n: whole.balance(n) for n in whole.members}
    till.prove()
    assert work(till, job) is None


@pytest.mark.usefixtures("everybody_is_many")
def test_a_closure_meanwhile_stops_the_work_and_it_goes_on_when_open_again():
    till = lived()
    job = begin(till)
    till.close("2024-05-03")
    picture = till.picture()

    stopped = work(till, job)

    assert stopped is not None and stopped.state == WorkState.FAILED and "closed" in stopped.failure
    assert till.picture() == picture
    with tenancy.tenant(till.id), pytest.raises(ProgramNotOpen):
        gap_postings.go_on(merchant_id=till.id, public_id=job.public_id)
    till.open("2024-05-04")
    with tenancy.tenant(till.id):
        gap_postings.go_on(merchant_id=till.id, public_id=job.public_id)
    finished = work(till, job)
    assert finished is not None and finished.state == WorkState.DONE
    till.prove()


@pytest.mark.usefixtures("everybody_is_many")
def test_a_posting_under_way_does_not_reach_into_a_new_life():
    till = lived()
    job = begin(till)
    till.close("2024-05-03")
    till.open("2024-05-04")
    with tenancy.tenant(till.id), transaction.atomic():
        Closure.objects.of(till.id).filter(from_at__gt=job.asked_at).update(
            kind="cleared", ended_by="reopened"
        )
    before = till.picture()

    stopped = work(till, job)

    assert stopped is not None and stopped.state == WorkState.FAILED and "former life" in stopped.failure
    with tenancy.tenant(till.id), pytest.raises(Conflict, match="former life"):
        gap_postings.go_on(merchant_id=till.id, public_id=job.public_id)
    assert till.picture() == before


@pytest.mark.usefixtures("everybody_is_many")
def test_the_sweep_sends_what_nobody_works_on(monkeypatch):
    till, sent = lived(people=2), []
    job = begin(till)
    monkeypatch.setattr(queue, "enqueue", lambda name, **ids: sent.append((name, ids.get("job_id"))))

    with tenancy.platform():
        ticks.sweep(at=ASKED)

    assert (gap_postings.TASK, job.pk) in sent


def test_the_preview_of_many_is_told_from_some(monkeypatch):
    monkeypatch.setattr(gap_postings, "SAMPLE", 2)
    till = lived()
    with tenancy.tenant(till.id), transaction.atomic():
        told = gap_postings.foresee(closure=closure_of(till), at=ASKED)
        assert selector.count(closure_of(till)) == (10, 5)
    assert told is not None and (told.orders, told.members, told.is_exact) == (10, 5, False)
    assert 200 <= told.earned <= 600


def test_a_worker_has_it_alone():
    till = lived(people=2)
    job = begin(till)
    with tenancy.tenant(till.id):
        assert leases.claim(GapPosting, merchant_id=till.id, pk=job.pk) is None  # it is done


def test_an_order_that_the_close_overtook_is_of_the_closure():
    till = Till()
    till.close("2024-04-01 12:00:00")
    till.put("2024-04-01 11:59:59", "late", 100_00)
    till.open("2024-05-01")

    job = begin(till)

    assert (job.orders, job.earned) == (1, 100)
