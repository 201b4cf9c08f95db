"""Whatever happens to tiers in whatever order, services and database say what a slow model says, step by step (E10).

Metrics are counted again from the raw orders; tier and validities are the model's, told the same arrivals, jobs and
edits in order. The model is that of the posting rule (tests.members.lib.naive). Each run has a shop of its own.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
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
from members.lib.posting import OMITTED, OrderPut, OrderRefund, RulesEdit, TierGiven
from members.lib.posting.events import Recalculation
from members.lib.refusals import Refusal
from members.lib.tier_forecast import forecast
from members.models import Member, Merchant, TierMove, TierStanding, TierValidity
from members.selectors import rules as rules_selector
from members.selectors import tier_explained, tier_simulation
from members.selectors import tiers as selector
from members.services import daily, orders, shop, tier_audits, tier_hand, tier_rules
from tests.environment import sized
from tests.members.lib.naive import Naive
from tests.members.services.till import JOB, Till

STEPS = 50
# Summer time here and there, whole, half and quarter hours, and the first day of all.
ZONES = [
    "Asia/Shanghai", "America/New_York", "Europe/Helsinki", "Asia/Kolkata", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Pacific/Kiritimati",
]  # fmt: skip
DAY = dt.timedelta(days=1)
BASE = {"code": "base", "name": "Base"}


def ladder(silver: dict[str, Any], gold: dict[str, Any]) -> list[dict[str, Any]]:
    return [BASE, {"code": "silver", "name": "Silver", **silver}, {"code": "gold", "name": "Gold", **gold}]


SPEND = ladder({"all": {"spend_minor": 20_00}}, {"all": {"spend_minor": 50_00}})
LADDERS: list[dict[str, Any]] = [
    {"ladder": SPEND},
    {
        "ladder": SPEND,
        "window": {"kind": "rolling", "days": 6},
        "validity_months": 1,
        "downgrade": "one_step",
    },
    {
        "ladder": ladder({"all": {"orders": 2}}, {"any": {"spend_minor": 40_00, "orders": 4}}),
        "window": {"kind": "calendar_year"},
        "validity_months": 3,
        "grace_days": 10,
    },
    {"ladder": SPEND, "window": {"kind": "membership_year"}, "validity_months": 2, "grace_days": 3},
    {
        "ladder": ladder({"all": {"active_days": 2}}, {"all": {"growth": 30}}),
        "window": {"kind": "lifetime"},
        "validity_months": 2,
        "growth": {"spend_minor": Decimal("0.005"), "orders": Decimal(3), "active_days": Decimal("1.7")},
    },
    {
        "ladder": ladder({"all": {"points_earned": 15}}, {"all": {"points_earned": 40, "orders": 2}}),
        "window": {"kind": "rolling", "days": 45},
        "validity_months": 1,
    },
]
# Hours and days; the long ones pass ends of validity and leap days.
pauses = st.sampled_from([0, 0, 1, 11, 24, 48, 24 * 9, 24 * 31, 24 * 61, 24 * 180, 24 * 366])
amounts = st.lists(st.sampled_from([0, 1_00, 7_77, 20_00, 40_01]), min_size=1, max_size=3)


class TiersOfAShop(RuleBasedStateMachine):
    """A shop in some zone and a member who joined on a leap day; everything that may happen to the tier."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.savepoint()

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)

    def in_force(self) -> Any:
        with tenancy.tenant(self.till.id), transaction.atomic():
            return rules_selector.rules_at(merchant_id=self.till.id, at=self.now)

    def wait(self, hours: int) -> None:
        until = (self.now.astimezone(dt.UTC) + dt.timedelta(hours=hours)).astimezone(self.zone)
        day = self.now.date()
        while (job := daily_job_instant(day, self.zone)) <= until:
            if job > self.now:
                with tenancy.platform():
                    daily.recalculate_due(zone=self.zone.key, at=job)
                self.ann.job(Recalculation(job))
            day += DAY
        self.now = until

    def both(self, act: Any, wanted: str | None) -> None:
        try:
            with tenancy.tenant(self.till.id), transaction.atomic():
                act()
            found = None
        except Refusal as refusal:
            found = refusal.slug
        assert found == wanted

    @initialize(which=st.integers(0, len(LADDERS) - 1), zone=st.sampled_from(ZONES))
    def first(self, which: int, zone: str) -> None:
        self.till, self.zone = Till(zone=zone), ZoneInfo(zone)
        self.now = dt.datetime(2024, 2, 29, 12, tzinfo=self.zone)
        self.member_id = self.till.join("ann", self.now)
        with tenancy.tenant(self.till.id), transaction.atomic():
            tier_rules.configure(merchant_id=self.till.id, at=self.now, actor=JOB, **LADDERS[which])
        self.ann = Naive(self.in_force(), joined_on=self.now.date())

    @rule(
        number=st.integers(0, 4),
        amounts=amounts,
        status=st.sampled_from([*[OMITTED] * 6, "unpaid", "cancelled", "paid"]),
        back=st.sampled_from([OMITTED, OMITTED, OMITTED, 0, 3, 40, 400]),
        pause=pauses,
    )
    def put(self, number: int, amounts: list[int], status: Any, back: Any, pause: int) -> None:
        """An order, new or sent again, also one that was paid long ago."""
        self.wait(pause)
        key, lines = ("web", f"o{number}"), tuple((f"s{n}", 1, amount) for n, amount in enumerate(amounts))
        paid_at = back if back is OMITTED else self.now - back * DAY
        wanted = self.ann.put(OrderPut(self.now, key, lines, status, paid_at))
        order = orders.OrderIn(
            key[1],
            [orders.LineIn(*line) for line in lines],
            status=status,
            paid_at=paid_at,
            member_id=self.member_id,
        )
        self.both(
            lambda: orders.put_order(merchant_id=self.till.id, at=self.now, actor=JOB, order=order), wanted
        )

    @rule(
        number=st.integers(0, 4), refund=st.integers(0, 5), fifths=st.sampled_from([None, 1, 5]), pause=pauses
    )
    def refund(self, number: int, refund: int, fifths: int | None, pause: int) -> None:
        """Whole, or a part of the first line."""
        self.wait(pause)
        key, raw = ("web", f"o{number}"), self.ann.orders.get(("web", f"o{number}"))
        lines = None if fifths is None or raw is None else [(1, raw.amounts[0] * fifths // 5)]
        wanted = self.ann.refund(OrderRefund(self.now, key, str(refund), lines))
        self.both(lambda: self.till.refund(self.now, key[1], str(refund), *(lines or ())), wanted)

    @rule(which=st.integers(0, len(LADDERS) - 1), pause=pauses)
    def edit(self, which: int, pause: int) -> None:
        """Other rules from now on: nobody falls, and what was foretold happens."""
        self.wait(pause)
        with tenancy.tenant(self.till.id), transaction.atomic():
            merchant = Merchant.objects.get(pk=self.till.id)
            draft = tier_rules.draft(merchant_id=self.till.id, at=self.now, **LADDERS[which])
            told = tier_simulation.simulate(merchant=merchant, at=self.now, proposal=draft.proposal)
        held = self.ann.tier
        tier_rules_changed = self.in_force()
        with tenancy.tenant(self.till.id), transaction.atomic():
            tier_rules.configure(merchant_id=self.till.id, at=self.now, actor=JOB, **LADDERS[which])
        if self.in_force().version == tier_rules_changed.version:
            assert self.rank(self.ann.tier) == self.rank(held)
            return  # the same ladder again is nothing to save, so nothing of what it told happens
        self.ann.edit(RulesEdit(self.now, self.in_force()))
        assert self.rank(self.ann.tier) >= self.rank(held)
        risen = [
            flow.to_id for flow in told.sample if flow.kind == "rise" and flow.member_id == self.member_id
        ]
        assert risen == ([self.ann.tier] if self.ann.tier != held else [])

    def rank(self, tier_id: int) -> int:
        return self.in_force().tiers.rank[tier_id]

    @rule(place=st.integers(0, 2), days=st.sampled_from([0, 3, 40, 500]), pause=pauses)
    def set_by_hand(self, place: int, days: int, pause: int) -> None:
        """Staff set a tier until a day."""
        self.wait(pause)
        tier = self.in_force().tiers.ladder[place]
        until = self.now.date() + days * DAY if place else None
        self.ann.given(TierGiven(self.now, tier.id, until, "staff", "a test"))
        self.both(
            lambda: tier_hand.set_tier(
                merchant_id=self.till.id, member_id=self.member_id, at=self.now, actor=JOB, tier=tier.code,
                until=until, reason="a test",
            ),
            None,
        )  # fmt: skip

    @rule(zone=st.sampled_from([*ZONES, "Mars/Olympus", "localtime"]), pause=pauses)
    def move_to_zone(self, zone: str, pause: int) -> None:
        """Another zone: refused, since days are counted in the one there is; nothing changes."""
        self.wait(pause)
        with tenancy.tenant(self.till.id), transaction.atomic():
            now = Merchant.objects.get(pk=self.till.id)
        values = {name: getattr(now, name) for name in shop.FIELDS} | {"timezone": zone}
        self.both(
            lambda: shop.change_shop(merchant_id=self.till.id, **values, actor=JOB, at=self.now),
            "invalid" if zone not in ZONES else None if zone == self.zone.key else "conflict",
        )
        with tenancy.tenant(self.till.id), transaction.atomic():
            assert Merchant.objects.get(pk=self.till.id).timezone == self.zone.key

    @invariant()
    def the_standing_is_the_models(self) -> None:
        if not hasattr(self, "ann"):
            return
        own = {"merchant_id": self.till.id, "member_id": self.member_id}
        with tenancy.tenant(self.till.id), transaction.atomic():
            rules = rules_selector.rules_at(merchant_id=self.till.id, at=self.now)
            metrics = selector.metrics(**own, rules=rules, at=self.now)
            held = TierStanding.objects.filter(**own).first()
            moves = list(TierMove.objects.filter(**own).order_by("at", "id"))
            validity = dict(TierValidity.objects.filter(**own).values_list("tier_id", "valid_until"))
        assert metrics._asdict() == self.ann.metrics(self.now.date())
        assert (held.tier_id if held else rules.tiers.base.id) == self.ann.tier
        assert validity == self.ann.until
        assert (held.valid_until if held else None) == self.ann.until.get(self.ann.tier)
        assert [(move.from_tier_id, move.to_tier_id, move.cause) for move in moves] == self.ann.moves

    @invariant()
    def the_audit_finds_nothing_and_both_foretellings_agree(self) -> None:
        if not hasattr(self, "ann"):
            return
        about = {"first": self.till.id, "last": self.till.id, "part": 0, "share": 1, "at": self.now}
        with tenancy.platform():
            assert tier_audits.audit_shops(**about)[1] == 0
        with tenancy.tenant(self.till.id), transaction.atomic():
            rules = rules_selector.rules_at(merchant_id=self.till.id, at=self.now)
            merchant = Merchant.objects.get(pk=self.till.id)
            proposal = tier_simulation.Proposal(rules.tiers, rules.tiers)
            told = tier_simulation.simulate(merchant=merchant, at=self.now, proposal=proposal)
            member = Member.objects.get(pk=self.member_id)
            today = self.now.date()
            state = tier_explained.state_of(merchant=merchant, member=member, rules=rules, today=today)
            first = today + DAY if daily_job_instant(today, self.zone) <= self.now else today
            coming = forecast(state, rules.tiers, at=self.now, first=first)
            assert tier_explained.explained(merchant=merchant, member=member, at=self.now)
        ours = [flow for flow in told.sample if flow.member_id == self.member_id and flow.kind == "fall"]
        if not any(flow.kind == "rise" and flow.member_id == self.member_id for flow in told.sample):
            wanted = [(coming.tier_id, coming.on)] if coming.kind == "falls" else []
            assert [(flow.to_id, flow.first_on) for flow in ours] == wanted


@pytest.mark.soak
@pytest.mark.django_db
def test_tiers_are_what_a_slow_model_says_after_every_step():
    run_state_machine_as_test(
        TiersOfAShop,
        settings=settings(
            max_examples=max(sized(5_000) // STEPS, 1),
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
