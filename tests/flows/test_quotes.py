"""Prices through the play (domain.md 7, E13; play.md `show quote`)."""

from __future__ import annotations

import pytest

from compliance.play.player import Malformed
from tests.flows.conftest import line, shop

LADDER = {"ladder": [{"code": "base"}, {"code": "gold", "all": {"spend_minor": 1_000}}]}


def catalogue(**more):
    return {"catalogue": [{"sku": "A", "list_minor": 10_000, "members": {"gold": {"percent": "90"}}, **more}]}


def gold_member(*prices):
    """A shop with a gold member and these prices."""
    return [
        *shop("2024-01-01"),
        line("2024-01-01", "program.configure", tiers=LADDER),
        *(line("2024-01-01", "program.configure", prices=each) for each in prices),
        line("2024-01-02", "member.join", member="m"),
        line("2024-01-02", "order.put", member="m", order="o", lines=[{"sku": "x", "amount_minor": 1_000}]),
    ]


def quotes(printed):
    return [row for row in printed if row.get("what") == "quote"]


@pytest.mark.parametrize(
    ("sale", "stack", "unit"),
    [
        (8_000, "on_sale_price", 7_200),
        (8_000, "best_of", 8_000),
        (9_500, "best_of", 9_000),
        (9_500, "not_on_sale", 9_500),
        (None, "not_on_sale", 9_000),
    ],
)
def test_e13_through_the_play(tell, sale, stack, unit):
    printed = tell(
        *gold_member({"stack": stack, **catalogue(sale_minor=sale)}),
        line("2024-01-03", "show", what="quote", member="m", lines=[{"sku": "A"}]),
        line("2024-01-03", "show", what="quote", lines=[{"sku": "A"}]),
    )

    assert [row["total_minor"] for row in quotes(printed)] == [unit, sale or 10_000]


def test_e13_a_basket_with_spend_and_save_prints_every_field(tell):
    prices = {
        **catalogue(sale_minor=8_000),
        "spend_and_save": [{"at_least_minor": 10_000, "off_minor": 2_000}],
    }
    printed = tell(
        *gold_member(prices),
        line("2024-01-03", "show", what="quote", member="m", lines=[{"sku": "A", "quantity": 2}]),
    )

    (found,) = quotes(printed)
    assert found["lines"] == [
        {
            "sku": "A",
            "quantity": 2,
            "list_minor": 10_000,
            "unit_minor": 7_200,
            "discount_minor": 2_000,
            "total_minor": 12_400,
        }
    ]
    assert found["total_minor"] == 12_400
    assert [(row["layer"], row["gives_minor"], row["won"]) for row in found["receipt"]] == [
        ("sale", 4_000, True),
        ("member", 1_600, True),
        ("spend_and_save", 2_000, True),
    ]
    assert set(found["receipt"][0]) == {"layer", "candidate", "gives_minor", "won", "why"}


def test_a_change_of_prices_counts_from_its_instant_and_a_part_left_out_starts_from_its_defaults(tell):
    printed = tell(
        *gold_member({"stack": "best_of", **catalogue(sale_minor=8_000)}),
        line("2024-02-01 09:59", "show", what="quote", member="m", lines=[{"sku": "A"}]),
        line("2024-02-01 10:00", "program.configure", prices=catalogue(sale_minor=8_000)),
        line("2024-02-01 10:00", "show", what="quote", member="m", lines=[{"sku": "A"}]),
    )

    assert [row["total_minor"] for row in quotes(printed)] == [8_000, 7_200]


def test_a_fan_price_is_for_followers_and_a_closed_program_knows_no_members(tell):
    prices = catalogue(fans={"off_minor": 3_000})
    printed = tell(
        *gold_member(prices),
        line("2024-01-03", "show", what="quote", lines=[{"sku": "A"}], followers=True),
        line("2024-01-03", "show", what="quote", member="m", lines=[{"sku": "A"}], followers=True),
        line("2024-01-04", "program.close"),
        line("2024-01-04", "show", what="quote", member="m", lines=[{"sku": "A"}]),
    )

    assert [row["total_minor"] for row in quotes(printed)] == [7_000, 7_000, 10_000]


def test_a_sku_never_priced_is_malformed(tell):
    with pytest.raises(Malformed, match="never priced"):
        tell(*shop("2024-01-01"), line("2024-01-02", "show", what="quote", lines=[{"sku": "B"}]))


def test_prices_that_cannot_be_are_refused_and_change_nothing(tell):
    printed = tell(
        *gold_member(catalogue()),
        line("2024-01-03", "program.configure", prices=catalogue(floor_minor=0)),
        line("2024-01-03", "program.configure", prices={"catalogue": [{"sku": "A", "list_minor": 5}] * 2}),
        line("2024-01-03", "show", what="quote", member="m", lines=[{"sku": "A"}]),
    )

    assert [row["refused"] for row in printed if "line" in row and "refused" in row] == ["invalid", "invalid"]
    assert quotes(printed)[0]["total_minor"] == 9_000
