"""The play's own contract: lines, refusals, malformed scripts (play.md)."""

from __future__ import annotations

import pytest

from compliance.play.script import Malformed
from tests.flows.conftest import line, shop


def test_the_last_line_counts_lines_and_refusals(tell):
    printed = tell(*shop("2024-01-01"), line("2024-01-02", "benefit.end", benefit="nothing"))

    assert [row.get("refused") for row in printed[:-1]] == ["not-found"]
    assert printed[-1] == {"done": True, "lines": 3, "refused": 1}


def test_a_repeated_request_prints_nothing(tell):
    printed = tell(*shop("2024-01-01"), line("2024-01-02", "program.open"))

    assert printed == [{"done": True, "lines": 3, "refused": 0}]


def test_a_refused_order_leaves_a_customers_order_the_customers(tell):
    put = {"order": "o", "lines": [{"sku": "s", "amount_minor": 100_000}]}
    printed = tell(
        *shop("2024-01-01"),
        line("2024-01-01", "member.join", member="z"),
        line("2024-01-02", "order.put", **put),
        line("2024-01-02", "order.put", **put, member="z", paid_at="2024-02-01T00:00:00+08:00"),
        line("2024-01-02", "order.put", order="o", lines=[{"sku": "s", "amount_minor": 200_000}]),
        line("2024-01-03", "show", what="points", member="z"),
    )

    assert printed[0]["refused"] == "invalid"
    assert (printed[1]["available"], printed[1]["earned"]) == (0, 0)


def test_a_ladder_out_of_shape_is_malformed(tell):
    with pytest.raises(Malformed, match="line 4"):
        tell(
            *shop("2024-01-01"),
            line("2024-01-01", "clock.advance"),
            line(
                "2024-01-01",
                "program.configure",
                tiers={"ladder": [{"code": "base"}, {"code": "x", "all": 5}]},
            ),
        )


def test_instants_do_not_go_back(tell):
    with pytest.raises(Malformed, match="line 2"):
        tell(line("2024-01-02", "clock.advance"), line("2024-01-01", "clock.advance"))


def test_a_merchant_never_made_is_malformed(tell):
    with pytest.raises(Malformed, match="never made"):
        tell(line("2024-01-01", "program.open"))


def test_an_unknown_argument_is_malformed(tell):
    with pytest.raises(Malformed, match="unknown argument 'colour'"):
        tell(line("2024-01-01", "merchant.create", colour="red"))


def test_a_benefit_never_made_is_refused(tell):
    printed = tell(*shop("2024-01-01"), line("2024-01-02", "benefit.end", benefit="nothing"))

    assert printed[0]["refused"] == "not-found"


def test_an_order_never_made_is_refused(tell):
    printed = tell(*shop("2024-01-01"), line("2024-01-02", "order.refund", order="o", refund="r"))

    assert printed[0]["refused"] == "not-found"


def test_a_benefit_made_twice_is_refused(tell):
    publish = line("2024-01-02", "benefit.publish", benefit="b", kind="coupon")

    printed = tell(*shop("2024-01-01"), publish, publish)

    assert [row.get("refused") for row in printed[:-1]] == ["invalid"]


def test_a_script_spells_settings_as_it_likes_and_a_tier_that_does_not_exist_is_nobody(tell):
    printed = tell(
        *shop("2024-01-01"),
        line("2024-01-02", "benefit.publish", benefit="b", kind="coupon", settings={"of_minor": {"vip": 5}}),
        line("2024-01-03", "benefit.change", benefit="b", settings={"minus": [5]}),
        line("2024-01-04", "benefit.publish", benefit="c", kind="coupon", audience=["gold"]),
        line("2024-01-04", "benefit.publish", benefit="d", kind="coupon", audience={"tiers": []}),
        line("2024-01-05", "show", what="compliance"),
    )

    assert printed[0]["qualifying"] == ["b"]
    assert printed[1]["refused"] == 0
