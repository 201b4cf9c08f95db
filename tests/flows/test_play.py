"""The play's own contract: lines, refusals, malformed scripts (play.md)."""

from __future__ import annotations

import pytest

from compliance.play.script import Malformed
from tests.flows.conftest import line, shop


def test_the_last_line_counts_lines_and_refusals(tell):
    printed = tell(*shop("2024-01-01"), line("2024-01-02", "program.open"))

    assert [row.get("refused") for row in printed[:-1]] == ["conflict"]
    assert printed[-1] == {"done": True, "lines": 3, "refused": 1}


def test_instants_do_not_go_back(tell):
    with pytest.raises(Malformed, match="line 2"):
        tell(line("2024-01-02", "clock.advance"), line("2024-01-01", "clock.advance"))


@pytest.mark.parametrize("verb", ["points.redeem", "appeal.file", "program.exempt"])
def test_a_verb_of_a_later_issue_is_named_as_not_yet_built(tell, verb):
    with pytest.raises(Malformed, match=r"line 1: .*not yet built"):
        tell(line("2024-01-01", verb))


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
