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
SLUGS = {"closed": "program-not-open", "cleared": "program-cleared"}

names = st.sampled_from(NAMES)
numbers = st.integers(0, 3)
amounts = st.lists(st.sampled_from([0, 1_00, 3_33, 7_77, 20_00, 40_01]), min_size=1, max_size=3)
HOUR, DAY = 60, 60 * 24
pauses = st.sampled_from([0, 0, 4, 29, 31, 11 * HOUR, 2 * DAY, 6 * DAY, 32 * DAY])  # minutes
PROGRAM = [*(("configure", which) for which in range(len(RULES))), ("close", "closed"), ("close", "cleared")]


class PointsOfAShop(RuleBasedStateMachine):
    """A shop, two people who may join, everything that may happen to their points.

    Rules are few and choose within themselves, so that no run does without a kind of thing altogether.
    """

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.savepoint()
        self.till = Till()
        self.now = dt.datetime(2024, 1, 5, 12, tzinfo=ZONE)
        self.status, self.closed_at, self.opens_in = "open", self.now, 0
        self.asked: dict[str, Any] = {}
        nobody = self.in_force(is_open=False)
        self.people = {name: Naive(nobody, Purse(name, asked=self.asked)) for name in NAMES}
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

    def end_holds(self, until: dt.datetime) -> None:
        with tenancy.platform():
            points_daily.end_due_holds(at=until)
        if self.status == "open":
            for person in self.people.values():
                person.purse.end_holds(until, ZONE)

    # -- time

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

    @initialize(which=st.sampled_from(RULES), waits=st.sampled_from([OMITTED, None]))
    def first(self, which: dict[str, Any], waits: Any) -> None:
        self.configure(which)
        self.put(NAMES[1], 0, [3_33, 7_77], OMITTED, OMITTED, 0)  # a customer's
        self.join(NAMES[0])
        self.put(NAMES[0], 0, [20_00, 40_01], OMITTED, waits, 0)
        self.put(NAMES[0], 1, [40_01], OMITTED, 6, 0)

    def join(self, name: str) -> None:
        wanted = None if self.status == "open" else SLUGS[self.status]
        self.both(lambda: self.till.join(name, self.now), wanted)
        if wanted is None and name not in self.joined:
            self.joined.add(name)
            past = self.people[name].orders
            self.people[name] = Naive(self.in_force(), Purse(name, asked=self.asked))
            self.people[name].link(self.now, past)

    @rule(
        name=names,
        number=numbers,
        amounts=amounts,
        status=st.sampled_from([*[OMITTED] * 8, "unpaid", "cancelled", "paid"]),
        done=st.sampled_from([OMITTED, OMITTED, None, 0, 2, 6]),
        pause=pauses,
    )
    def put(self, name: str, number: int, amounts: list[int], status: Any, done: Any, pause: int) -> None:
        """An order, new or sent again; of who has not joined, or of a member."""
        self.wait(pause)
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
        refund=st.integers(0, 9),
        pause=pauses,
        parts=st.one_of(
            st.none(), st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), min_size=1, max_size=2)
        ),
    )
    def refund(
        self, name: str, number: int, refund: int, parts: list[tuple[int, int]] | None, pause: int
    ) -> None:
        """Whole, or fifths of lines; mostly of an order that is there."""
        self.wait(pause)
        there = sorted(self.people[name].orders)
        key = there[number % len(there)] if there and number < 3 else ("web", f"{name} {number}")
        raw = self.people[name].orders.get(key)
        lines = None
        if parts and raw:
            lines = [
                (n % len(raw.amounts) + 1, raw.amounts[n % len(raw.amounts)] * fifth // 5)
                for n, fifth in parts
            ]
        wanted = self.people[name].refund(OrderRefund(self.now, key, str(refund), lines))
        self.both(lambda: self.till.refund(self.now, key[1], str(refund), *(lines or ())), wanted)

    # -- requests

    @rule(
        verb=st.sampled_from(["redeem", "redeem", "hold", "adjust", "adjust", "give_back"]),
        name=names,
        tenths=st.integers(1, 11),
        old_key=st.integers(0, 40),
        more=st.integers(0, 2),
        pause=pauses,
    )
    def ask(self, verb: str, name: str, tenths: int, old_key: int, more: int, pause: int) -> None:
        """Mostly for a part of what there is, under a new key."""
        self.wait(pause)
        if name not in self.joined:
            self.join(name)
            return
        person, purse = self.people[name], self.people[name].purse
        known = sorted(self.asked)
        key = known[old_key] if old_key < len(known) else f"key {len(known)}"
        there = sum(left for _at, left in purse.lapses) if verb == "give_back" else purse.available
        points = max(1, there * tenths // 10)
        until = None if verb != "hold" else self.now + dt.timedelta(minutes=(5, 30, 60 * 24 * 7)[more])
        if verb == "adjust":
            points = -points if more == 0 else tenths * 5
        models: dict[str, Callable[[], str | None]] = {
            "redeem": lambda: purse.redeem(key, points),
            "hold": lambda: purse.redeem(key, points, until),
            "adjust": lambda: purse.adjust(key, points, self.now, person.last_day(self.now)),
            "give_back": lambda: purse.give_back(key, points, self.now, self.today, 90),
        }
        if purse.known(key, verb, points) is None and self.status != "open":
            wanted: str | None = SLUGS[self.status]
        else:
            wanted = models[verb]()
        about = {} if until is None else {"minutes": int((until - self.now).total_seconds()) // 60}
        self.both(lambda: getattr(self.till, verb)(self.now, points, key, name, **about), wanted)

    @rule(
        verb=st.sampled_from(["capture", "release", "cancel", "cancel"]),
        which=st.integers(0, 30),
        pause=pauses,
    )
    def settle(self, verb: str, which: int, pause: int) -> None:
        """Mostly of a request that is in a state for it, which is made if need be."""
        if which % 4 and not any(each.state in ("done", "held") for each in self.asked.values()):
            self.ask("redeem" if verb == "cancel" else "hold", NAMES[0], 5, 99, which % 3, 0)
        self.wait(pause)
        fitting = ("done", "captured") if verb == "cancel" else ("held",)
        ready = [key for key, each in self.asked.items() if each.state in fitting]
        key = (ready * 10 + [*self.asked, "never asked"])[which % (10 * len(ready) + len(self.asked) + 1)]
        asked = self.asked.get(key)
        purse = self.people[asked.owner if asked else NAMES[0]].purse
        models: dict[str, Callable[[], str | None]] = {
            "capture": lambda: purse.capture(key),
            "release": lambda: purse.release(key, self.today, self.now),
            "cancel": lambda: purse.cancel(key, self.today, self.now),
        }
        is_fitting = asked is not None and (verb == "cancel" or asked.verb == "hold")
        wanted = SLUGS[self.status] if is_fitting and self.status != "open" else models[verb]()
        self.both(lambda: self.till.act(verb, self.now, key=key), wanted)

    # -- the program

    @rule(what=st.sampled_from(PROGRAM), opens_in=st.integers(1, 4), pause=pauses)
    def change_the_program(self, what: tuple[str, Any], opens_in: int, pause: int) -> None:
        """Other rules from now on; or closed by the merchant or a clearance, for some steps."""
        self.wait(pause)
        if what[0] == "configure":
            self.configure(RULES[what[1]])
        elif self.status == "open":
            self.close(what[1])
            self.opens_in = opens_in

    def configure(self, rules: dict[str, Any]) -> None:
        before = self.in_force().points.expiry.kind
        self.till.configure(self.now, **rules)
        self.refresh()
        after = self.in_force().points.expiry
        if before == "never" and after.kind != "never":
            for person in self.people.values():
                person.purse.switch(after, self.today)

    def close(self, kind: str) -> None:
        with tenancy.tenant(self.till.id), transaction.atomic():
            program = programs.lock_for_close(merchant_id=self.till.id)
            programs.begin_closure(program=program, at=self.now, kind=kind, actor=JOB)
        self.status, self.closed_at = kind, self.now
        self.refresh()

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

    @invariant()
    def it_opens_again(self) -> None:
        if self.status != "open":
            self.opens_in -= 1
            if self.opens_in < 0:
                self.open()

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
