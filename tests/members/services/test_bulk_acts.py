"""Acts on many members: done in chunks, once, with what became of each; taken back from who is still as they left."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid
from members.models import BulkAct, BulkActMember, Member, MemberTag, TierMove, TierStanding, WorkState
from members.services import leases, tags, tier_hand, tier_lifts, tier_rules
from members.services.audit import Actor
from members.services.bulk_acts import jobs, kinds, work
from members.services.leases import MOST_ATTEMPTS
from tests.factories import ledger

AT = dt.datetime(2026, 6, 1, 4, tzinfo=dt.UTC)
LATER = AT + dt.timedelta(hours=1)
LADDER = [
    {"code": "base", "name": "Member"},
    {"code": "silver", "name": "Silver", "all": {"spend_minor": 100_000}},
    {"code": "gold", "name": "Gold", "all": {"spend_minor": 500_000}},
]


@pytest.fixture
def actor(cast):
    return Actor.person(cast.owner)


@pytest.fixture
def shop(cast):
    """Five members of a program with three tiers."""
    ledger.open_shop(cast.shop, AT - dt.timedelta(days=1))
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        tier_rules.configure(
            merchant_id=cast.shop.pk, at=AT - dt.timedelta(hours=9), actor=Actor.job("test"), ladder=LADDER
        )
    for n in range(5):
        ledger.join(cast.shop, AT - dt.timedelta(hours=5 - n), f"u{n}")
    return cast.shop


def people(shop) -> list[Member]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(Member.objects.of(shop).order_by("pk"))


def begin(shop, actor, kind, at=AT, role="owner", reason="spring", once="", shown=None, **given) -> BulkAct:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return jobs.create(
            shown=shown,
            merchant=shop,
            at=at,
            actor=actor,
            role=role,
            kind=kind,
            given=given,
            reason=reason,
            members=Member.objects.of(shop),
            once=once,
        )


def do(shop, act, at=AT, **more) -> BulkAct:
    with tenancy.tenant(shop.pk):
        found = work.work(merchant_id=shop.pk, job_id=act.pk, now=at if callable(at) else lambda: at, **more)
    assert found is not None
    return found


def undo(shop, act, actor, at=LATER, role="owner") -> BulkAct:
    with tenancy.tenant(shop.pk):
        jobs.undo(merchant_id=shop.pk, public_id=act.public_id, at=at, actor=actor, role=role)
    return do(shop, act, at=at, chunk=2)


def tagged(shop) -> list[int]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return sorted(MemberTag.objects.of(shop).filter(name="vip").values_list("member_id", flat=True))


def tiers(shop) -> dict[int, tuple[str, dt.date | None]]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = TierStanding.objects.of(shop).select_related("tier")
        return {row.member_id: (row.tier.code, row.valid_until) for row in rows}


def outcomes(shop, act, field="outcome") -> list[str]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = BulkActMember.objects.of(shop).filter(act_id=act.pk).order_by("member_id")
        return list(rows.values_list(field, flat=True))


def hand(shop, service, member, at, **more):
    with tenancy.tenant(shop.pk), transaction.atomic():
        service(merchant_id=shop.pk, member_id=member.pk, at=at, actor=Actor.job("test"), **more)


def test_a_tag_goes_on_everybody_and_undoing_leaves_who_had_it_or_got_it_anew(shop, actor):
    first, second, *_rest = people(shop)
    hand(shop, tags.add, first, AT, name="vip")

    act = do(shop, begin(shop, actor, "tag", tag=" vip "), at=LATER, chunk=2)

    assert (act.state, act.total, act.position, act.changed) == (WorkState.DONE, 5, 5, 4)
    assert outcomes(shop, act) == ["same", *["changed"] * 4]
    hand(shop, tags.remove, second, LATER, name="vip")
    hand(shop, tags.add, second, LATER + dt.timedelta(minutes=1), name="vip")
    act = undo(shop, act, actor, at=LATER + dt.timedelta(hours=2))
    assert tagged(shop) == [first.pk, second.pk]
    assert (act.state, act.undone) == (WorkState.UNDONE, 3)
    assert outcomes(shop, act, "undone") == ["", "left", *["undone"] * 3]


def test_a_tag_taken_off_comes_back(shop, actor):
    do(shop, begin(shop, actor, "tag", tag="vip"))
    act = do(shop, begin(shop, actor, "untag", tag="vip"))
    assert tagged(shop) == []

    undo(shop, act, actor)

    assert tagged(shop) == [member.pk for member in people(shop)]


def test_a_tier_is_given_to_who_is_below_it_and_undone_where_nothing_moved_since(shop, actor):
    first, second, *rest = people(shop)
    hand(shop, tier_hand.set_tier, first, AT, tier="gold", until=dt.date(2026, 9, 1), reason="friend")
    before = tiers(shop)
    until = dt.date(2026, 12, 31)

    act = do(shop, begin(shop, actor, "tier", tier="silver", until=until), at=LATER, chunk=3)

    assert outcomes(shop, act) == ["refused", *["changed"] * 4]
    assert tiers(shop) == {first.pk: before[first.pk]} | {m.pk: ("silver", until) for m in (second, *rest)}
    later = LATER + dt.timedelta(hours=1)
    hand(shop, tier_hand.set_tier, second, later, tier="gold", until=dt.date(2026, 10, 1), reason="more")
    act = undo(shop, act, actor, at=later)
    assert outcomes(shop, act, "undone") == ["", "left", *["undone"] * 3]
    assert tiers(shop)[second.pk] == ("gold", dt.date(2026, 10, 1))
    assert all(tiers(shop)[member.pk] == ("base", None) for member in rest)


def test_undoing_leaves_whom_an_edit_that_is_still_worked_off_has_lifted(shop, actor, monkeypatch):
    first, *_rest = people(shop)
    ledger.buy(shop, first, "o1", AT - dt.timedelta(minutes=30), 50_000)
    act = do(shop, begin(shop, actor, "tier", tier="silver", until=dt.date(2026, 12, 31)), at=LATER)
    monkeypatch.setattr(tier_lifts, "SMALL", 0)
    easier = [*LADDER[:2], LADDER[2] | {"all": {"orders": 1}}]
    with tenancy.tenant(shop.pk), transaction.atomic():
        edited = LATER + dt.timedelta(minutes=1)
        tier_rules.configure(merchant_id=shop.pk, at=edited, actor=actor, ladder=easier, in_background=True)

    act = undo(shop, act, actor, at=LATER + dt.timedelta(hours=1))

    assert outcomes(shop, act, "undone") == ["left", *["undone"] * 4]
    assert tiers(shop)[first.pk][0] == "gold"


def test_points_are_taken_from_who_has_them_and_each_is_told_why_not(shop, actor):
    first, *_rest = people(shop)
    ledger.adjust(shop, first, 50, AT)

    act = do(shop, begin(shop, actor, "points", points=-20), at=LATER)

    assert (act.changed, act.refused) == (1, 4)
    assert all(outcomes(shop, act, "why")[1:])
    undo(shop, act, actor, at=LATER + dt.timedelta(hours=1))
    assert ledger.standing(shop, first, LATER + dt.timedelta(hours=2))["available"] == 50
    assert ledger.mismatches(LATER + dt.timedelta(hours=2)) == 0


def test_points_given_are_taken_back_but_from_who_spent_them(shop, actor):
    first, *_rest = people(shop)
    act = do(shop, begin(shop, actor, "points", points=30), chunk=2)
    ledger.adjust(shop, first, -25, LATER)

    act = undo(shop, act, actor, at=LATER + dt.timedelta(hours=1))

    balances = [ledger.standing(shop, m, LATER + dt.timedelta(hours=2))["available"] for m in people(shop)]
    assert balances == [5, 0, 0, 0, 0]
    assert outcomes(shop, act, "undone") == ["left", *["undone"] * 4]


def test_nobody_gives_more_than_one_person_may(shop, actor):
    ledger.configure(shop, AT - dt.timedelta(hours=6), adjust_limit=100)

    with pytest.raises(Invalid):
        begin(shop, actor, "points", points=101)
    for wrong in ({"points": 0}, {"points": True}, {"points": None}):
        with pytest.raises(Invalid):
            begin(shop, actor, "points", **wrong)
    with pytest.raises(Invalid):
        begin(shop, actor, "points", role="operator", points=1)
    with pytest.raises(Invalid):
        begin(shop, actor, "points", reason=" ", points=1)
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert not BulkAct.objects.of(shop).exists()


def test_a_worker_that_died_in_a_chunk_moves_nothing_twice(shop, actor, monkeypatch):
    act, whole, calls = begin(shop, actor, "points", points=7), kinds.DO["points"], []

    def dies(now, rows):
        whole(now, rows)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setitem(kinds.DO, "points", dies)
    with pytest.raises(KeyboardInterrupt):
        do(shop, act, chunk=2)
    monkeypatch.undo()

    act = do(shop, act, at=LATER, chunk=2)

    assert (act.position, act.changed) == (5, 5)
    assert [ledger.standing(shop, m, LATER)["available"] for m in people(shop)] == [7] * 5


def test_an_act_is_undone_within_72_hours_only_and_begun_once(shop, actor):
    act = begin(shop, actor, "tag", tag="vip", once="a" * 16)
    assert begin(shop, actor, "tag", tag="vip", once="a" * 16).pk == act.pk
    for given in ({"tag": "other"}, {"tag": "other", "once": "a" * 16}, {"tag": "vip", "reason": "summer"}):
        with pytest.raises(Conflict):
            begin(shop, actor, "tag", **given)
    with pytest.raises(Conflict):
        begin(shop, actor, "untag", tag="vip", once="a" * 16)
    do(shop, act)

    with pytest.raises(Conflict):
        undo(shop, act, actor, at=AT + dt.timedelta(hours=72, seconds=1))
    assert len(tagged(shop)) == 5


def ticking(start: dt.datetime, step: dt.timedelta = dt.timedelta(hours=1)):
    """A clock that has gone on by a step each time it is asked."""
    ticks = [start]

    def now() -> dt.datetime:
        ticks.append(ticks[-1] + step)
        return ticks[-2]

    return now


def test_each_chunk_happens_at_its_own_time_and_the_end_after_the_last(shop, actor):
    act = begin(shop, actor, "tag", tag="vip")

    act = do(shop, act, at=ticking(LATER), chunk=2)

    marks = [dt.datetime.fromisoformat(mark["at"]) for mark in outcomes(shop, act, "mark")]
    hours = [(at - LATER) / dt.timedelta(hours=1) for at in marks]
    assert hours == [0, 0, 1, 1, 2]
    assert act.finished_at == LATER + dt.timedelta(hours=3)
    assert jobs.undo_until(act) == act.finished_at + jobs.UNDO_FOR

    begun = LATER + dt.timedelta(hours=5)
    with tenancy.tenant(shop.pk):
        jobs.undo(merchant_id=shop.pk, public_id=act.public_id, at=begun, actor=actor, role="owner")
    act = do(shop, act, at=ticking(begun), chunk=2)
    assert act.undone_at == begun + dt.timedelta(hours=3)


def test_what_moved_while_an_act_went_on_lies_before_what_the_act_does(shop, actor):
    """A tier given by hand between the chunks counts, and the moves stay in the order in which they happened."""
    *_first, last = people(shop)
    act = begin(shop, actor, "tier", tier="silver", until=dt.date(2026, 12, 31))
    by_hand = LATER + dt.timedelta(minutes=30)
    hand(shop, tier_hand.set_tier, last, by_hand, tier="silver", until=dt.date(2026, 9, 1), reason="friend")
    hand(shop, tier_hand.set_tier, last, by_hand, tier="base", until=None, reason="no friend")

    do(shop, act, at=ticking(LATER, dt.timedelta(minutes=20)), chunk=2)

    with tenancy.tenant(shop.pk), transaction.atomic():
        moves = list(TierMove.objects.of(shop).filter(member_id=last.pk).order_by("pk"))
    assert [move.at for move in moves] == sorted(move.at for move in moves)
    assert moves[-1].at == LATER + dt.timedelta(minutes=40)


def breaks(now, rows):
    raise RuntimeError("broken")


def tries(shop, act, times: int) -> None:
    for _n in range(times):
        with pytest.raises(RuntimeError):
            do(shop, act, at=LATER, chunk=2)


def test_an_act_that_breaks_off_eight_times_at_one_place_has_failed_and_the_next_may_begin(
    shop, actor, monkeypatch
):
    act = begin(shop, actor, "tag", tag="vip")
    monkeypatch.setitem(kinds.DO, "tag", breaks)

    tries(shop, act, MOST_ATTEMPTS)
    act = do(shop, act, at=LATER)

    assert (act.state, act.position, act.finished_at) == (WorkState.FAILED, 0, LATER)
    assert str(MOST_ATTEMPTS) in act.failure
    assert tagged(shop) == []
    with tenancy.platform():
        assert leases.requeue(BulkAct, jobs.TASK) == 0
    begin(shop, actor, "tag", tag="other")


def test_attempts_are_counted_anew_once_a_chunk_is_done(shop, actor, monkeypatch):
    act = begin(shop, actor, "tag", tag="vip")
    whole, calls = kinds.DO["tag"], []

    def one_then_breaks(now, rows):
        calls.append(1)
        if len(calls) % 2 == 0:
            raise RuntimeError("broken")
        whole(now, rows)

    monkeypatch.setitem(kinds.DO, "tag", breaks)
    tries(shop, act, MOST_ATTEMPTS - 1)
    monkeypatch.setitem(kinds.DO, "tag", one_then_breaks)
    tries(shop, act, 1)

    with tenancy.tenant(shop.pk), transaction.atomic():
        act = BulkAct.objects.of(shop).get(pk=act.pk)
    assert (act.state, act.position, act.attempts) == (WorkState.RUNNING, 2, 0)


def test_an_undoing_that_broke_off_eight_times_blocks_nobody_and_is_begun_again_by_hand(
    shop, actor, monkeypatch
):
    act = do(shop, begin(shop, actor, "tag", tag="vip"))
    with tenancy.tenant(shop.pk):
        jobs.undo(merchant_id=shop.pk, public_id=act.public_id, at=LATER, actor=actor, role="owner")
    monkeypatch.setitem(kinds.UNDO, "tag", breaks)

    tries(shop, act, MOST_ATTEMPTS)
    act = do(shop, act, at=LATER)

    assert (act.state, act.undone, act.finished_at) == (WorkState.FAILED, 0, AT)
    assert len(tagged(shop)) == 5
    do(shop, begin(shop, actor, "tag", tag="other"))
    monkeypatch.undo()
    late = AT + dt.timedelta(hours=100)  # it was begun in time
    act = undo(shop, act, actor, at=late)
    assert (act.state, act.undone, act.failure) == (WorkState.UNDONE, 5, "")
    assert tagged(shop) == []


def test_who_may_not_begin_an_act_may_not_stop_it(shop, actor):
    act = begin(shop, actor, "points", points=5)

    def stop(role):
        with tenancy.tenant(shop.pk):
            return jobs.cancel(merchant_id=shop.pk, public_id=act.public_id, at=LATER, actor=actor, role=role)

    with pytest.raises(Invalid):
        stop("operator")

    assert do(shop, act).changed == 5
    act = begin(shop, actor, "tag", tag="vip")
    assert stop("operator").state == WorkState.CANCELLED


def test_nothing_begins_on_more_or_fewer_than_were_shown(shop, actor):
    for shown in (4, 6):
        with pytest.raises(Conflict):
            begin(shop, actor, "tag", tag="vip", shown=shown)
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert not BulkAct.objects.of(shop).exists()
        assert not BulkActMember.objects.of(shop).exists()

    assert begin(shop, actor, "tag", tag="vip", shown=5).total == 5
