"""Whatever happens to points in whatever order, services and database say what a slow model says, step by step.

The model is that of the posting rule (tests.members.lib.naive): every point a coin. Each run has a shop of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from members.lib import tenant as tenancy
from members.lib.periods import daily_job_instant
from members.lib.posting import OMITTED, OrderPut, OrderRefund
from members.lib.refusals import Refusal
from members.models import Order, PointsAccount, PointsEntry, PointsLot, Program
from members.selectors import rules as rules_selector
from members.services import ledger_proof, orders, points_daily, programs
from tests.environment import sized
from tests.members.lib.naive import Naive
from tests.members.lib.naive_points import Purse
from tests.members.services.till import JOB, ZONE, Till

STEPS = 50
NAMES = ["ann", "ben"]
RULES: list[dict[str, Any]] = [
    {},
    {"expiry": {"kind": "rolling", "months": 1}},
    {"expiry": {"kind": "rolling", "months": 2}, "pending_days": 3, "clawback": "within_balance"},
    {"expiry": {"kind": "yearly", "month": 2, "day": 29}, "pending_days": 1},
    {"per_major": Decimal("0.37"), "clawback": "only_pending", "pending_days": 5},
    {"per_major": Decimal("2.5"), "expiry": {"kind": "yearly", "month": 1, "day": 31}},
]
STATUS_SLUGS = {"closed": "program-not-open", "cleared": "program-cleared"}

names = st.sampled_from(NAMES)
keys = st.integers(0, 7).map("key {}".format)
numbers = st.integers(0, 3)
amounts = st.lists(st.sampled_from([0, 1_00, 3_33, 7_77, 20_00, 40_01]), min_size=1, max_size=3)
few = st.integers(1, 45)


class PointsOfAShop(RuleBasedStateMachine):
    """A shop, two people who may join, everything that may happen to their points."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.savepoint()
        self.till = Till()
        self.now = dt.datetime(2024, 1, 5, 12, tzinfo=ZONE)
        self.status, self.closed_at = "open", self.now
        self.asked: dict[str, Any] = {}
        self.people = {
            name: Naive(self.in_force(is_open=False), Purse(name, asked=self.asked)) for name in NAMES
        }
        self.joined: set[str] = set()
        self.arrivals = count(1)
        self.compared = dict.fromkeys(NAMES, 0)

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)

    # -- parts

    def in_force(self, *, is_open: bool | None = None) -> Any:
        with tenancy.tenant(self.till.id), transaction.atomic():
            found = rules_selector.rules_at(merchant_id=self.till.id, at=self.now)
        return found if is_open is None else replace(found, is_open=is_open)

    @property
    def today(self) -> dt.date:
        return self.now.date()

    def refresh(self) -> None:
        """The model's people live by the rules in force now; who has not joined lives by none."""
        for name, person in self.people.items():
            person.rules = self.in_force() if name in self.joined else self.in_force(is_open=False)

    def both(self, act: Callable[[], Any], wanted: str | None) -> None:
        """The services do as the model did: the same refusal, or none."""
        try:
            with transaction.atomic():
                act()
            found = None
        except Refusal as refusal:
            found = refusal.slug
        assert found == wanted

    def ask(self, key: str, verb: str, name: str, points: int, model: Callable[[], str | None]) -> str | None:
        """What the model says of a new request: a used key is answered first, then the program's state asked."""
        known = self.people[name].purse.known(key, verb, points)
        if known is None and self.status != "open":
            return STATUS_SLUGS[self.status]
        return model()

    def owner(self, key: str) -> Purse:
        asked = self.asked.get(key)
        return self.people[asked.owner if asked else NAMES[0]].purse

    def settle(self, key: str, verb: str, model: Callable[[], str | None]) -> str | None:
        """What the model says of a request stored already."""
        asked = self.asked.get(key)
        is_fitting = asked is not None and (verb == "cancel" or asked.verb == "hold")
        if is_fitting and self.status != "open":
            return STATUS_SLUGS[self.status]
        return model()

    def end_holds(self, until: dt.datetime) -> None:
        with tenancy.platform():
            points_daily.end_due_holds(at=until)
        if self.status == "open":
            for person in self.people.values():
                person.purse.end_holds(until, ZONE)

    # -- time

    @rule(
        minutes=st.one_of(
            st.integers(1, 90), st.integers(60, 60 * 24 * 9), st.integers(1, 45).map(lambda n: n * 1440)
        )
    )
    def wait(self, minutes: int) -> None:
        until = self.now + dt.timedelta(minutes=minutes)
        day = self.today
        while (job := daily_job_instant(day, ZONE)) <= until:
            if job > self.now:
                self.end_holds(job)
                self.till.night(day.isoformat())
                for name in self.joined:
                    self.people[name].confirm(job)
                    self.people[name].expire(job)
            day += dt.timedelta(days=1)
        self.now = until
        self.end_holds(until)

    # -- people and orders

    @initialize()
    def first(self) -> None:
        self.join(NAMES[0])

    @rule(name=names)
    def join(self, name: str) -> None:
        if self.status != "open":
            self.both(lambda: self.till.join(name, self.now), STATUS_SLUGS[self.status])
            return
        self.both(lambda: self.till.join(name, self.now), None)
        if name not in self.joined:
            self.joined.add(name)
            past = self.people[name].orders
            self.people[name] = Naive(self.in_force(), Purse(name, asked=self.asked))
            self.people[name].link(self.now, past)

    @rule(
        name=names,
        number=numbers,
        amounts=amounts,
        status=st.sampled_from([OMITTED] * 6 + ["unpaid", "cancelled", "paid"]),
        done=st.sampled_from([OMITTED, OMITTED, None, 0, 2, 6]),
    )
    def put(self, name: str, number: int, amounts: list[int], status: Any, done: Any) -> None:
        completed_at = self.now - dt.timedelta(days=done) if isinstance(done, int) else done
        lines = tuple((f"s{n}", 1, amount) for n, amount in enumerate(amounts))
        key = ("web", f"{name} {number}")
        person = self.people[name]
        wanted = person.put(OrderPut(self.now, key, lines, status, OMITTED, completed_at))
        if wanted is None and not person.orders[key].number:
            person.orders[key].number = next(self.arrivals)
        buyer = {"member_id": self.till.members[name]} if name in self.joined else {"member_key": name}
        order = orders.OrderIn(
            key[1],
            [orders.LineIn(*line) for line in lines],
            status=status,
            completed_at=completed_at,
            **buyer,
        )

        def act() -> None:
            with tenancy.tenant(self.till.id):
                orders.put_order(merchant_id=self.till.id, at=self.now, actor=JOB, order=order)

        self.both(act, wanted)

    @rule(
        name=names,
        number=numbers,
        refund=st.integers(0, 3),
        parts=st.one_of(
            st.none(), st.lists(st.tuples(st.integers(1, 3), st.integers(1, 5)), min_size=1, max_size=2)
        ),
    )
    def refund(self, name: str, number: int, refund: int, parts: list[tuple[int, int]] | None) -> None:
        key = ("web", f"{name} {number}")
        raw = self.people[name].orders.get(key)
        lines = None
        if parts and raw:
            lines = [
                (n, raw.amounts[n - 1] * fifth // 5 if n <= len(raw.amounts) else fifth) for n, fifth in parts
            ]
        wanted = self.people[name].refund(OrderRefund(self.now, key, str(refund), lines))
        self.both(lambda: self.till.refund(self.now, key[1], str(refund), *(lines or ())), wanted)

    # -- requests

    @rule(name=names, points=few, key=keys)
    def redeem(self, name: str, points: int, key: str) -> None:
        if name in self.joined:
            purse = self.people[name].purse
            wanted = self.ask(key, "redeem", name, points, lambda: purse.redeem(key, points))
            self.both(lambda: self.till.redeem(self.now, points, key, name), wanted)

    @rule(name=names, points=few, key=keys, minutes=st.sampled_from([1, 30, 60 * 24 * 7]))
    def hold(self, name: str, points: int, key: str, minutes: int) -> None:
        if name in self.joined:
            purse, until = self.people[name].purse, self.now + dt.timedelta(minutes=minutes)
            wanted = self.ask(key, "hold", name, points, lambda: purse.redeem(key, points, until))
            self.both(lambda: self.till.hold(self.now, points, key, name, minutes=minutes), wanted)

    @rule(key=keys)
    def capture(self, key: str) -> None:
        wanted = self.settle(key, "capture", lambda: self.owner(key).capture(key))
        self.both(lambda: self.till.act("capture", self.now, key=key), wanted)

    @rule(key=keys)
    def release(self, key: str) -> None:
        wanted = self.settle(key, "release", lambda: self.owner(key).release(key, self.today, self.now))
        self.both(lambda: self.till.act("release", self.now, key=key), wanted)

    @rule(key=keys)
    def cancel(self, key: str) -> None:
        wanted = self.settle(key, "cancel", lambda: self.owner(key).cancel(key, self.today, self.now))
        self.both(lambda: self.till.act("cancel", self.now, key=key), wanted)

    @rule(name=names, points=st.one_of(few, few.map(lambda n: -n)), key=keys)
    def adjust(self, name: str, points: int, key: str) -> None:
        if name in self.joined:
            person = self.people[name]
            last = person.last_day(self.now)
            model = lambda: person.purse.adjust(key, points, self.now, last)  # noqa: E731
            wanted = self.ask(key, "adjust", name, points, model)
            self.both(lambda: self.till.adjust(self.now, points, key, name), wanted)

    @rule(name=names, points=few, key=keys)
    def give_back(self, name: str, points: int, key: str) -> None:
        if name in self.joined:
            purse = self.people[name].purse
            model = lambda: purse.give_back(key, points, self.now, self.today, 90)  # noqa: E731
            wanted = self.ask(key, "give_back", name, points, model)
            self.both(lambda: self.till.give_back(self.now, points, key, name), wanted)

    # -- the program

    @rule(which=st.integers(0, len(RULES) - 1))
    def configure(self, which: int) -> None:
        before = self.in_force().points.expiry.kind
        self.till.configure(self.now, **RULES[which])
        self.refresh()
        after = self.in_force().points.expiry
        if before == "never" and after.kind != "never":
            for person in self.people.values():
                person.purse.switch(after, self.today)

    @precondition(lambda self: self.status == "open")
    @rule(kind=st.sampled_from(["closed", "cleared"]))
    def close(self, kind: str) -> None:
        with tenancy.tenant(self.till.id), transaction.atomic():
            program = programs.lock_for_close(merchant_id=self.till.id)
            programs.begin_closure(program=program, at=self.now, kind=kind, actor=JOB)
        self.status, self.closed_at = kind, self.now
        self.refresh()

    @precondition(lambda self: self.status != "open")
    @rule()
    def open(self) -> None:
        """By the merchant, or restored after a clearance: what was frozen moves by the closure's whole days."""
        if self.status == "closed":
            self.till.open(self.now)
        else:
            with tenancy.tenant(self.till.id), transaction.atomic():
                Program.objects.filter(pk=self.till.id).update(status="open", closed_at=None)
                programs.end_closure(merchant_id=self.till.id, at=self.now, ended_by="restored")
        midnight, days = dt.datetime.combine(self.closed_at.date(), dt.time(), ZONE), 0
        while midnight + dt.timedelta(days=1) <= self.now:
            days += midnight >= self.closed_at
            midnight += dt.timedelta(days=1)
        for person in self.people.values():
            person.purse.shift(days)
        self.status = "open"
        self.refresh()
        self.end_holds(self.now)

    # -- what must hold after every step

    @invariant()
    def the_books_are_the_models(self) -> None:
        with tenancy.tenant(self.till.id), transaction.atomic():
            of_order = dict(Order.objects.of(self.till.id).values_list("id", "external_id"))
            for name in sorted(self.joined):
                self.compare(name, of_order)

    def compare(self, name: str, of_order: dict[int, str]) -> None:
        member_id, purse = self.till.members[name], self.people[name].purse
        own = {"merchant_id": self.till.id, "member_id": member_id}
        account = PointsAccount.objects.filter(**own).first() or PointsAccount()
        lots = [lot for lot in PointsLot.objects.filter(**own, remaining__gt=0) if is_live(lot, account)]
        entries = list(PointsEntry.objects.filter(**own).order_by("sequence"))

        assert {total: getattr(account, total) for total in purse.totals()} == purse.totals()
        assert sorted(
            (of_order.get(lot.order_id, ""), str(lot.expires_on), lot.remaining) for lot in lots
        ) == sorted((order[1] if order else "", str(last), points) for order, last, points in purse.lots())
        new = [(entry.kind, entry.points, entry.pending) for entry in entries[self.compared[name] :]]
        assert new == purse.entries[self.compared[name] :]
        self.compared[name] = len(entries)
        assert account.available == sum(lot.remaining for lot in lots)
        assert sum(entry.points for entry in entries) == account.available - account.deficit
        assert sum(entry.pending for entry in entries) == account.pending
        assert [entry.sequence for entry in entries] == list(range(1, account.sequence + 1))

    @invariant()
    def the_ledger_proves_itself(self) -> None:
        proof = ledger_proof.prove(at=self.now, merchant_id=self.till.id)
        assert proof.mismatches == 0, proof.listed
        with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("set constraints all immediate; set constraints all deferred")


def is_live(lot: PointsLot, account: PointsAccount) -> bool:
    through = account.expired_through
    return through is None or lot.expires_on is None or lot.expires_on > through


@pytest.mark.soak
@pytest.mark.django_db
def test_points_are_what_a_slow_model_says_after_every_step():
    run_state_machine_as_test(
        PointsOfAShop,
        settings=settings(
            max_examples=sized(10_000) // STEPS,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
