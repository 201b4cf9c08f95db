"""An edit of a large program's rules is worked off in chunks, and every row is as if all had been lifted at once.

Twins tell it: two shops live the same life; one lifts everybody with the edit, the other in chunks that break off, with
orders, refunds, nights and tiers by hand landing in between.
"""

from __future__ import annotations

import datetime as dt
import random
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from compliance.services import life, ticks
from members.lib import queue
from members.lib import tenant as tenancy
from members.lib.periods import daily_job_instant, merchant_day
from members.lib.tiers import Tier, TierRules
from members.models import (
    Member,
    PointsEntry,
    PointsLot,
    Program,
    RulesVersion,
    TierLift,
    TierLiftMember,
    TierMove,
    TierStanding,
    TierValidity,
    WorkState,
)
from members.selectors import tier_lifts as selector
from members.services import daily, leases, orders, tier_hand, tier_lifts, tier_rules
from tests.members.services.till import JOB, ZONE, Till, at

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
PEOPLE = 8
EDITED = at("2024-03-10 10:00")
BASE = {"code": "base", "name": "Base"}


def rung(code: str, welcome: int = 0, **needs: Any) -> dict[str, Any]:
    return {"code": code, "name": code.title(), "welcome": welcome, **needs}


BEFORE = {
    "ladder": [BASE, rung("silver", all={"spend_minor": 20_000}), rung("gold", all={"spend_minor": 60_000})]
}
EDITS: list[dict[str, Any]] = [
    {"ladder": [BASE, rung("silver", 30, all={"orders": 1}), rung("gold", 500, all={"spend_minor": 25_000})],
     "targets": {"black": "gold"}},
    {
        "ladder": [BASE, rung("gold", 70, all={"spend_minor": 30_000}), rung("black", 9, all={"spend_minor": 50_000})],
        "targets": {"silver": "gold"},
        "window": {"kind": "rolling", "days": 30},
    },
    {"ladder": [BASE, rung("silver", 11, any={"orders": 2, "spend_minor": 9_000})],
     "targets": {"gold": "silver", "black": "silver"}, "window": {"kind": "membership_year"}, "validity_months": 2},
    {"ladder": [BASE, rung("silver", all={"growth": 150})], "targets": {"gold": "base", "black": "silver"},
     "growth": {"spend_minor": Decimal("0.01"), "orders": Decimal(20)}, "grace_days": 3},
]  # fmt: skip

TURNS = [*((each, None) for each in EDITS), (EDITS[1], EDITS[0]), (EDITS[0], EDITS[2])]


def edit(till: Till, when: dt.datetime, *, in_background: bool = False, **options: Any) -> TierLift | None:
    with tenancy.tenant(till.id), transaction.atomic():
        version = tier_rules.configure(
            merchant_id=till.id, at=when, actor=JOB, in_background=in_background, **options
        )
        return selector.of_version(merchant_id=till.id, version=version)


def work(till: Till, lift: TierLift, chunk: int = 3) -> TierLift | None:
    with tenancy.tenant(till.id):
        return tier_lifts.work(merchant_id=till.id, job_id=lift.pk, now=lambda: EDITED + HOUR, chunk=chunk)


def finished(till: Till, lift: TierLift) -> TierLift:
    """The lift when everybody had the turn, if need be by a worker who takes it up now."""
    work(till, lift)
    with tenancy.tenant(till.id), transaction.atomic():
        lift.refresh_from_db()
    assert lift.state == WorkState.DONE
    return lift


@pytest.fixture(autouse=True)
def everybody_is_many(monkeypatch):
    monkeypatch.setattr(tier_lifts, "SMALL", 0)


class Killed(BaseException):
    """What ends a worker in the middle of a chunk."""


def some_chunks(till: Till, lift: TierLift, chunks: int, monkeypatch) -> None:
    """A worker that dies in the middle of the chunk after so many."""
    whole, done = leases.held, []

    def held(*what):
        if len(done) == chunks:
            raise Killed
        done.append(1)
        return whole(*what)

    with monkeypatch.context() as patch:
        patch.setattr(leases, "held", held)
        with suppress(Killed):
            work(till, lift, chunk=2)


