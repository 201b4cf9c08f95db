"""While a program is closed or cleared nothing moves a tier (domain.md 2), also where an edit of the ladder is still to
lift its members: an order of the closure changes nothing of what the edit finds, and what it brings comes once.

Twins tell it: two shops live the same life; one was lifted with the edit, before the closure, the other waits for it
until it is open again.
"""

from __future__ import annotations

import datetime as dt
import random
from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction

from compliance.services import installation, life, restoration
from members.lib import queue
from members.lib import tenant as tenancy
from members.lib.refusals import Refusal
from members.models import Closure, DailyTotal, Member, Program, TierLift, TierLiftMember
from members.selectors import gap_postings as gaps
from members.selectors import rules as rules_of
from members.selectors import tier_lifts as lifts
from members.services import daily, gap_postings, programs, tier_lifts
from tests.members.services.test_tier_lifts import (
    DAY,
    EDITED,
    EDITS,
    HOUR,
    TURNS,
    edit,
    finished,
    happens,
    lived,
    rows_of,
    some_chunks,
    work,
)
from tests.members.services.till import JOB, Till, at

CLOSED = EDITED + 2 * HOUR
OPENED = EDITED + 40 * DAY
WAYS = ("opened", "restored", "reopened")


@pytest.fixture(autouse=True)
def everybody_is_many(monkeypatch):
    monkeypatch.setattr(tier_lifts, "SMALL", 0)


@pytest.fixture(autouse=True)
def a_platform(db):
    """With its policy, which says how long a cleared program waits and how long a restored one is protected."""
    with tenancy.platform():
        installation.install(at=at("2023-09-01"), scripted=True)


def closed(till: Till, how: str, when: dt.datetime = CLOSED) -> None:
    """Closed by the merchant where it will be opened by the merchant, else by a clearance."""
    with tenancy.tenant(till.id), transaction.atomic():
        if how == "opened":
            life.close_program(merchant_id=till.id, at=when, actor=JOB)
        else:
            program = programs.lock_for_close(merchant_id=till.id)
            programs.begin_closure(program=program, at=when, kind="cleared", actor=JOB)


def opened(till: Till, how: str, when: dt.datetime = OPENED) -> None:
    """Open again, its life going on, or another one begun."""
    if how == "restored":
        with tenancy.platform(), transaction.atomic():
            program = programs.lock_for_close(merchant_id=till.id)
            restoration.restore(program=program, at=when, actor=JOB)
        return
    with tenancy.tenant(till.id), transaction.atomic():
        life.open_program(merchant_id=till.id, at=when, actor=JOB)


def posted(till: Till, when: dt.datetime) -> None:
    """The orders of the closure, on request, whoever still waits for an edit."""
    with tenancy.tenant(till.id), transaction.atomic(), queue.muted():
        closure = Closure.objects.of(till.id).latest("from_at")
        assert gaps.next_members(closure, after=0, most=1)
        gap_postings.begin(merchant_id=till.id, closure_id=closure.pk, at=when, actor=JOB)


def moves_nothing(till: Till, act: Any) -> None:
    """The act leaves every tier, validity, move, entry and lot as it is."""
    before = rows_of(till)
    act()
    assert rows_of(till) == before


def lands(till: Till, what: tuple[str, int, int, str], when: dt.datetime) -> None:
    """It lands, or is refused, which says nothing here: the dice name other people's orders too."""
    with suppress(Refusal):
        happens(till, what, when)


def an_order(chance: random.Random, till: Till) -> tuple[str, int, int, str]:
    """What lands while the program is closed."""
    kind = chance.choice(["put", "put", "put", "again", "refund"])
    amount = chance.choice([500, 22_000, 40_000])
    return kind, chance.randrange(14), amount, chance.choice(sorted(till.members))


@pytest.mark.parametrize(
    ("seed", "how"), [*zip(range(6), 2 * WAYS, strict=True), *zip(range(3, 6), WAYS[::-1], strict=True)]
)
def test_a_closure_while_members_wait_comes_to_what_it_comes_to_when_nobody_waited(
    db, monkeypatch, seed, how
):
    chance = random.Random(f"{seed}{how}")
    one, many = lived("at once", seed), lived("in chunks", seed)
    first, second = TURNS[seed]
    edit(one, EDITED, **first)
    lifts = [edit(many, EDITED, in_background=True, **first)]
    some_chunks(many, lifts[0], chance.choice([0, 1]), monkeypatch)
    if second:
        edit(one, EDITED + HOUR, **second)
        lifts.append(edit(many, EDITED + HOUR, in_background=True, **second))
    for till in (one, many):
        closed(till, how)

    for step in range(8):
        what = an_order(chance, many)
        for till in (one, many):
            moves_nothing(
                till, lambda till=till, what=what, step=step: lands(till, what, CLOSED + (step + 1) * DAY)
            )
        assert work(many, lifts[0]) is None

    for till in (one, many):
        opened(till, how)
    is_posted_early = chance.choice([True, False])
    if how != "reopened" and is_posted_early:
        for till in (one, many):
            posted(till, OPENED + HOUR)
    some_chunks(many, lifts[0], chance.choice([0, 1]), monkeypatch)
    what = an_order(chance, many)
    for till in (one, many):
        lands(till, what, OPENED + 2 * HOUR)
    for lift in lifts:
        assert lift is not None
        finished(many, lift)
    if how != "reopened" and not is_posted_early:
        for till in (one, many):
            posted(till, OPENED + 3 * HOUR)

    assert rows_of(many) == rows_of(one)
    with tenancy.tenant(many.id), transaction.atomic():
        assert not Program.objects.get(pk=many.id).is_lifting
        assert not TierLiftMember.objects.of(many.id).exists()
    many.prove()


