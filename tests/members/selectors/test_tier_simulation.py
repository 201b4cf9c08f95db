"""The simulator: what it tells before a change of the ladder is saved is what happens after (domain.md 5)."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.periods import daily_job_instant, merchant_day
from members.models import FactsDue, Member, MemberStatus, Merchant, RulesVersion, TierMove, TierStanding
from members.selectors import lifecycle, tier_flow, tier_outlook, tier_simulation
from members.selectors.tier_simulation import Proposal, Simulation
from members.services import daily, member_facts, members, merchants, orders, programs, tier_rules
from members.services.audit import Actor
from members.services.orders import LineIn, OrderIn
from tests.conftest import NOON
from tests.factories import ledger

JOB = Actor.job("test")
DAY = dt.timedelta(days=1)
LIFE, PEOPLE = 120, 30
BASE = {"code": "base", "name": "Base"}


def rung(code: str, **needs: Any) -> dict[str, Any]:
    return {"code": code, "name": code.title(), **needs}


HIGHER = [BASE, rung("silver", all={"spend_minor": 30_000}), rung("gold", all={"spend_minor": 90_000})]
ANY = [
    BASE,
    rung("silver", any={"spend_minor": 40_000, "active_days": 2}),
    rung("gold", any={"orders": 4, "points_earned": 900}),
]
LADDER = [BASE, rung("silver", all={"spend_minor": 20_000}), rung("gold", all={"spend_minor": 60_000})]
PRESENT = {"ladder": LADDER, "validity_months": 3}
CHANGES = {
    "higher": {"ladder": HIGHER, "validity_months": 3},
    "lower": {"ladder": [BASE, rung("silver", all={"orders": 1}), rung("gold", all={"orders": 3})]},
    "any, grace": {"ladder": ANY, "grace_days": 20},
    "one step": {"ladder": HIGHER, "downgrade": "one_step"},
    "calendar year": {"ladder": LADDER, "window": {"kind": "calendar_year"}},
    "membership year": {"ladder": LADDER, "window": {"kind": "membership_year"}, "validity_months": 12},
    "lifetime": {"ladder": LADDER, "window": {"kind": "lifetime"}},
    "short window": {"ladder": LADDER, "window": {"kind": "rolling", "days": 40}, "grace_days": 5},
    "longer window": {"ladder": HIGHER, "window": {"kind": "rolling", "days": 400}, "validity_months": 3},
    "nearly the same window, grace": {"ladder": HIGHER, "window": {"kind": "rolling", "days": 300}, "grace_days": 9},
    "grace": {"ladder": HIGHER, "validity_months": 3, "grace_days": 30},
    "tier above": {"ladder": [*LADDER, rung("black", all={"spend_minor": 70_000})]},
    "tier out": {"ladder": [BASE, rung("gold", all={"spend_minor": 50_000})], "targets": {"silver": "base"}},
    "tier out, up": {"ladder": [BASE, rung("gold", all={"spend_minor": 50_000})], "targets": {"silver": "gold"}},
    "tier out, down": {"ladder": [BASE, rung("silver", all={"spend_minor": 30_000})], "targets": {"gold": "silver"}},
    "tier out, grace": {
        "ladder": [BASE, rung("silver", all={"spend_minor": 70_000})],
        "targets": {"gold": "silver"},
        "grace_days": 10,
        "downgrade": "one_step",
    },
    "growth": {
        "ladder": [BASE, rung("silver", all={"growth": 200}), rung("gold", all={"growth": 700})],
        "growth": {"spend_minor": ledger.Decimal("0.005"), "orders": ledger.Decimal("33.3")},
    },
}  # fmt: skip


def lived_shop(name: str, seed: int) -> Merchant:
    """Members who joined and bought over half a year before NOON, with the nights in between."""
    chance = random.Random(seed)
    merchant, people = open_shop(name, at=NOON - LIFE * DAY)
    shop, events = merchant.pk, []
    for number in range(90):
        at = NOON - LIFE * DAY + chance.randrange(LIFE) * DAY
        paid_at = at - chance.choice([0, 0, 0, 5, 60]) * DAY
        line = LineIn("s", 1, chance.choice([100, 5_000, 20_000, 30_000, 61_000]))
        person = people[min(chance.randrange(PEOPLE + 5), PEOPLE - 1)]
        events.append((at, OrderIn(f"o{number}", [line], member_id=person, paid_at=paid_at)))
    night = NOON - (LIFE - 1) * DAY
    for at, order in sorted(events, key=lambda event: event[0]):
        nights(merchant, night, at)
        night = max(night, at)
        with tenancy.tenant(shop):
            orders.put_order(merchant_id=shop, at=at, actor=JOB, order=order)
    nights(merchant, night, NOON)
    return merchant


def open_shop(name: str, at: dt.datetime) -> tuple[Merchant, list[int]]:
    with tenancy.platform(), transaction.atomic():
        merchant = merchants.create_merchant(name=name, owner=None, at=at, actor=JOB)
    who: dict[str, Any] = {"merchant_id": merchant.pk, "at": at, "actor": JOB}
    with tenancy.tenant(merchant.pk), transaction.atomic():
        tier_rules.configure(**PRESENT, **who)
        programs.open_program(**who)
        people = [
            members.join(**who, channel="web", external_id=f"u{n}", joined_at=at - 37 * n * DAY).pk
            for n in range(PEOPLE)
        ]
    return merchant, people


def nights(merchant: Merchant, after: dt.datetime, until: dt.datetime) -> None:
    """The recalculations due in (after, until]."""
    day = merchant_day(after, merchant.zone)
    while (at := daily_job_instant(day, merchant.zone)) <= until:
        if at > after:
            daily.recalculate_due(zone=merchant.timezone, at=at)
        day += DAY


def in_order(told: Simulation) -> tuple[Any, ...]:
    """All that a simulation tells, in an order that does not depend on how it was read."""
    flows = sorted(
        (f.kind, f.why, f.from_id, f.to_id, f.members, f.first_on, f.last_on, f.again) for f in told.flows
    )
    differences: Counter = Counter()
    for each in told.differences:
        differences[each.held, each.without, each.becomes, "members"] += each.members
        differences[each.held, each.without, each.becomes, "points"] += each.year_points
    return flows, told.months, told.sample, differences, told.total


def assert_outlooks_tell_the_same(
    merchant: Merchant, at: dt.datetime, proposal: Proposal, told: Simulation
) -> None:
    """From rows made long ago, from rows of which some are not made anew yet, and from rows of now."""
    for since in (LIFE // 3, 20, 0):
        member_facts.refresh(merchant_id=merchant.pk, at=at - since * DAY)
        with tenancy.tenant(merchant.pk), transaction.atomic():
            due = (
                list(Member.objects.of(merchant).order_by("pk").values_list("pk", flat=True)[::7])
                if since
                else []
            )
            FactsDue.objects.bulk_create(FactsDue(merchant_id=merchant.pk, member_id=pk) for pk in due)
            assert tier_outlook.counted_by(merchant_id=merchant.pk, at=at) is not None
            for most in (1_000, 3):
                kept = tier_simulation.simulate(merchant=merchant, at=at, proposal=proposal, most=most)
                told.sample = told.sample[:most]
                assert in_order(kept) == in_order(told)
            told.sample = tier_simulation.simulate(
                merchant=merchant, at=at, proposal=proposal, most=1_000
            ).sample


def moves_since(merchant: Merchant, at: dt.datetime) -> list[tuple[int, str, int, int, dt.date]]:
    """Each member's first move of each kind at or after an instant."""
    first: dict[tuple[int, str], tuple] = {}
    with tenancy.tenant(merchant.pk), transaction.atomic():
        for move in TierMove.objects.of(merchant.pk).filter(at__gte=at).order_by("at", "id"):
            day = merchant_day(move.at, merchant.zone)
            kind = "edit" if move.cause == "rules" else "fall"
            found = (move.member_id, kind, move.from_tier_id, move.to_tier_id, day)
            first.setdefault((move.member_id, kind), found)
    return sorted(first.values())


