"""Charts and strips are lengths in whole numbers."""

from __future__ import annotations

import datetime as dt

from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from members.templatetags import charts, strips

FIRST = dt.date(2026, 3, 11)


def days(states: str) -> list[strips.Day]:
    words = {"c": "covered", "u": "uncovered", "x": "uncounted", "f": "future"}
    return [{"date": FIRST + dt.timedelta(i), "state": words[s]} for i, s in enumerate(states)]


@given(st.integers(0, 10**12), st.integers(2, 6))
def test_an_axis_holds_its_highest_value_without_wasting_more_than_three_fifths(value, steps):
    top = charts.nice_ceiling(value, steps)

    assert top >= value
    assert top % steps == 0
    assert top <= max(steps, -(-value // steps) * steps * 5 // 2)


@given(
    st.lists(st.one_of(st.none(), st.integers(-(10**9), 10**9)), min_size=1, max_size=120), st.integers(-9, 9)
)
def test_a_small_line_stays_inside_its_box(values, goal):
    box = charts.spark_box(values, goal)

    if all(v is None for v in values):
        assert box is None
        return
    numbers = [
        int(n)
        for n in box["path"].replace("M", " ").replace("L", " ").replace("H", " ").replace(",", " ").split()
    ]
    assert all(0 <= n <= charts.BOX for n in numbers)
    assert 0 <= box["goal"] <= charts.BOX


def test_a_gap_lifts_the_pen():
    assert charts.path([0, None, 10], 0, 10) == "M0,1000M1000,0"


def test_a_chart_has_its_table_twin_with_every_point():
    box = charts.linechart([("06-01", 62), ("06-02", None), ("06-03", 50)], goal=50, unit="%", scale=10)

    assert box["rows"] == [("06-01", "6.2%"), ("06-02", None), ("06-03", "5%")]
    assert box["ticks"][-1]["text"] == "8%"
    assert box["goal"] == "37.5%"
    assert box["end"]["text"] == "5%"


def test_a_chart_without_data_says_so():
    assert charts.linechart([("06-01", None)])["is_empty"] is True
    assert charts.linechart([])["is_empty"] is True


def test_the_strip_counts_only_days_that_have_been():
    with translation.override("en"):
        text = strips.caption(days("ccuuxff"))

    assert text == "5 days: 2 with a qualifying benefit, 3 without"


def test_the_twin_of_a_strip_joins_equal_days():
    runs = strips.strip_box(days("ccuxx"))["runs"]

    assert [(r["state"], r["days"], r["first"]) for r in runs] == [
        ("covered", 2, "2026-03-11"),
        ("uncovered", 1, "2026-03-13"),
        ("uncounted", 2, "2026-03-14"),
    ]


def test_days_meet_edge_to_edge_and_end_at_the_edge():
    box = strips.strip_box(days("u" * 90))
    last = box["days"][-1]

    assert float(last["x"][:-1]) + float(box["width"][:-1]) <= 100
    assert len({d["x"] for d in box["days"]}) == 90


def test_a_span_is_cut_to_the_strip_and_an_open_one_reaches_its_end():
    rows = [{"label": "coupon", "spans": [(dt.date(2026, 1, 1), dt.date(2026, 3, 13), True)]},
            {"label": "price", "spans": [(dt.date(2026, 3, 16), None, False)]},
            {"label": "old", "spans": [(dt.date(2026, 1, 1), dt.date(2026, 2, 1), True)]}]  # fmt: skip

    lanes = strips.coverage_lanes(days("u" * 10), rows)["lanes"]["rows"]

    assert lanes[0]["bars"] == [{"x": "0.00%", "width": "20.00%", "counted": True}]
    assert lanes[1]["bars"] == [{"x": "50.00%", "width": "50.00%", "counted": False}]
    assert lanes[2]["bars"] == []


def test_labels_that_crowd_the_last_one_leave_on_a_phone():
    marks = [
        (FIRST, "03-11", ""),
        (FIRST + dt.timedelta(101), "06-20", "warning"),
        (FIRST + dt.timedelta(111), "06-30", "warning"),
    ]

    shown = strips.strip_box(days("u" * 112), marks)["marks"]

    assert [m["minor"] for m in shown] == [False, True, False]
    assert shown[-1]["anchor"] == "end"