def lived(name: str, seed: int) -> Till:
    """A shop of eight people who bought for three months."""
    chance, till = random.Random(seed), Till(name)
    edit(till, at("2023-12-02"), **BEFORE)
    till.configure(
        "2023-12-03", tier_multipliers={"gold": Decimal(2)}, expiry={"kind": "rolling", "months": 12}
    )
    for n in range(PEOPLE - 1):
        till.join(f"u{n}", at("2023-12-05") + n * DAY)
    for n in range(14):
        day = at("2024-01-02") + (4 * n + chance.randrange(3)) * DAY
        till.put(
            day,
            f"o{n}",
            chance.choice([900, 8_000, 21_000, 31_000]),
            member=chance.choice(sorted(till.members)),
        )
    return till


def happens(till: Till, what: tuple[str, int, int, str], when: dt.datetime) -> None:
    """One thing that lands while members wait."""
    kind, number, amount, member = what
    if kind == "put":
        till.put(when, f"p{number}", amount, member=member, paid_at=when - number * DAY)
    elif kind == "again":
        till.put(when, f"o{number}", amount + 1, member=None)
    elif kind == "refund":
        till.refund(when, f"o{number}", f"r{number}")
    elif kind == "hand":
        with tenancy.tenant(till.id), transaction.atomic():
            code = rung_of(till, number)
            tier_hand.set_tier(
                merchant_id=till.id, member_id=till.members[member], at=when, actor=JOB, tier=code,
                until=merchant_day(when, ZONE) + 40 * DAY, reason="a test",
            )  # fmt: skip
    elif kind == "night":
        with tenancy.platform():
            daily.recalculate_due(zone=ZONE.key, at=daily_job_instant(merchant_day(when, ZONE), ZONE))


def rung_of(till: Till, number: int) -> str:
    version = RulesVersion.objects.of(till.id).order_by("-number").first()
    tier_id = version.ladder[number % len(version.ladder)]["tier"]
    return tier_rules.Tier.objects.of(till.id).get(pk=tier_id).code


def rows_of(till: Till) -> dict[str, list[tuple]]:
    """Everything that tells tiers and points, by the members' and tiers' own names."""
    names = {pk: name for name, pk in till.members.items()}
    with tenancy.tenant(till.id), transaction.atomic():
        tiers = dict(tier_rules.Tier.objects.of(till.id).values_list("id", "code"))
        own: dict[Any, Any] = {
            "standing": TierStanding.objects.values_list("member_id", "tier_id", "since", "valid_until"),
            "validity": TierValidity.objects.values_list("member_id", "tier_id", "valid_until"),
            "moves": TierMove.objects.order_by("member_id", "at", "id").values_list(
                "member_id", "from_tier_id", "to_tier_id", "at", "cause", "rules_version", "spend_minor", "orders",
                "points_earned", "growth",
            ),
            "entries": PointsEntry.objects.values_list(
                "member_id", "sequence", "at", "kind", "points", "balance_after", "rules_version"
            ),
            "lots": PointsLot.objects.values_list("member_id", "number", "remaining", "expires_on"),
        }  # fmt: skip
        found: dict[str, list[tuple]] = {}
        for what, rows in own.items():
            width = 3 if what == "moves" else 2 if what in ("standing", "validity") else 1
            found[what] = [
                (names[row[0]], *(tiers.get(tier) for tier in row[1:width]), *row[width:])
                for row in rows.filter(merchant_id=till.id)
            ]
        return {what: rows if what == "moves" else sorted(rows, key=str) for what, rows in found.items()}