def due(valid_until: dt.date | None, options: dict[str, Any]) -> dt.date:
    """When validity and grace are over, or the next night where they are already."""
    until = valid_until or (NOON - DAY).date()
    return max(until + DAY * (options.get("grace_days", 0) + 1), (NOON + DAY).date())


def without_saving(merchant: Merchant) -> dict[int, tuple[int, int, dt.date]]:
    """Each member's first fall (from, to, day) if nothing is saved, at the end of the validity that runs now."""
    with tenancy.tenant(merchant.pk), transaction.atomic():
        until = dict(TierStanding.objects.of(merchant.pk).values_list("member_id", "valid_until"))
    point = transaction.savepoint()
    nights(merchant, NOON, NOON + 120 * DAY)
    found = moves_since(merchant, NOON)
    transaction.savepoint_rollback(point)
    return {who: (start, end, day) for who, _, start, end, day in found if day <= due(until[who], PRESENT)}


def assert_told_apart(told: Any, draft: Any, unsaved: dict[int, tuple[int, int, dt.date]]) -> None:
    """Falls that come without the change are told as such, and cost is what differs between both futures."""
    falls = {f.member_id: f for f in told.sample if f.kind == "fall"}
    for who, fall in falls.items():
        if (fall.from_id, fall.to_id, fall.first_on) == unsaved.get(who):
            assert fall.why != "change"
        if who not in unsaved:
            assert fall.why == "change"
    rises = [f for f in told.sample if f.kind == "rise"]
    ends = {f.member_id: f.to_id for f in [*told.sample, *falls.values(), *rises]}
    rank = draft.proposal.present.rank
    held = {f.member_id: f.from_id for f in told.sample if not (f.kind == "fall" and f.again)}
    spared = {who: start for who, (start, _, _) in unsaved.items() if who not in ends}
    expected: Counter = Counter()
    for who in {*ends, *spared}:
        start = held.get(who, spared.get(who))
        without = unsaved[who][1] if who in unsaved else start
        if (becomes := ends.get(who, start)) != without:
            expected[start, without, becomes] += 1
    found: Counter = Counter()
    for each in told.differences:
        assert each.held in rank and each.without in rank
        found[each.held, each.without, each.becomes] += each.members
    assert found == expected


