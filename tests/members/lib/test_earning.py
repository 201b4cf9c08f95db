"""Rules of earning beside the rate: what they may say, which orders a campaign is for, what an order comes to."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.lib.bonus import DAY, BonusTerms, Priced, price, terms_for
from members.lib.earning import Earning
from members.lib.points import earning_terms, points_for, share
from members.lib.refusals import Invalid
from tests.members.lib.posting_cast import BASE, GOLD, SHANGHAI, noon

FRIDAY = "2024-05-17"


def rules(*campaigns, **more) -> Earning:
    return Earning.read(
        {"campaigns": [{"code": f"c{n}", **each} for n, each in enumerate(campaigns, 1)], **more}
    )


def terms(rate: str = "1", multiplier: str = "1"):
    return earning_terms(
        rules_version=1, tier_id=BASE, per_major=Decimal(rate), multiplier=Decimal(multiplier), minor_digits=2
    )


def found(earning: Earning, day: str = FRIDAY, **about) -> BonusTerms | None:
    order = {"tier_id": BASE, "channel": "web", "scene": "", "paid": noon(day), "zone": SHANGHAI, **about}
    return terms_for(earning, **order)


def lines(*amounts, skus=()):
    named = [*skus, *(f"s{n}" for n in range(len(amounts)))]
    return [(named[n], 1, amount) for n, amount in enumerate(amounts)]


def worth(earning: Earning, *amounts: int, rate: str = "1", uses=None, own=None, skus=(), **about) -> Priced:
    bonus = found(earning, **about)
    assert bonus is not None
    return price(lines(*amounts, skus=skus), terms(rate), bonus, uses or {}, own or {})


# --- which orders


@pytest.mark.parametrize(
    ("when", "fits", "fits_not"),
    [
        ({"tiers": [GOLD]}, {"tier_id": GOLD}, {"tier_id": BASE}),
        ({"channels": ["jd", "pos"]}, {"channel": "pos"}, {"channel": "web"}),
        ({"scenes": ["takeaway"]}, {"scene": "takeaway"}, {"scene": ""}),
        ({"weekdays": [5]}, {"day": FRIDAY}, {"day": "2024-05-18"}),
        ({"from_at": "2024-05-17T12:00+08:00"}, {"day": FRIDAY}, {"day": "2024-05-16"}),
        ({"to_at": "2024-05-17T12:00+08:00"}, {"day": "2024-05-16"}, {"day": FRIDAY}),
    ],
)
def test_a_campaign_is_for_the_orders_that_its_conditions_name(when, fits, fits_not):
    earning = rules({"multiplier": "2", "when": when})

    assert found(earning, **fits) is not None
    assert found(earning, **fits_not) is None


def test_a_weekday_is_the_merchants_own():
    earning = rules({"multiplier": "2", "when": {"weekdays": [5]}})
    late_on_thursday_in_london = dt.datetime(2024, 5, 16, 16, 30, tzinfo=dt.UTC)

    assert found(earning, paid=late_on_thursday_in_london) is not None


def test_categories_and_skus_choose_lines_and_a_star_ends_a_beginning():
    earning = rules(
        {"multiplier": "2", "when": {"categories": ["shoes"], "skus": ["hat"]}},
        categories={"shoes": ["SH-*"]},
    )

    priced = worth(earning, 10_00, 20_00, 40_00, skus=("SH-1", "hat", "coat"))

    assert priced.lines == (20, 40, 40)
    assert priced.parts[0].lines == (1, 2)


# --- how campaigns meet


def test_every_multiplier_multiplies_and_extra_points_are_added_beside():
    earning = rules({"multiplier": "2"}, {"multiplier": "1.5"}, {"extra": 10})

    priced = worth(earning, 100_00)

    assert priced.points == 100 * 3 + 10
    assert [part.given for part in priced.parts] == [100, 100, 10]


def test_the_best_multiplier_alone_counts_where_the_merchant_asks_for_it():
    earning = rules(
        {"multiplier": "2"}, {"multiplier": "3", "when": {"skus": ["a"]}}, {"extra": 10}, combine="best"
    )

    priced = worth(earning, 100_00, 100_00, skus=("a", "b"))

    assert priced.points == 300 + 200 + 10
    assert [(part.lines, part.given) for part in priced.parts] == [((2,), 100), ((1,), 200), ((1, 2), 10)]


def test_there_is_one_floor_after_everything():
    priced = worth(rules({"multiplier": "1.5"}), 99, 99, 99)  # 0.99 three times, times 1.5

    assert (priced.points, priced.exact, priced.parts[0].given) == (4, Decimal("2.97"), Decimal("1.485"))


# --- caps


def test_an_orders_cap_trims_last_and_says_by_how_much():
    priced = worth(rules({"multiplier": "3"}, order_most=250), 100_00)

    assert (priced.points, priced.before_caps, priced.order_cut, priced.day_cut) == (250, 300, 50, 0)


def test_a_cap_without_any_campaign_trims_too():
    assert worth(Earning.read({"order_most": 30}), 100_00).points == 30


@pytest.mark.parametrize(
    ("limit", "uses", "points", "cut_by"),
    [
        ({"order_most": 40}, {}, 140, "order"),
        ({"day_most": 60}, {("c1", noon(FRIDAY).date()): 50}, 110, "day"),
        ({"day_most": 60}, {("c1", noon("2024-05-16").date()): 50}, 160, "day"),
        ({"member_most": 60}, {("c1", noon("2024-05-16").date()): 50}, 110, "member"),
        ({"member_most": 60}, {("c1", noon("2024-05-16").date()): 90}, 100, "member"),
        ({"day_most": 500}, {}, 200, ""),
    ],
)
def test_a_campaigns_limits_trim_what_it_gives(limit, uses, points, cut_by):
    priced = worth(rules({"multiplier": "2", **limit}), 100_00, uses=uses)

    assert (priced.points, priced.parts[0].wanted, priced.parts[0].cut_by) == (points, 100, cut_by)


def test_the_days_cap_leaves_what_earlier_orders_of_the_day_left():
    earning = Earning.read({"day_most": 150})

    priced = worth(earning, 100_00, uses={(DAY, noon(FRIDAY).date()): 120})

    assert (priced.points, priced.day_cut, priced.claims) == (30, 70, {DAY: 30})


def test_an_orders_own_part_of_a_limit_is_not_held_against_it():
    earning = rules({"multiplier": "2", "member_most": 100})
    uses = {("c1", noon(FRIDAY).date()): 100}

    assert worth(earning, 100_00, uses=uses, own={"c1": 100}).points == 200


# --- what holds of every order

AMOUNTS = st.lists(st.integers(0, 10**7), min_size=1, max_size=6)
TIMES = st.decimals(min_value=1, max_value=9, places=3, allow_nan=False)
MOST = st.none() | st.integers(0, 10**5)
CAMPAIGN = st.builds(
    lambda times, extra, most, skus: {
        "multiplier": str(times), "extra": extra, "order_most": most, "when": {"skus": skus}
    },
    TIMES, st.integers(1, 500), MOST, st.lists(st.sampled_from(["s0", "s1", "s2"]), max_size=2),
)  # fmt: skip


@given(AMOUNTS, st.lists(CAMPAIGN, min_size=1, max_size=4), MOST, MOST, st.sampled_from(["every", "best"]))
def test_lines_add_up_caps_hold_and_campaigns_never_take(amounts, campaigns, order_most, day_most, combine):
    earning = rules(*campaigns, order_most=order_most, day_most=day_most, combine=combine)

    priced = worth(earning, *amounts, rate="1.37")

    plain = points_for(sum(amounts), terms("1.37"))
    assert sum(priced.lines) == priced.points or not any(amounts)
    assert priced.points == priced.before_caps - priced.order_cut - priced.day_cut
    assert priced.before_caps >= plain
    for cap in (order_most, day_most):
        assert cap is None or priced.points <= cap
    for part in priced.parts:
        most = earning.campaigns[int(part.code[1:]) - 1].order_most
        assert part.given <= part.wanted and (most is None or part.given <= most)


@given(AMOUNTS, st.lists(TIMES, min_size=1, max_size=3))
def test_without_limits_the_sum_is_amount_times_rate_times_every_multiplier(amounts, times):
    earning = rules(*({"multiplier": str(each), "extra": 1} for each in times))

    priced = worth(earning, *amounts, rate="0.3")

    exact = Fraction(sum(amounts), 100) * Fraction("0.3")
    for each in times:
        exact *= Fraction(each)
    assert priced.before_caps == exact // 1 + (len(times) if any(amounts) else 0)


@given(AMOUNTS)
def test_a_cap_that_is_not_reached_changes_nothing(amounts):
    whole = points_for(sum(amounts), terms())

    assert worth(Earning.read({"order_most": whole}), *amounts).lines == share(whole, amounts)


# --- what is stored is what is read


def test_rules_and_terms_come_back_as_they_were_stored():
    spec = {
        "combine": "best",
        "order_most": 500,
        "day_most": 900,
        "categories": {"shoes": ["SH-*", "B1"]},
        "campaigns": [
            {
                "code": "double-friday",
                "name": "Double Friday",
                "multiplier": "2",
                "extra": 5,
                "when": {
                    "tiers": [GOLD],
                    "channels": ["jd"],
                    "scenes": ["takeaway"],
                    "categories": ["shoes"],
                    "skus": ["hat"],
                    "from_at": "2024-05-01T00:00:00+08:00",
                    "to_at": "2024-06-01T00:00:00+08:00",
                    "weekdays": [5],
                },
                "order_most": 100,
                "day_most": 200,
                "member_most": 300,
            }
        ],
        "events": {
            "joining": {"points": 100},
            "birthday": {"points": 50, "active": False},
            "check_in": {"points": 1, "streak_days": 7, "streak_points": 10},
            "referral": {"points": 80, "referred_points": 40, "on": "joining", "month_most": 5},
            "review": {"points": 20, "day_most": 50},
            "survey": {"points": 30},
        },
    }
    earning = Earning.read(spec)
    bonus = found(earning, tier_id=GOLD, channel="jd", scene="takeaway")

    kept = earning.stored()
    assert {**kept["campaigns"][0]["when"]} == spec["campaigns"][0]["when"]
    assert kept == spec and Earning.read(kept) == earning
    assert BonusTerms.read(bonus.stored()) == bonus


@pytest.mark.parametrize("nothing", [{}, [], None])
def test_nothing_said_is_nothing_more(nothing):
    assert Earning.read(nothing) == Earning() and not Earning().prices_orders


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"campaigns": {"a": 1}}, "campaigns"),
        ({"campaigns": [{"code": "A b", "multiplier": "2"}]}, "code"),
        ({"campaigns": [{"code": "a", "multiplier": "2"}, {"code": "a", "extra": 1}]}, "code"),
        ({"campaigns": [{"code": "a"}]}, "multiplier"),
        ({"campaigns": [{"code": "a", "multiplier": "0.5"}]}, "multiplier"),
        ({"campaigns": [{"code": "a", "multiplier": "NaN"}]}, "multiplier"),
        ({"campaigns": [{"code": "a", "multiplier": 1.5}]}, "multiplier"),
        ({"campaigns": [{"code": "a", "multiplier": "1.0000001"}]}, "multiplier"),
        ({"campaigns": [{"code": "a", "extra": -1}]}, "extra"),
        ({"campaigns": [{"code": "a", "extra": 1, "when": {"weekdays": [8]}}]}, "weekdays"),
        ({"campaigns": [{"code": "a", "extra": 1, "when": {"moon": "full"}}]}, "when"),
        ({"campaigns": [{"code": "a", "extra": 1, "when": {"categories": ["shoes"]}}]}, "categories"),
        ({"campaigns": [{"code": "a", "extra": 1, "when": {"from_at": "2024-05-01"}}]}, "from_at"),
        (
            {
                "campaigns": [
                    {
                        "code": "a",
                        "extra": 1,
                        "when": {"from_at": "2024-05-02T00:00+08:00", "to_at": "2024-05-01T00:00+08:00"},
                    }
                ]
            },
            "to_at",
        ),
        ({"order_most": "many"}, "order_most"),
        ({"combine": "sum"}, "combine"),
        ({"moon": 1}, "earning"),
        ({"events": {"sneezing": {"points": 1}}}, "events"),
        ({"events": {"review": {"points": -1}}}, "review_points"),
        ({"events": {"referral": {"on": "whim"}}}, "referral_on"),
        ({"events": {"joining": {"streak_days": 3}}}, "joining"),
    ],
)
def test_what_no_rule_can_say_is_refused_by_its_field(spec, field):
    with pytest.raises(Invalid) as refused:
        Earning.read(spec)

    assert field in refused.value.errors