@pytest.mark.parametrize("how", WAYS)
def test_an_edit_during_the_closure_has_its_turn_behind_the_one_that_rests(db, how):
    one, many = lived("at once", 4), lived("in chunks", 4)
    edit(one, EDITED, **EDITS[0])
    lift = edit(many, EDITED, in_background=True, **EDITS[0])
    for till in (one, many):
        closed(till, how)
        till.put(CLOSED + HOUR, "gap", 40_000, member="u1")
    edit(one, CLOSED + 2 * HOUR, **EDITS[2])
    edit(many, CLOSED + 2 * HOUR, in_background=True, **EDITS[2])
    for till in (one, many):
        till.put(CLOSED + DAY, "gap too", 30_000, member="u1")
        till.put(CLOSED + DAY, "gap of another", 30_000, member="u2")
    for till in (one, many):
        opened(till, how)

    finished(many, lift)
    waited = [len([finished(till, later) for later in still_open(till)]) for till in (one, many)]

    assert waited == [1, 2]  # what opening begins, behind the edit of the closure
    assert rows_of(many) == rows_of(one)


def still_open(till: Till) -> list[TierLift]:
    with tenancy.tenant(till.id), transaction.atomic():
        return lifts.still_open(merchant_id=till.id)


def test_an_order_of_the_closure_brings_no_welcome_and_the_edit_brings_it_once(db):
    till = lived("shop", 1)
    till.join("new", EDITED - DAY)
    till.put(EDITED - HOUR, "one", 1_000, member="new")
    lift = edit(till, EDITED, in_background=True, **EDITS[0])  # silver for an order, with 30 points
    closed(till, "restored")

    till.put(CLOSED + HOUR, "gap", 90_000, member="new", paid_at=EDITED - DAY)

    assert till.entries("new") == [("earn", 10, 0)] and held(till, "new") is None
    opened(till, "restored")
    assert till.entries("new") == [("earn", 10, 0)] and held(till, "new") is None
    for _ in range(2):
        finished(till, lift)
        assert till.entries("new") == [("earn", 10, 0), ("earn", 30, 0)] and held(till, "new") == "silver"

    posted(till, OPENED + HOUR)

    assert held(till, "new") == "gold"
    assert [points for kind, points, _pending in till.entries("new") if kind == "earn"][1:] == [30, 900, 500]


def held(till: Till, name: str) -> str | None:
    rows = {who: tier for who, tier, *_ in rows_of(till)["standing"]}
    return rows.get(name)


def test_what_an_edit_finds_is_kept_as_it_was_before_the_first_order_of_the_closure(db):
    till = lived("shop", 2)
    lift = edit(till, EDITED, in_background=True, **EDITS[0])
    closed(till, "opened")
    member = till.members["u1"]
    before = sums(till, member)

    for n in range(3):
        till.put(CLOSED + n * HOUR, f"gap{n}", 10_000, member="u1", paid_at=EDITED - DAY)

    with tenancy.tenant(till.id), transaction.atomic():
        kept = TierLiftMember.objects.of(till.id).get(lift_id=lift.pk)
    assert kept.member_id == member
    assert (kept.spend_minor, kept.orders, kept.active_days, kept.points_earned) == before
    assert sums(till, member)[:2] == (before[0] + 30_000, before[1] + 3)


def sums(till: Till, member: int) -> tuple[int, int, int, int]:
    """Of the year that ends with the edit's day."""
    with tenancy.tenant(till.id), transaction.atomic():
        rows = list(
            DailyTotal.objects.of(till.id)
            .filter(member_id=member, day__lte=EDITED.date())
            .values_list("spend_minor", "orders", "points")
        )
    return (
        sum(row[0] for row in rows),
        sum(row[1] for row in rows),
        sum(row[1] > 0 for row in rows),
        sum(row[2] for row in rows),
    )


def test_who_left_while_the_program_was_closed_is_not_lifted(db):
    till = lived("shop", 1)
    till.join("new", EDITED - DAY)
    till.put(EDITED - HOUR, "one", 1_000, member="new")
    lift = edit(till, EDITED, in_background=True, **EDITS[0])
    closed(till, "opened")
    till.put(CLOSED + HOUR, "gap", 90_000, member="new")
    with tenancy.tenant(till.id), transaction.atomic():
        Member.objects.of(till.id).filter(pk=till.members["new"]).update(status="left")
    opened(till, "opened")

    finished(till, lift)

    assert held(till, "new") is None


def test_the_full_recalculation_of_a_closed_program_moves_nobody_who_waits(db):
    till = lived("shop", 3)
    edit(till, EDITED, in_background=True, **EDITS[0])
    closed(till, "opened")

    moves_nothing(till, lambda: daily.recalculate_all(merchant_id=till.id, at=CLOSED + 400 * DAY))

    with tenancy.tenant(till.id), transaction.atomic():
        assert rules_of.rules_at(merchant_id=till.id, at=CLOSED + DAY).is_lifting
