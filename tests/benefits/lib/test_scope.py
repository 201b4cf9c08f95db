"""Where a benefit is to be had: the rule, its stored form, and what a policy makes of it (domain.md 8, 3)."""

from __future__ import annotations

import pytest

from benefits.lib import usefulness
from benefits.lib.scope import CHANNELS, channels_of, fits, normalise_scope
from members.lib.refusals import Invalid
from members.models import Channel

TAOBAO = {"channels": ["taobao"]}
BRANCH = {"stores": ["pos:001"]}


def test_the_channels_are_those_of_stores_and_orders():
    assert [(code, str(label)) for code, label in CHANNELS.items()] == [
        (each.value, str(each.label)) for each in Channel
    ]


@pytest.mark.parametrize(
    ("scope", "place", "does"),
    [
        ({}, {}, True),
        ({}, {"channel": "jd", "store": "1", "scene": "hotel"}, True),
        (TAOBAO, {"channel": "taobao"}, True),
        (TAOBAO, {"channel": "taobao", "store": "any"}, True),
        (TAOBAO, {"channel": "jd"}, False),
        (TAOBAO, {}, False),
        (BRANCH, {"channel": "pos", "store": "001"}, True),
        (BRANCH, {"channel": "pos", "store": "002"}, False),
        (BRANCH, {"channel": "jd", "store": "001"}, False),
        (BRANCH, {"channel": "pos"}, False),
        ({**TAOBAO, **BRANCH}, {"channel": "taobao"}, True),
        ({**TAOBAO, **BRANCH}, {"channel": "pos", "store": "001"}, True),
        ({**TAOBAO, **BRANCH}, {"channel": "pos", "store": "002"}, False),
        ({"scenes": ["takeaway"]}, {"scene": "takeaway"}, True),
        ({"scenes": ["takeaway"]}, {"channel": "jd"}, False),
        ({**TAOBAO, "scenes": ["takeaway"]}, {"channel": "taobao"}, False),
        ({**TAOBAO, "scenes": ["takeaway"]}, {"channel": "taobao", "scene": "takeaway"}, True),
    ],
)
def test_a_place_fits_by_its_channel_or_its_store_and_by_its_scene(scope, place, does):
    assert fits(scope, **place) is does


def test_a_scope_has_one_form():
    said = {"channels": ["taobao", "jd", "jd"], "stores": [], "scenes": [" takeaway "]}
    assert normalise_scope(said) == {"channels": ["jd", "taobao"], "scenes": ["takeaway"]}
    assert normalise_scope(None) == normalise_scope({}) == {}


@pytest.mark.parametrize(
    "said",
    [
        "taobao", ["taobao"], {"channels": "taobao"}, {"channels": ["amazon"]}, {"stores": ["001"]},
        {"stores": ["pos:"]}, {"stores": ["amazon:001"]}, {"scenes": [""]}, {"scenes": ["x" * 33]}, {"scenes": [1]},
        {"scenes": [f"s{n}" for n in range(51)]}, {"scenes": ["a\x00"]}, {"places": ["pos"]},
    ],
)  # fmt: skip
def test_what_is_no_scope_is_refused_in_words(said):
    with pytest.raises(Invalid) as refused:
        normalise_scope(said)
    assert refused.value.errors["scope"]


@pytest.mark.parametrize(
    ("scope", "uncounted", "counts"),
    [
        ({}, list(CHANNELS), True),  # everywhere is more than the channels of today
        (TAOBAO, [], True),
        (TAOBAO, ["jd", "other"], True),
        (TAOBAO, ["taobao"], False),
        ({"channels": ["taobao", "jd"]}, ["taobao"], True),
        ({"channels": ["taobao", "jd"]}, ["taobao", "jd", "web"], False),
        (BRANCH, ["pos"], False),
        ({**BRANCH, **TAOBAO}, ["pos"], True),
        ({"scenes": ["takeaway"]}, ["taobao"], True),
    ],
)
def test_a_benefit_on_no_counted_channel_is_paper(scope, uncounted, counts):
    refused = usefulness.refused_by([], 0, uncounted)
    marks = usefulness.channel_marks(scope)

    part = usefulness.refused_part(marks, refused)

    assert (part == 0) is counts
    assert usefulness.slugs(part) == (() if counts else ("channel",))
    assert channels_of(scope) or counts


def test_a_doubt_is_refused_by_its_own_rule_whatever_the_channels():
    marks = usefulness.channel_marks(TAOBAO) | usefulness.SAVING
    assert usefulness.refused_part(marks, usefulness.refused_by(["saving"], 0)) == usefulness.SAVING
    assert usefulness.refused_part(marks, usefulness.refused_by(["threshold"], 20, ["jd"])) == 0