@pytest.mark.parametrize("seed", range(len(TURNS)))
def test_lifting_in_chunks_that_break_off_equals_lifting_at_once_whatever_lands_between(
    db, monkeypatch, seed
):
    chance = random.Random(seed)
    one, many = lived("at once", seed), lived("in chunks", seed)
    first, second = TURNS[seed]

    edit(one, EDITED, **first)
    lift = edit(many, EDITED, in_background=True, **first)
    assert lift is not None and lift.state == WorkState.QUEUED
    for step in range(6):
        what = (
            chance.choice(["put", "put", "put", "again", "refund", "hand", "night"]),
            chance.randrange(14),
            chance.choice([500, 22_000, 40_000]),
            chance.choice(sorted(one.members)),
        )
        some_chunks(many, lift, chance.choice([0, 0, 1]), monkeypatch)
        for till in (one, many):
            happens(till, what, EDITED + (step + 1) * HOUR)
        if second and step == 2:
            later = EDITED + (step + 1) * HOUR + HOUR / 2
            edit(one, later, **second)
            following = edit(many, later, in_background=True, **second)
            assert following is not None
            with tenancy.tenant(many.id), transaction.atomic():
                lift.refresh_from_db()
            assert not lift.is_worked or work(many, following) is None  # edits have their turns in order
    done = finished(many, lift)
    if second:
        finished(many, following)

    assert rows_of(many) == rows_of(one)
    with tenancy.tenant(many.id), transaction.atomic():
        assert not Program.objects.get(pk=many.id).is_lifting
        assert not TierLiftMember.objects.of(many.id).exists()
        ours, theirs = ({(a, b): n for a, b, n in named_flows(till)} for till in (many, one))
    assert ours == theirs and sum(ours.values()) == done.moved
    assert (done.position, done.total) == (PEOPLE, PEOPLE)
    many.prove()


def named_flows(till: Till) -> list[tuple[str, str, int]]:
    with tenancy.tenant(till.id), transaction.atomic():
        tiers = dict(tier_rules.Tier.objects.of(till.id).values_list("id", "code"))
        lift = TierLift.objects.of(till.id).filter(at=EDITED).get()
        return [(tiers[a], tiers[b], n) for a, b, n in selector.flows(lift)]


def test_the_rules_are_in_force_at_once_and_who_joins_meanwhile_is_judged_by_them_alone(db):
    till = lived("shop", 1)
    lift = edit(till, EDITED, in_background=True, **EDITS[0])
    before = rows_of(till)["moves"]

    new = till.join("new", EDITED + HOUR)
    till.put(EDITED + HOUR, "first", 100, member="new")
    work(till, lift)

    moved = [row for row in rows_of(till)["moves"] if row not in before]
    assert [row[1:5] for row in moved if row[0] == "new"] == [("base", "silver", EDITED + HOUR, "order")]
    assert {row[3] for row in moved if row[0] != "new"} == {EDITED}
    assert lift.through < new


def test_a_closure_while_members_wait_moves_their_validities_as_it_moves_all(db):
    one, many = lived("at once", 5), lived("in chunks", 5)
    edit(one, EDITED, **EDITS[0])
    lift = edit(many, EDITED, in_background=True, **EDITS[0])

    for till in (one, many):
        for act, when in ((life.close_program, EDITED + HOUR), (life.open_program, EDITED + 6 * DAY)):
            with tenancy.tenant(till.id), transaction.atomic():
                act(merchant_id=till.id, at=when, actor=JOB)
    work(many, lift)

    assert rows_of(many) == rows_of(one)


def test_a_lift_rests_while_the_program_is_closed_and_goes_on_when_it_is_open(db, monkeypatch):
    one, many = lived("at once", 3), lived("in chunks", 3)
    edit(one, EDITED, **EDITS[0])
    lift = edit(many, EDITED, in_background=True, **EDITS[0])
    some_chunks(many, lift, 1, monkeypatch)
    for till in (one, many):
        with tenancy.tenant(till.id), transaction.atomic():
            life.close_program(merchant_id=till.id, at=EDITED + HOUR, actor=JOB)
    before = rows_of(many)

    for _ in range(leases.MOST_ATTEMPTS + 2):
        assert work(many, lift) is None
    with tenancy.tenant(many.id), transaction.atomic():
        lift.refresh_from_db()
    assert rows_of(many) == before and (lift.position, lift.attempts) == (2, 0)

    for till in (one, many):
        with tenancy.tenant(till.id), transaction.atomic():
            life.open_program(merchant_id=till.id, at=EDITED + 6 * DAY, actor=JOB)
    finished(many, lift)
    assert rows_of(many) == rows_of(one)


