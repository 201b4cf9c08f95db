"""Tiers set by staff until a day, granted by a plan, welcomed with points, and taken out of the ladder."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.refusals import Invalid, NotFound, ProgramNotOpen, Refusal
from members.models import AuditRow, PointsRequest, RulesVersion, Tier, TierMove, TierStanding, TierValidity
from members.selectors import rules
from members.selectors import tiers as selector
from members.services import daily, posting, programs, tier_hand, tier_rules
from tests.conftest import NOON
from tests.factories import ledger

JOB, DAY = ledger.JOB, dt.timedelta(days=1)
GOLD = {"code": "gold", "name": "Gold", "all": {"spend_minor": 500_000}}
LADDER = [*ledger.LADDER, GOLD]


@pytest.fixture
def shop(cast):
    ledger.open_shop(cast.shop, NOON)
    configure(cast.shop, NOON, LADDER)
    return cast.shop


def configure(shop, at, ladder, **more):
    with tenancy.tenant(shop.pk), transaction.atomic():
        tier_rules.configure(merchant_id=shop.pk, at=at, actor=JOB, ladder=ladder, **more)


def set_tier(shop, member, at, tier, until, reason="a good customer of the branch"):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return tier_hand.set_tier(
            merchant_id=shop.pk, member_id=member.pk, at=at, actor=JOB, tier=tier, until=until, reason=reason
        )


def held(shop, member, at=NOON) -> dict[str, Any]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return selector.standing(merchant_id=shop.pk, member_id=member.pk, at=at)


def night(day: dt.date) -> None:
    daily.recalculate_due(zone="Asia/Shanghai", at=dt.datetime.combine(day, dt.time(3), NOON.tzinfo))


def facts(shop) -> tuple:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return (
            list(TierStanding.objects.of(shop.pk).order_by("id").values_list("tier_id", "valid_until")),
            TierMove.objects.of(shop.pk).count(),
            AuditRow.objects.of(shop.pk).count(),
            RulesVersion.objects.of(shop.pk).count(),
            PointsRequest.objects.of(shop.pk).count(),
        )


def test_staff_set_a_tier_until_a_day_with_a_reason_and_the_rules_take_over_after_it(shop):
    member = ledger.join(shop, NOON)
    until = NOON.date() + 40 * DAY

    assert set_tier(shop, member, NOON, "gold", until)

    now = held(shop, member)
    assert (now["tier"], now["valid_until"]) == ("gold", until)
    assert [(m["from"], m["to"], m["cause"]) for m in now["history"]] == [("base", "gold", "staff")]
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert TierMove.objects.of(shop.pk).get().reason == "a good customer of the branch"
        row = AuditRow.objects.of(shop.pk).get(action="tier.set")
    assert (row.before, row.after) == (
        {"tier": "base", "valid_until": None},
        {"tier": "gold", "valid_until": until.isoformat()},
    )
    night(until)
    assert held(shop, member)["tier"] == "gold"
    night(until + DAY)
    assert held(shop, member)["tier"] == "base"


def test_the_same_again_changes_nothing_and_a_longer_validity_is_never_shortened(shop):
    member = ledger.join(shop, NOON)
    ledger.buy(shop, member, "o", NOON, 100_000)
    long = held(shop, member)["valid_until"]
    before = facts(shop)

    assert not set_tier(shop, member, NOON, "silver", long - 30 * DAY)

    assert facts(shop) == before and held(shop, member)["valid_until"] == long


def test_a_lower_tier_by_hand_gives_up_the_higher_one_until_an_order_reaches_it_again(shop):
    member = ledger.join(shop, NOON)
    ledger.buy(shop, member, "o", NOON, 500_000)

    set_tier(shop, member, NOON + DAY, "base", None)

    assert held(shop, member)["tier"] == "base"
    night(NOON.date() + 3 * DAY)
    assert held(shop, member)["tier"] == "base"
    ledger.buy(shop, member, "o2", NOON + 4 * DAY, 100)
    assert held(shop, member)["tier"] == "gold"


@pytest.mark.parametrize(
    ("tier", "days", "reason"),
    [
        ("gold", 10, "  "),
        ("gold", 10, "x" * 201),
        ("gold", -1, "late"),
        ("gold", 366 * 11, "too far"),
        ("gold", None, "no day"),
        ("platinum", 10, "no such tier"),
    ],
)
def test_a_tier_by_hand_without_reason_day_or_tier_is_refused_and_nothing_changes(shop, tier, days, reason):
    member = ledger.join(shop, NOON)
    before = facts(shop)
    until = None if days is None else NOON.date() + days * DAY

    with pytest.raises(Invalid):
        set_tier(shop, member, NOON, tier, until, reason)

    assert facts(shop) == before


def test_no_tier_is_set_while_the_program_is_closed_nor_for_nobodys_member(shop):
    member = ledger.join(shop, NOON)
    with tenancy.tenant(shop.pk), pytest.raises(NotFound), transaction.atomic():
        tier_hand.set_tier(
            merchant_id=shop.pk, member_id=10**9, at=NOON, actor=JOB, tier="gold", until=None, reason="r"
        )
    with tenancy.tenant(shop.pk), transaction.atomic():
        programs.close_program(merchant_id=shop.pk, at=NOON, actor=JOB)

    with pytest.raises(ProgramNotOpen):
        set_tier(shop, member, NOON, "gold", NOON.date() + DAY)


def test_a_plan_grants_at_least_a_tier_and_extends_it(shop):
    low, high = ledger.join(shop, NOON, "u1"), ledger.join(shop, NOON, "u2")
    ledger.buy(shop, high, "o", NOON, 500_000)

    def grant(until):
        with tenancy.tenant(shop.pk), transaction.atomic():
            return tier_hand.grant_floor(
                merchant_id=shop.pk, member_ids=[low.pk, high.pk], at=NOON, tier="silver", until=until
            )

    assert (grant(NOON.date() + 30 * DAY), grant(NOON.date() + 60 * DAY)) == (1, 0)

    assert (held(shop, low)["tier"], held(shop, low)["valid_until"]) == ("silver", NOON.date() + 60 * DAY)
    assert held(shop, low)["history"][0]["cause"] == "plan"
    assert held(shop, high)["tier"] == "gold"


WELCOMING = [LADDER[0], {**LADDER[1], "welcome": 50}, {**GOLD, "welcome": 200}]


def test_reaching_a_tier_brings_its_welcome_once_and_again_after_a_fall(shop):
    configure(shop, NOON, WELCOMING)
    member = ledger.join(shop, NOON)

    ledger.buy(shop, member, "o", NOON, 100_000)
    ledger.buy(shop, member, "o", NOON, 100_000)
    ledger.buy(shop, member, "o2", NOON + DAY, 100)

    assert ledger.entries(shop, member) == [("earn", 1000, 1000), ("earn", 50, 1050), ("earn", 1, 1051)]
    later = NOON + 400 * DAY
    night(later.date())
    assert held(shop, member, later)["tier"] == "base"
    ledger.buy(shop, member, "o3", later, 100_000)
    assert [entry[1] for entry in ledger.entries(shop, member)] == [1000, 50, 1, 1000, 50]
    assert ledger.mismatches(later) == 0


def test_an_edit_welcomes_who_rises_and_the_highest_tier_alone_counts(shop):
    member = ledger.join(shop, NOON)
    ledger.buy(shop, member, "o", NOON, 90_000)

    configure(shop, NOON + DAY, [
        LADDER[0], {**LADDER[1], "all": {"spend_minor": 1_000}, "welcome": 50},
        {**GOLD, "all": {"spend_minor": 90_000}, "welcome": 200},
    ])  # fmt: skip

    assert ledger.entries(shop, member) == [("earn", 900, 900), ("earn", 200, 1100)]


def test_a_tier_given_by_hand_brings_no_welcome(shop):
    configure(shop, NOON, WELCOMING)
    member = ledger.join(shop, NOON)

    set_tier(shop, member, NOON, "gold", NOON.date() + DAY)

    assert ledger.entries(shop, member) == []


def test_who_is_moved_down_from_a_deleted_tier_is_not_welcomed_and_who_rises_from_it_is(shop):
    black = {"code": "black", "name": "Black", "all": {"spend_minor": 700_000}, "welcome": 900}
    down, up = ledger.join(shop, NOON, "u1"), ledger.join(shop, NOON, "u2")
    ledger.buy(shop, down, "o1", NOON, 500_000)
    ledger.buy(shop, up, "o2", NOON, 800_000)

    configure(shop, NOON + DAY, [*WELCOMING[:2], black], targets={"gold": "silver"})

    assert held(shop, down)["tier"] == "silver" and held(shop, up)["tier"] == "black"
    assert [entry[1] for entry in ledger.entries(shop, down)] == [5000]
    assert [entry[1] for entry in ledger.entries(shop, up)] == [8000, 900]


def test_a_list_gives_tiers_as_staff_do_and_shortens_no_validity(shop):
    member, high = ledger.join(shop, NOON, "u1"), ledger.join(shop, NOON, "u2")
    ledger.buy(shop, high, "o", NOON, 500_000)
    long = NOON.date() + 900 * DAY
    with tenancy.tenant(shop.pk), transaction.atomic():
        gold = Tier.objects.of(shop.pk).get(code="gold").pk
        TierValidity.objects.create(merchant=shop, member=member, tier_id=gold, valid_until=long)

    with tenancy.tenant(shop.pk), transaction.atomic():
        posting.lock_merchant(merchant_id=shop.pk, alone=True)
        program = programs.lock_open(merchant_id=shop.pk)
        kept = tier_hand.give_many(
            merchant=shop, program=program, rules=rules.rules_at(merchant_id=shop.pk, at=NOON, program=program),
            at=NOON, reason="x" * 300,
            tiers={each.pk: tier_hand.Given(gold, NOON.date() + DAY) for each in (member, high)},
        )  # fmt: skip

    assert kept == {high.pk: gold}
    assert (held(shop, member)["tier"], held(shop, member)["valid_until"]) == ("gold", long)
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert TierMove.objects.of(shop.pk).get(cause="staff").reason == "x" * 200


@pytest.mark.parametrize(
    "ladder",
    [
        [{"code": "new", "name": "New"}, {"code": "base", "name": "Base", "all": {"orders": 1}}, *LADDER[1:]],
        [*LADDER[:2], {**GOLD, "all": {"spend_minor": 100_000}}],  # equal
        [*LADDER[:2], {"code": "gold", "any": {"spend_minor": 100_000}}],  # equal in other words
        [
            LADDER[0],
            {**LADDER[1], "all": {"spend_minor": 100_000, "orders": 2}},
            {**GOLD, "all": {"spend_minor": 100_000}},
        ],
        [
            *LADDER[:2],
            {"code": "gold", "any": {"spend_minor": 90_000, "orders": 9}},
        ],  # silver is gold already
        [
            LADDER[0],
            {"code": "silver", "any": {"orders": 3, "active_days": 2}},
            {"code": "gold", "any": {"orders": 3, "active_days": 2, "spend_minor": 1}},
        ],
        [
            *LADDER[:2],
            {"code": "amber", "all": {"orders": 3}},
            {"code": "gold", "any": {"spend_minor": 50_000}},
        ],
        [*LADDER[:2], {**GOLD, "all": {"spend_minor": 10**15 + 1}}],
        [*LADDER[:2], {**GOLD, "all": {"orders": 10**7 + 1}}],
        [*LADDER[:2], {**GOLD, "all": {"active_days": 36_601}}],
        [*LADDER[:2], {**GOLD, "all": {"points_earned": 10**12 + 1}}],
        [LADDER[0], GOLD, {**LADDER[1], "all": {"spend_minor": 100_000}}],  # out of order
        [LADDER[0], {**LADDER[1], "all": {"spend_minor": -1}}],
        [LADDER[0], {**LADDER[1], "all": {"spend_minor": 0}}],
        [LADDER[0], {**LADDER[1], "welcome": -1}],
        [LADDER[0], {**LADDER[1], "welcome": 1_000_001}],
        [LADDER[0], {**LADDER[1], "welcome": "many"}],
        [LADDER[0], {**LADDER[1], "all": {"moons": 1}}],
        LADDER[1:],  # without the lowest
        [LADDER[0]],  # silver has members, and no target
    ],
)
def test_a_wrong_ladder_is_refused_by_saving_and_by_simulating_and_nothing_changes(shop, ladder):
    member = ledger.join(shop, NOON)
    ledger.buy(shop, member, "o", NOON, 100_000)
    before = facts(shop)

    with pytest.raises(Refusal):
        configure(shop, NOON + DAY, ladder)
    with tenancy.tenant(shop.pk), pytest.raises(Refusal), transaction.atomic():
        tier_rules.draft(merchant_id=shop.pk, at=NOON + DAY, ladder=ladder)

    assert facts(shop) == before


@pytest.mark.parametrize(
    "options",
    [
        {"window": {"kind": "rolling", "days": 0}},
        {"window": {"kind": "rolling", "days": 3_651}},
        {"window": {"kind": "moon"}},
        {"window": {"kind": "rolling", "days": "many"}},
        {"window": {"kind": "rolling", "days": 30.5}},
        {"window": {"kind": "rolling", "days": None}},
        {"growth": {"orders": Decimal("NaN")}},
        {"growth": {"orders": Decimal("Infinity")}},
        {"validity_months": "12"},
        {"validity_months": 0},
        {"grace_days": -1},
        {"downgrade": "at_once"},
    ],
)
def test_a_wrong_window_validity_or_grace_is_refused_and_nothing_changes(shop, options):
    before = facts(shop)

    with pytest.raises(Refusal):
        configure(shop, NOON + DAY, LADDER, **options)

    assert facts(shop) == before


@pytest.mark.parametrize(
    ("lower", "tier"),
    [
        ({"any": {"spend_minor": 1_000, "orders": 2}}, {"all": {"spend_minor": 1_000, "orders": 2}}),
        ({"all": {"spend_minor": 1_000}}, {"any": {"spend_minor": 2_000, "orders": 2}}),
        ({"any": {"spend_minor": 1_000, "orders": 2}}, {"all": {"orders": 2}}),
        ({"all": {"spend_minor": 10**14}}, {"all": {"spend_minor": 10**15}}),
    ],
)
def test_a_ladder_each_of_whose_tiers_somebody_can_hold_is_saved(shop, lower, tier):
    configure(shop, NOON, [LADDER[0], {"code": "silver", **lower}, {"code": "gold", **tier}])

    with tenancy.tenant(shop.pk), transaction.atomic():
        assert len(rules.version_at(merchant_id=shop.pk, at=NOON).ladder) == 3


def test_a_threshold_beyond_any_order_moves_nobody_down_before_the_validity_ends(shop):
    member = ledger.join(shop, NOON)
    ledger.buy(shop, member, "o", NOON, 100_000)
    until = held(shop, member)["valid_until"]

    configure(shop, NOON + DAY, [LADDER[0], {**LADDER[1], "all": {"spend_minor": 10**12}}])

    for day in (NOON.date() + 2 * DAY, until - DAY, until):
        night(day)
        assert (held(shop, member)["tier"], held(shop, member)["valid_until"]) == ("silver", until)
    night(until + DAY)
    assert held(shop, member)["tier"] == "base"
