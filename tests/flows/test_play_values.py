"""What a play makes of values that nobody can take: the line is named, never a traceback (play.md)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import translation

from compliance.play.script import Malformed, lines
from tests.flows.conftest import line, shop

ORDER: dict[str, Any] = {"order": "o", "lines": [{"sku": "s", "amount_minor": 100}]}
DEEP = json.loads("[" * 900 + "]" * 900)


def configured(**tiers: Any) -> dict[str, Any]:
    return line("2024-01-02", "program.configure", tiers=tiers)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"do": "show", "at": "2024-01-01T00:00:00"}', "no offset"),
        ('{"do": "show", "at": "0001-01-01T00:00:00+08:00"}', "years 1900 to 2999"),
        ('{"do": "show", "at": "9999-12-31T23:59:59-12:00"}', "years 1900 to 2999"),
        ('{"do": "show", "at": "2024-01-01T00:00:00+16:00"}', "no place has"),
        ('{"do": "show", "at": "2024-01-01T00:00:00-00:00:30"}', "no place has"),
        ('{"do": "show", "at": 5}', "an instant is text"),
        ('{"do": "\\ud800", "at": "2024-01-01T00:00:00+08:00"}', "lone surrogate"),
        ('{"do": "show", "at": "2024-01-01T00:00:00+08:00", "\\udfff": 1}', "lone surrogate"),
        ('{"do": "show", "at": "2024-01-01T00:00:00+08:00", "x": [{"y": "a\\udc00"}]}', "lone surrogate"),
    ],
)
def test_a_line_out_of_shape_is_malformed(text, says):
    with pytest.raises(Malformed, match=f"^line 2: .*{says}"):
        list(lines(iter(["", text])))


def test_both_halves_of_a_character_are_text():
    [told] = lines(iter(['{"do": "\\ud83c\\udf75", "at": "2024-01-01T00:00:00+08:00"}']))

    assert told.verb == "🍵"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (configured(validity_months="12"), "validity_months: a whole number"),
        (configured(validity_months=None), "validity_months: a whole number"),
        (configured(grace_days=1.5), "grace_days: a whole number"),
        (configured(grace_days=True), "grace_days: a whole number"),
        (configured(downgrade=["one_step"]), "downgrade: text"),
        (configured(window={"kind": "rolling", "days": "365"}), "window.days: a whole number"),
        (configured(window={"kind": "rolling", "dayz": 30}), "window: unknown key 'dayz'"),
        (configured(window={"kind": []}), "window: "),
        (configured(ladder=[{"code": "base", "name": 5}]), "ladder: name: text"),
        (line("2024-01-02", "policy.set", first_run_on="0001-01-31"), "first_run_on"),
        (line("2024-01-02", "policy.set", first_run_on="9999-12-31"), "first_run_on"),
        (line("2024-01-02", "policy.set", max_clear_share="0.000000001"), "at most 8 decimals"),
        (line("2024-01-02", "policy.set", max_clear_share=True), "max_clear_share"),
        (line("2024-01-02", "benefit.publish", benefit="b", kind="coupon", to="0001-01-01T00:00:00+08:00"), "to: "),
        (line("2024-01-02", "benefit.publish", benefit="b", kind="coupon", to="2024-02-01T00:00:00"), "to: "),
        (line("2024-01-02", "benefit.publish", benefit="b", kind="coupon", settings=DEEP), "settings: an object"),
        # What no shape was made for: the last net.
        (line("2024-01-02", "benefit.publish", benefit="b", kind="coupon", settings={"deep": DEEP}), "recursion"),
        (line("2024-01-02", "benefit.publish", benefit="b", kind="coupon", audience=["a\0"]), "NUL"),
        (line("2024-01-02", "program.configure", points={"tier_multipliers": {"\0": "1"}}), "NUL"),
    ],
)  # fmt: skip
def test_a_value_that_no_service_can_take_is_malformed(tell, bad, says):
    with pytest.raises(Malformed, match=f"^line 3: {bad['do']}: .*{says}"):
        tell(*shop("2024-01-01"), bad, line("2024-01-03", "clock.advance"))


def test_of_orders_told_together_the_one_that_cannot_be_taken_is_named(tell):
    odd = {"order": "odd", "lines": [{"sku": "s", "amount_minor": 100, "quantity": "1E-20000"}]}
    refused = {"order": "x" * 200, "lines": ORDER["lines"]}
    printed: list[dict[str, Any]] = []

    with pytest.raises(Malformed, match=r"^line 5: order\.put: "):
        tell(
            *shop("2024-01-01"),
            line("2024-01-02", "order.put", **ORDER),
            line("2024-01-02", "order.put", **refused),
            line("2024-01-02", "order.put", **odd),
            line("2024-01-02", "order.put", order="later", lines=ORDER["lines"]),
            printed=printed,
        )

    assert [(row["line"], row["refused"]) for row in printed] == [(4, "invalid")]


@pytest.mark.parametrize(
    "out_of_range",
    [
        {"validity_months": 0},
        {"validity_months": 121},
        {"validity_months": 10**30},
        {"grace_days": -1},
        {"grace_days": 366},
        {"downgrade": "to_hell"},
        {"window": {"kind": "rolling", "days": 0}},
        {"window": {"kind": "rolling", "days": 3_651}},
        {"ladder": [{"code": "base", "name": "x" * 41}]},
    ],
)
def test_tiers_out_of_range_are_refused_and_change_nothing(tell, out_of_range):
    silver = {"code": "silver", "all": {"spend_minor": 100}}
    printed = tell(
        *shop("2024-01-01"),
        configured(**{"ladder": [{"code": "base"}, silver], **out_of_range}),
        line("2024-01-02", "member.join", member="z"),
        line("2024-01-02", "order.put", member="z", **ORDER),
        line("2024-01-03", "show", what="tier", member="z"),
    )

    assert (printed[0]["line"], printed[0]["refused"]) == (3, "invalid")
    assert printed[1]["tier"] == "base"


def test_a_shops_name_of_more_than_80_characters_is_refused(tell):
    printed = tell(
        line("2024-01-01", "merchant.create", merchant="x" * 81),
        line("2024-01-01", "merchant.create", merchant="x" * 80),
    )

    assert printed == [
        {"line": 1, "refused": "invalid", "detail": "A shop's name has at most 80 characters."},
        {"done": True, "lines": 2, "refused": 1},
    ]


@pytest.mark.parametrize("values", [{"uncounted_kinds": ["coupon", "free_lunch"]}, {"warn_days": []}])
def test_a_policy_of_no_such_kind_or_without_warning_is_refused(tell, values):
    printed = tell(*shop("2024-01-01"), line("2024-01-02", "policy.set", **values))

    assert (printed[0]["line"], printed[0]["refused"]) == (3, "invalid")


def test_refusals_are_told_in_english_whatever_the_language(tell):
    again = line("2024-01-01", "merchant.create")
    nobody = line("2024-01-01", "benefit.end", benefit="nothing")
    closed = line("2024-01-01", "member.join", member="z")

    with translation.override("zh-hans"):
        printed = tell(again, again, nobody, closed)

    assert [row["detail"] for row in printed[:-1]] == [
        "merchant 'a' was made already",
        "benefit 'nothing' was never made",
        "The program is not open. Open it first under Tiers and points, Program.",
    ]