def test_a_program_closed_between_two_chunks_stops_the_worker(db, monkeypatch):
    till = lived("shop", 4)
    lift = edit(till, EDITED, in_background=True, **EDITS[0])
    whole = tier_lifts._chunk

    def closing(*what):
        with tenancy.tenant(till.id), transaction.atomic():
            life.close_program(merchant_id=till.id, at=EDITED + HOUR, actor=JOB)
        monkeypatch.setattr(tier_lifts, "_chunk", whole)
        return whole(*what)

    before = rows_of(till)
    monkeypatch.setattr(tier_lifts, "_chunk", closing)
    done = work(till, lift)

    assert done is not None and (done.state, done.position) == (WorkState.QUEUED, 0)
    assert rows_of(till) == before


def test_an_order_that_waited_for_the_edit_is_judged_after_it(db):
    till = lived("shop", 2)
    ladder = [BASE, rung("silver", all={"orders": 1}), rung("black", all={"spend_minor": 1_000})]
    edit(till, EDITED, ladder=ladder, targets={"gold": "black"})

    till.put(
        EDITED - dt.timedelta(seconds=1), "late", 100_000, member="u0"
    )  # its clock was read before the edit

    with tenancy.tenant(till.id), transaction.atomic():
        stored = tier_rules.Member.objects.of(till.id).get(pk=till.members["u0"])
        late = orders.Order.objects.of(till.id).get(external_id="late")
        last = TierMove.objects.of(till.id).filter(member=stored).order_by("-at", "-id").first()
        held = TierStanding.objects.of(till.id).select_related("tier").get(member=stored)
    assert late.at == EDITED and late.rules_version == last.rules_version
    assert last.to_tier_id == held.tier_id and held.tier.code == "black"


@pytest.mark.parametrize("in_background", [False, True])
def test_a_night_that_began_before_the_edit_decides_after_it(db, in_background):
    till = lived("shop", 2)
    poor = till.join("poor", EDITED - 5 * DAY)
    till.put(EDITED - 5 * DAY, "small", 5_000, member="poor")
    with tenancy.tenant(till.id), transaction.atomic():
        tier_hand.set_tier(
            merchant_id=till.id, member_id=poor, at=EDITED - 4 * DAY, actor=JOB, tier="silver",
            until=merchant_day(EDITED, ZONE) - DAY, reason="a test",
        )  # fmt: skip
    easier = [BASE, rung("silver", all={"spend_minor": 5_000}), BEFORE["ladder"][2]]
    edit(till, EDITED, in_background=in_background, ladder=easier)

    daily.recalculate(merchant_id=till.id, member_ids=[poor], at=EDITED - 7 * HOUR)  # over since midnight

    with tenancy.tenant(till.id), transaction.atomic():
        held = TierStanding.objects.of(till.id).select_related("tier").get(member=poor)
        last = TierMove.objects.of(till.id).filter(member=poor).order_by("-at", "-id").first()
    assert (held.tier.code, held.valid_until) == ("silver", dt.date(2025, 3, 10))
    assert last.cause == "staff"


def test_who_joins_or_is_given_a_tier_as_of_before_the_edit_gets_none_that_is_gone(db):
    till = lived("shop", 2)
    customer = orders.OrderIn("early", [orders.LineIn("tea", 1, 70_000)], member_key="late")
    with tenancy.tenant(till.id):
        orders.put_order(merchant_id=till.id, at=EDITED - HOUR, actor=JOB, order=customer)
    edit(
        till,
        EDITED,
        ladder=[BASE, rung("black", all={"orders": 1})],
        targets=dict.fromkeys(("silver", "gold"), "black"),
    )
    before = EDITED - dt.timedelta(seconds=1)

    late = till.join("late", before)  # both clocks were read before the edit
    with tenancy.tenant(till.id), transaction.atomic(), pytest.raises(tier_rules.Invalid):
        tier_hand.set_tier(
            merchant_id=till.id, member_id=till.members["u0"], at=before, actor=JOB, tier="gold",
            until=merchant_day(EDITED, ZONE) + DAY, reason="a test",
        )  # fmt: skip

    with tenancy.tenant(till.id), transaction.atomic():
        held = dict(TierStanding.objects.of(till.id).values_list("member_id", "tier__code"))
    assert held[late] == "black" and set(held.values()) <= {"base", "black"}