@pytest.mark.parametrize("change", CHANGES)
def test_saving_shows_what_the_simulator_told_risers_at_once_and_fallers_on_their_day(db, change):
    merchant = lived_shop("shop", seed=len(change))
    options = CHANGES[change]
    with tenancy.tenant(merchant.pk), transaction.atomic():
        versions = RulesVersion.objects.of(merchant.pk).count()
        draft = tier_rules.draft(merchant_id=merchant.pk, at=NOON, **options)
        told = tier_simulation.simulate(merchant=merchant, at=NOON, proposal=draft.proposal, most=1_000)
        listed = list(tier_simulation.listed(merchant=merchant, at=NOON, proposal=draft.proposal))
        assert RulesVersion.objects.of(merchant.pk).count() == versions  # nothing was written
        assert not draft.changes_nothing
    assert_outlooks_tell_the_same(merchant, NOON, draft.proposal, told)
    unsaved = without_saving(merchant)

    with tenancy.tenant(merchant.pk), transaction.atomic():
        tier_rules.configure(merchant_id=merchant.pk, at=NOON, actor=JOB, **options)
        standings = dict(TierStanding.objects.of(merchant.pk).values_list("member_id", "valid_until"))
    risen = [move for move in moves_since(merchant, NOON) if move[1] == "edit"]
    nights(merchant, NOON, NOON + 120 * DAY)
    happened = [move for move in moves_since(merchant, NOON) if move[1] == "fall"]

    names = {name: tier_id for tier_id, name in draft.names.items()}
    with tenancy.tenant(merchant.pk), transaction.atomic():
        ids = {row.name: row.pk for row in tier_rules.Tier.objects.of(merchant.pk)}
    real = {tier_id: ids[name] for name, tier_id in names.items()}
    at_once = [f for f in told.sample if f.kind in ("rise", "moved")]
    falls = [f for f in told.sample if f.kind == "fall"]
    assert sorted((f.member_id, real[f.from_id], real[f.to_id]) for f in at_once) == [
        (move[0], move[2], move[3]) for move in risen
    ]
    edited = {f.member_id for f in at_once if f.kind == "rise"}
    assert sorted((f.member_id, real[f.from_id], real[f.to_id], f.first_on) for f in falls) == [
        (move[0], *move[2:])
        for move in happened
        if move[0] not in edited and move[4] <= due(standings[move[0]], options)  # else renewed before
    ]
    assert all(f.first_on > (standings[f.member_id] or dt.date.min) for f in falls)
    assert Counter((f.kind, f.why, f.from_id, f.to_id) for f in told.sample) == {
        (f.kind, f.why, f.from_id, f.to_id): f.members for f in told.moving
    }
    assert told.total == PEOPLE and len(listed) == len(told.sample)
    assert_told_apart(told, draft, unsaved)
    assert at_once or falls or change == "lifetime"


