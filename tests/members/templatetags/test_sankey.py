"""The flow chart: every flow is seen, stations stand in order, and the table twin has the numbers."""

from __future__ import annotations

import re

from members.templatetags.charts import BOX
from members.templatetags.sankey import sankey


def bands(*links, lefts=("gold", "base"), rights=("gold", "base")):
    return sankey(links, lefts, rights, id="flows", caption="Who moved")


def test_a_flow_of_one_among_a_million_is_seen_and_all_stay_inside():
    drawn = bands(("base", "base", 1_000_000, "same"), ("base", "gold", 1, "up"))

    heights = [stop["height"] for stop in drawn["rights"]]
    assert min(heights) >= 6
    assert all(stop["y"] + stop["height"] <= BOX for stop in [*drawn["lefts"], *drawn["rights"]])
    assert len(drawn["bands"]) == 2 and drawn["bands"][0]["title"] == "base → gold: 1"


def test_flows_leave_and_reach_a_station_one_below_the_other():
    drawn = bands(("gold", "gold", 5, "same"), ("gold", "base", 5, "down"), ("base", "base", 10, "same"))

    starts = [int(re.match(r"M\d+,(\d+)", band["path"])[1]) for band in drawn["bands"]]
    assert starts == sorted(starts) and len(set(starts)) == 3
    assert [stop["value"] for stop in drawn["lefts"]] == ["10", "10"]
    assert [stop["value"] for stop in drawn["rights"]] == ["5", "15"]


def test_the_twin_has_every_flow_and_nothing_is_drawn_for_nobody():
    drawn = bands(("gold", "base", 1_234, "down"), ("base", "gold", 0, "up"))

    assert drawn["rows"] == [("gold", "base", "1,234")]
    assert not drawn["is_empty"] and bands()["is_empty"]