def test_a_small_program_and_a_play_are_lifted_with_the_edit(db, monkeypatch):
    small, played = lived("small", 3), lived("played", 3)
    with queue.muted():
        now = edit(played, EDITED, in_background=True, **EDITS[0])
    monkeypatch.setattr(tier_lifts, "SMALL", PEOPLE)
    with_it = edit(small, EDITED, in_background=True, **EDITS[0])

    assert (now.state, with_it.state) == (WorkState.DONE, WorkState.DONE)
    assert rows_of(small) == rows_of(played) and with_it.moved == now.moved > 0


def test_a_lift_that_breaks_off_again_and_again_is_given_up_and_can_be_taken_up(db, monkeypatch):
    till = lived("shop", 4)
    lift = edit(till, EDITED, in_background=True, **EDITS[0])
    for _ in range(leases.MOST_ATTEMPTS):
        some_chunks(till, lift, 0, monkeypatch)

    assert work(till, lift).state == WorkState.FAILED
    with tenancy.tenant(till.id), transaction.atomic():
        assert Program.objects.get(pk=till.id).is_lifting  # who waits is still brought up to it
        tier_lifts.go_on(merchant_id=till.id, public_id=lift.public_id)

    assert work(till, lift).state == WorkState.DONE


def test_the_sweep_sends_a_lift_that_nobody_works_at(db, monkeypatch):
    sent = []
    till = lived("shop", 6)
    lift = edit(till, EDITED, in_background=True, **EDITS[0])
    some_chunks(till, lift, 1, monkeypatch)

    monkeypatch.setattr(leases.queue, "enqueue", lambda name, **ids: sent.append((name, ids)))
    with tenancy.platform():
        ticks.sweep(at=EDITED)

    assert (tier_lifts.TASK, {"merchant_id": till.id, "job_id": lift.pk}) in sent


def test_a_tier_that_members_may_still_be_lifted_to_needs_a_target_to_be_deleted(db):
    till = lived("shop", 7)
    edit(
        till,
        EDITED,
        in_background=True,
        ladder=[*BEFORE["ladder"], rung("black", all={"spend_minor": 70_000})],
    )

    with pytest.raises(tier_rules.Invalid):
        edit(till, EDITED + HOUR, **BEFORE)

    with tenancy.tenant(till.id), transaction.atomic():
        assert TierLift.objects.of(till.id).order_by("-pk").first().at == EDITED
        assert Member.objects.of(till.id).count() == PEOPLE


def test_who_loses_a_tier_is_looked_for_among_those_asked_and_nobody_between_them(db):
    till = lived("shop", 4)
    edit(till, EDITED, **EDITS[0])
    with tenancy.tenant(till.id), transaction.atomic(), connection.cursor() as cursor:
        held = list(
            TierStanding.objects.of(till.id).order_by("member_id").values_list("member_id", flat=True)
        )
        ends = {held[0], held[-1]}
        assert len(held) > len(ends)
        rules = TierRules((Tier(-1, "base"),))  # has none of the tiers that are held

        with CaptureQueriesContext(connection) as queries:
            losing = selector.losing(merchant_id=till.id, rules=rules, member_ids=ends)

        cursor.execute(f"explain (analyze, format json) {queries[0]['sql']}")
        (plan,) = cursor.fetchone()[0]
    assert losing == sorted(ends)
    assert plan["Plan"]["Actual Rows"] == len(ends)