def test_a_draft_of_what_is_in_force_changes_nothing_and_neither_does_saving_it(cast):
    merchant = lived_shop("shop", seed=4)
    at = NOON + 340 * DAY  # when validities are over and orders leave the window
    with tenancy.tenant(merchant.pk), transaction.atomic():
        draft = tier_rules.draft(merchant_id=merchant.pk, at=at, **PRESENT)
        told = tier_simulation.simulate(merchant=merchant, at=at, proposal=draft.proposal)
        before = RulesVersion.objects.of(merchant.pk).count(), TierMove.objects.of(merchant.pk).count()

        tier_rules.configure(merchant_id=merchant.pk, at=at, actor=JOB, **PRESENT)

        assert before == (
            RulesVersion.objects.of(merchant.pk).count(),
            TierMove.objects.of(merchant.pk).count(),
        )
    assert draft.changes_nothing
    assert not told.differences and not told.count("fall", "change") and not told.count("kept")
    assert told.count("fall") > 0  # which come all the same


def test_the_first_who_rise_are_the_first_of_all_where_some_are_counted_anew(cast):
    ledger.open_shop(cast.shop, NOON)
    people = [ledger.join(cast.shop, NOON, f"u{number}") for number in range(20)]
    for number, each in enumerate(people):
        ledger.buy(cast.shop, each, f"o{number}", NOON, 50_000 if number > 9 else 100)
    member_facts.refresh(merchant_id=cast.shop.pk, at=NOON)
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        FactsDue.objects.bulk_create(
            FactsDue(merchant_id=cast.shop.pk, member_id=each.pk) for each in people[-1:]
        )
        draft = tier_rules.draft(merchant_id=cast.shop.pk, at=NOON, ladder=HIGHER[:2])
        assert tier_outlook.counted_by(merchant_id=cast.shop.pk, at=NOON) is not None

        told = tier_simulation.simulate(merchant=cast.shop, at=NOON, proposal=draft.proposal, most=1)

    assert told.count("rise") == 10
    assert [flow.member_id for flow in told.sample] == [people[10].pk]


def test_erased_members_are_neither_simulated_nor_in_the_flow_nor_in_the_rhythm(cast):
    ledger.open_shop(cast.shop, NOON)
    people = [ledger.join(cast.shop, NOON, f"u{number}") for number in range(2)]
    for number, each in enumerate(people * 4):
        ledger.buy(cast.shop, each, f"o{number}", NOON + number * DAY, 100)
    at = NOON + 30 * DAY
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        Member.objects.of(cast.shop).filter(pk=people[0].pk).update(status=MemberStatus.ERASED)
        draft = tier_rules.draft(merchant_id=cast.shop.pk, at=at, ladder=HIGHER[:2])
        told = tier_simulation.simulate(merchant=cast.shop, at=at, proposal=draft.proposal)
        span = tier_flow.Span(NOON + DAY, at)
        base = draft.proposal.present.base.id
        flow = tier_flow.tiers_at(merchant=cast.shop, span=span, base_tier_id=base)
        rhythm = lifecycle.program_rhythm(merchant=cast.shop, at=at)

    assert told.total == 1 and [row[2] for row in flow] == [1] and rhythm.own == 1


@pytest.mark.parametrize("seed", range(2))
def test_the_flow_between_two_days_is_what_the_moves_one_by_one_come_to(db, seed):
    merchant = lived_shop(f"shop {seed}", seed)
    with tenancy.tenant(merchant.pk), transaction.atomic():
        gone = Member.objects.of(merchant).order_by("pk")[seed]
        Member.objects.of(merchant).filter(pk=gone.pk).update(status=MemberStatus.LEFT)
        ids = tier_rules.rules.tier_ids(merchant_id=merchant.pk, codes=["base"], at=NOON)
        people = list(Member.objects.of(merchant).filter(status=MemberStatus.ACTIVE))
        moves = list(TierMove.objects.of(merchant).order_by("at", "id"))
        held = dict(TierStanding.objects.of(merchant).values_list("member_id", "tier_id"))

        def tier(member: Member, at: dt.datetime) -> int:
            later = [move.from_tier_id for move in moves if move.member_id == member.pk and move.at >= at]
            return (later[0] if later else held.get(member.pk)) or ids["base"]

        for first, last in ((LIFE, 0), (90, 30), (30, 0), (300, 200), (60, 59)):
            span = tier_flow.Span(NOON - first * DAY, NOON - last * DAY)
            wanted = Counter(
                (tier(each, span.start) if each.joined_at < span.start else None, tier(each, span.end))
                for each in people
                if each.joined_at < span.end
            )
            flow = tier_flow.tiers_at(merchant=merchant, span=span, base_tier_id=ids["base"])
            assert {row[:2]: row[2] for row in flow} == wanted
    assert any(move.at < NOON - 30 * DAY for move in moves) and len(held) > 3
