"""Many at once on few members: one effect a key, nothing below zero, nothing lost, nobody stuck (domain.md 6)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections, transaction

from members.lib import tenant as tenancy
from members.lib.refusals import IdempotencyConflict, InsufficientPoints, ProgramNotOpen, Refusal
from members.models import PointsAccount, PointsEntry, PointsRequest
from members.services import points_transfer
from tests.concurrency.test_clearance_races import WAIT, in_a_thread, until_somebody_waits_for_a_lock
from tests.environment import sized
from tests.members.services.till import JOB, Till, at

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])

WHEN = "2024-02-01"


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """All of them side by side, each over a connection of its own; what each came to."""

    def one(work: Callable[[], Any]) -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=len(works)) as pool:
        return list(pool.map(one, works))


def counted(till: Till, kind: str) -> int:
    with tenancy.tenant(till.id), transaction.atomic():
        return PointsEntry.objects.of(till.id).filter(kind=kind).count()


@pytest.fixture
def till(transactional_db) -> Till:
    """Three members with 500 points each, in lots of many kinds."""
    shop = Till()
    for name in ("n", "o"):
        shop.join(name)
    for name in ("m", "n", "o"):
        for n in range(5):
            shop.adjust("2024-01-01", 100, f"{name} {n}", name)
    return shop


# -- one effect and one answer a key


@pytest.mark.soak
def test_eight_threads_on_shared_keys_have_one_effect_and_one_answer_per_key(till):
    keys = [f"key {n}" for n in range(sized(400))]
    whose = {key: "mno"[n % 3] for n, key in enumerate(keys)}

    def caller(seed: int) -> Callable[[], list[tuple[str, str]]]:
        def work() -> list[tuple[str, str]]:
            mine = random.Random(seed).sample(keys, len(keys))
            return [(key, till.redeem(WHEN, 1, key, whose[key]).public_id) for key in mine]

        return work

    answers = at_once([caller(seed) for seed in range(8)])

    assert len({answer for each in answers for answer in each}) == len(keys)
    assert counted(till, "redeem") == len(keys)
    assert sum(till.balance(name)[0] for name in "mno") == 1500 - len(keys)
    till.prove()


@pytest.mark.parametrize("bodies", [[("m", 1), ("m", 2)], [("m", 1), ("n", 1)]])
def test_of_two_bodies_under_one_key_one_is_done_and_the_others_are_refused(till, bodies):
    def caller(seed: int, key: str) -> Callable[[], str]:
        name, points = bodies[seed % 2]

        def work() -> str:
            try:
                return f"{name} {points} {till.redeem(WHEN, points, key, name).public_id}"
            except IdempotencyConflict:
                return "conflict"

        return work

    for n in range(10):
        answers = at_once([caller(seed, f"key {n}") for seed in range(8)])

        done = {answer for answer in answers if answer != "conflict"}
        assert len(done) == 1 and answers.count("conflict") == 4, answers
    assert counted(till, "redeem") == 10
    till.prove()


def test_cancelling_at_once_gives_back_once(till):
    till.redeem(WHEN, 300, "k")

    at_once([lambda: till.act("cancel", WHEN, key="k")] * 8)

    assert till.balance() == (500, 0, 0)
    assert counted(till, "restore") == 1
    till.prove()


def test_a_hold_is_captured_or_released_and_never_both(till):
    for n in range(10):
        till.hold(WHEN, 20, f"h{n}")
        acts = [("capture", f"h{n}"), ("release", f"h{n}")] * 4

        def work(verb: str, key: str) -> str:
            try:
                return till.act(verb, WHEN, key=key).status
            except Refusal:
                return "refused"

        answers = at_once([lambda verb=verb, key=key: work(verb, key) for verb, key in acts])
        assert Counter(answers).most_common() == [
            (till.request(f"h{n}").status, 4),
            ("refused", 4),
        ] or set(answers) == {till.request(f"h{n}").status, "refused"}
    assert counted(till, "capture") + counted(till, "release") == 10
    assert till.balance()[0] == 500 - 20 * counted(till, "capture")
    till.prove()


# -- never more than there is


@pytest.mark.soak
def test_redemptions_of_32_threads_grant_exactly_what_was_there_woocommerce_13505_fuint_71(till):
    asked = sized(10_000) // 32

    def caller(seed: int) -> Callable[[], int]:
        dice = random.Random(seed)

        def work() -> int:
            granted = 0
            for n in range(asked):
                granted += redeemed(f"{seed} {n}", "mno"[dice.randrange(3)], dice.randint(1, 3))
            for name in "mno":  # and the rest, point by point
                n = 0
                while redeemed(f"{seed} {name} {n}", name, 1):
                    n, granted = n + 1, granted + 1
            return granted

        def redeemed(key: str, name: str, points: int) -> int:
            try:
                till.redeem(WHEN, points, key, name)
            except InsufficientPoints:
                return 0
            return points

        return work

    granted = at_once([caller(seed) for seed in range(32)])

    assert sum(granted) == 1500
    assert [till.balance(name) for name in "mno"] == [(0, 0, 0)] * 3
    with tenancy.tenant(till.id), transaction.atomic():
        balances = PointsEntry.objects.of(till.id).values_list("balance_after", flat=True)
        assert min(balances) == 0
        assert PointsRequest.objects.of(till.id).filter(verb="redeem").count() == counted(till, "redeem")
    till.prove()


@pytest.mark.soak
def test_everything_at_once_adds_up_and_nobody_is_stuck(till):
    """Orders, refunds, redemptions, holds, adjustments and the daily jobs on the same members."""
    till.configure("2024-01-02", expiry={"kind": "rolling", "months": 1}, pending_days=1)
    steps = sized(300)

    def caller(seed: int) -> Callable[[], Counter[str]]:
        dice = random.Random(seed)

        def step(n: int) -> None:
            name, key = "mno"[dice.randrange(3)], f"{seed} {n}"
            days = f"2024-02-{dice.randint(1, 28):02}"
            what = dice.choice(["put", "refund", "redeem", "hold", "settle", "adjust"])
            if what == "put":
                till.put(days, f"{name} {dice.randrange(9)}", dice.randrange(1, 60) * 100, member=name)
            elif what == "refund":
                till.refund(days, f"{name} {dice.randrange(9)}", f"r{dice.randrange(3)}")
            elif what == "settle":
                verb = dice.choice(["capture", "release", "cancel"])
                till.act(verb, days, key=f"{dice.randrange(6)} {dice.randrange(steps)}")
            else:
                getattr(till, what)(days, dice.randint(1, 40), key, name)

        def work() -> Counter[str]:
            outcomes: Counter[str] = Counter()
            for n in range(steps):
                try:
                    step(n)
                    outcomes["done"] += 1
                except Refusal as refusal:
                    outcomes[refusal.slug] += 1
            return outcomes

        return work

    def nights() -> Counter[str]:
        for _round in range(3):
            for day in range(2, 29):
                till.night(f"2024-02-{day:02}")
        return Counter()

    outcomes = sum(at_once([*(caller(seed) for seed in range(6)), nights]), Counter())

    assert sum(outcomes.values()) == 6 * steps and outcomes["done"] > steps
    with tenancy.tenant(till.id), transaction.atomic():
        for account in PointsAccount.objects.of(till.id):
            kept = PointsEntry.objects.of(till.id).filter(member_id=account.member_id)
            assert list(kept.order_by("sequence").values_list("sequence", flat=True)) == list(
                range(1, account.sequence + 1)
            )
    till.prove()


@pytest.mark.soak
def test_crossing_transfers_never_block_each_other_for_good_and_lose_nothing(till):
    """Everybody hands everything to the next, the other way round at the same time."""
    each = sized(2400) // 8

    def caller(seed: int) -> Callable[[], int]:
        dice = random.Random(seed)

        def work() -> int:
            for n in range(each):
                source, target = dice.sample("mno", 2)
                with tenancy.tenant(till.id):
                    points_transfer.transfer(
                        merchant_id=till.id, at=at(WHEN), actor=JOB, key=f"{seed} {n}", reason="one person",
                        from_member_id=till.members[source], to_member_id=till.members[target],
                    )  # fmt: skip
            return each

        return work

    done = at_once([caller(seed) for seed in range(8)])

    assert sum(done) == each * 8
    assert sum(till.balance(name)[0] for name in "mno") == 1500
    with tenancy.tenant(till.id), transaction.atomic():
        assert PointsRequest.objects.of(till.id).filter(verb="transfer", space="").count() == each * 8
    till.prove()


# -- who waits reads anew


def test_a_cancellation_that_waits_for_an_opening_finds_its_lots_where_they_were_moved():
    till = Till(rules={"expiry": {"kind": "rolling", "months": 1}})
    till.put("2024-01-01", "o", 100_00)  # until 1 February
    till.redeem("2024-01-02", 60, "k")
    till.close("2024-01-20")

    with transaction.atomic(), tenancy.tenant(till.id):
        till.open("2024-02-10")  # twenty days lie wholly in the closure
        other = in_a_thread(lambda: till.act("cancel", "2024-02-10", key="k"))
        until_somebody_waits_for_a_lock()
    other.join(WAIT)

    assert till.lots() == [(100, "2024-02-21")]
    till.prove()


def test_a_redemption_that_waits_for_a_switch_of_the_rule_finds_its_lots_dated():
    till = Till(rules={"expiry": {"kind": "rolling", "months": 1}})
    till.put("2024-01-05", "dated", 100_00)  # until 5 February
    till.configure("2024-01-06", expiry={"kind": "never"})
    till.put("2024-01-07", "never", 50_00)

    with transaction.atomic(), tenancy.tenant(till.id):
        till.configure("2024-01-07 13:00", expiry={"kind": "yearly", "month": 1, "day": 31})
        till.configure("2024-01-07 13:00", expiry={"kind": "never"})
        other = in_a_thread(lambda: till.redeem("2024-01-07 13:01", 120, "k"))
        until_somebody_waits_for_a_lock()
    other.join(WAIT)

    assert till.lots() == [(30, "2025-01-31")]
    till.prove()


def test_a_redemption_that_waits_for_another_takes_what_that_one_left():
    till = Till(rules={"expiry": {"kind": "rolling", "months": 1}})
    till.put("2024-01-05", "o", 100_00)
    till.put("2024-01-06", "p", 100_00)
    refused = []

    def too_much() -> None:
        try:
            till.redeem("2024-01-07", 90, "too much")
        except InsufficientPoints as refusal:
            refused.append(refusal.errors)

    with transaction.atomic():
        till.redeem("2024-01-07", 120, "first")
        other = in_a_thread(too_much)
        until_somebody_waits_for_a_lock()
    other.join(WAIT)
    till.redeem("2024-01-07", 80, "rest")

    assert refused == [{"available": 80}]
    assert till.balance() == (0, 0, 0)
    till.prove()


def test_a_redemption_that_meets_a_close_in_flight_waits_and_is_refused(till):
    refused = []

    def redeem() -> None:
        try:
            till.redeem("2024-02-02", 5, "k")
        except ProgramNotOpen as refusal:
            refused.append(refusal.slug)

    with transaction.atomic():
        till.close("2024-02-02")
        other = in_a_thread(redeem)
        until_somebody_waits_for_a_lock()
    other.join(WAIT)

    assert refused == ["program-not-open"]
    assert till.balance() == (500, 0, 0)


def test_a_lot_spent_while_its_expiry_waits_does_not_expire_too():
    till = Till(rules={"expiry": {"kind": "rolling", "months": 1}})
    till.put("2024-01-05", "o", 100_00)

    with transaction.atomic():
        till.redeem("2024-02-06 02:59", 60, "k")
        other = in_a_thread(lambda: till.night("2024-02-06"))
        until_somebody_waits_for_a_lock()
    other.join(WAIT)

    assert [entry for entry in till.entries() if entry[0] != "earn"] == [
        ("redeem", -60, 0),
        ("expire", -40, 0),
    ]
    till.prove()
