"""The arithmetic of the books: what each entry is, money that adds up, breakage with its basis and none without."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from members.lib import books
from members.lib.books import LEAST_MONTHS, LEAST_POINTS, PPM, Breakage, Flow, Movements, Pots

costs = st.decimals(min_value=0, max_value=9_999, places=6)
counts = st.integers(0, 10**9)
cohorts = st.lists(
    st.tuples(
        st.dates(date(2020, 1, 1), date(2026, 1, 1)).map(lambda day: day.replace(day=1)), counts, st.integers(0, 100)
    ).map(lambda row: (row[0], row[1], row[1] * row[2] // 100, True)),
    max_size=12,
)  # fmt: skip


def test_a_hold_is_no_movement_until_it_is_captured():
    flow = Flow()

    flow.note("earn", "", points=0, pending=10, asked=0)
    flow.note("confirm", "", points=10, pending=-10, asked=0)
    flow.note("hold", "hold", points=-6, pending=0, asked=0)
    assert (flow.balance, flow.pending, flow.held, flow.moved) == (4, 0, 6, Movements(issued=10))
    flow.note("capture", "hold", points=0, pending=0, asked=4)
    flow.note("release", "hold", points=2, pending=0, asked=0)

    assert (flow.balance, flow.held, flow.moved) == (6, 0, Movements(issued=10, redeemed=-4))
    assert books.ties(0, flow.moved, Pots(available=6))


def test_what_an_entry_is_follows_from_its_kind_and_what_was_asked():
    assert books.movement_of("restore", "give_back") == "given_back"
    assert books.movement_of("restore", "redeem") == "cancelled"
    assert books.movement_of("adjust", "import") == "imported"
    assert books.movement_of("earn", "award") == "issued"
    assert [books.movement_of(kind, "") for kind in ("confirm", "hold", "release")] == ["", "", ""]


@given(parts=st.lists(counts, max_size=8), cost=costs)
def test_what_parts_cost_adds_up_to_what_all_cost(parts, cost):
    assert sum(each or 0 for each in books.shared(parts, cost)) == books.worth(sum(parts), cost)


def test_without_a_cost_nothing_is_worth_anything_known():
    assert books.worth(5, None) is None
    assert books.shared([5, 6], None) == (None, None)
    assert books.worth(3, Decimal("0.5")) == 2  # half up, in minor units


@given(rows=cohorts, given_back=st.integers(0, 10**9))
def test_breakage_is_a_share_of_what_was_issued_and_never_says_too_much(rows, given_back):
    found = books.matured(rows, given_back=given_back)

    issued = sum(row[1] for row in rows)
    lapsed = sum(row[2] for row in rows)
    assert found.issued == issued
    assert found.expired == max(0, lapsed - given_back)
    if found.ppm is not None:
        assert 0 <= found.ppm <= PPM
        assert found.ppm * issued <= PPM * found.expired < (found.ppm + 1) * issued


@given(rows=cohorts)
def test_no_estimate_is_shown_from_too_little(rows):
    found = books.matured(rows)

    is_enough = sum(1 for row in rows if row[1]) >= LEAST_MONTHS and found.issued >= LEAST_POINTS
    assert (found.ppm is not None) == is_enough


@given(rows=cohorts, before=st.dates(date(2020, 1, 1), date(2026, 1, 1)))
def test_only_months_that_are_over_are_in_the_basis(rows, before):
    open_ones = [(month, issued, expired, False) for month, issued, expired, _over in rows]

    assert books.matured(open_ones) == Breakage()
    assert all(month < before for month, *_ in books.matured(rows, before=before).months)


@given(points=counts, ppm=st.one_of(st.none(), st.integers(0, PPM)))
def test_what_is_expected_to_be_used_is_between_nothing_and_all(points, ppm):
    assert 0 <= books.expected(points, ppm) <= points
    assert books.expected(points, None) == points
