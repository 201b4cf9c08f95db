"""Orders, points and tiers told as histories (domain.md 5 and 6; E10, E11)."""

from __future__ import annotations

from typing import Any

from tests.flows.conftest import line

QUIET = line("2024-01-01", "policy.set", first_run_on="2099-12-31")
LADDER = [
    {"code": "base"},
    {"code": "silver", "all": {"spend_minor": 100_000}},
    {"code": "gold", "all": {"spend_minor": 500_000}},
]


def start(**configure: Any) -> list[dict[str, Any]]:
    return [
        QUIET,
        line("2024-01-01", "merchant.create"),
        line("2024-01-01", "program.configure", **configure),
        line("2024-01-01", "program.open"),
        line("2024-01-01", "member.join", member="m", phone="13800001402"),
    ]


def order(when: str, name: str, *amounts: int, **more: Any) -> dict[str, Any]:
    lines = [{"sku": f"s{n}", "amount_minor": amount} for n, amount in enumerate(amounts)]
    return line(when, "order.put", order=name, member="m", lines=lines, **more)


def show(when: str, what: str) -> dict[str, Any]:
    return line(when, "show", what=what, member="m")


def test_e11_points_are_shared_over_lines_and_a_full_refund_takes_what_was_stored(tell):
    printed = tell(
        *start(points={"per_major": "1"}),
        order("2024-02-01", "o", 3333, 3333, 3334),
        show("2024-02-01", "points"),
        line("2024-02-02", "order.refund", order="o", refund="r1", lines=[{"line": 1, "amount_minor": 3333}]),
        line("2024-02-03", "order.refund", order="o", refund="r2"),
        show("2024-02-04", "points"),
        show("2024-02-04", "entries"),
    )

    assert printed[0]["available"] == 100
    after = printed[1]
    assert (after["available"], after["deficit"], after["earned"], after["clawed_back"]) == (0, 0, 100, 100)
    assert [(e["kind"], e["points"], e["balance_after"]) for e in printed[2]["entries"]] == [
        ("earn", 100, 100),
        ("clawback", -33, 67),
        ("clawback", -67, 0),
    ]


def test_e10_a_tier_is_reached_at_the_order_and_lost_at_the_end_of_its_validity(tell):
    printed = tell(
        *start(tiers={"ladder": LADDER}),
        order("2024-03-01 10:00", "o", 100_000),
        show("2024-03-01 10:00", "tier"),
        line("2024-03-05", "order.refund", order="o", refund="r", lines=[{"line": 1, "amount_minor": 1}]),
        show("2024-03-05", "tier"),
        show("2025-03-02 02:59", "tier"),
        show("2025-03-02 03:00", "tier"),
    )

    reached, refunded, last, fallen = printed[:4]
    assert (reached["tier"], reached["valid_until"]) == ("silver", "2025-03-01")
    assert (refunded["tier"], refunded["metrics"]["spend_minor"]) == ("silver", 99_999)
    assert last["tier"] == "silver"
    assert (fallen["tier"], fallen["valid_until"]) == ("base", None)
    assert [(h["from"], h["to"], h["cause"]) for h in fallen["history"]][-2:] == [
        ("base", "silver", "order"),
        ("silver", "base", "recalculation"),
    ]


def test_the_tier_held_before_an_order_sets_its_multiplier(tell):
    printed = tell(
        *start(tiers={"ladder": LADDER}, points={"per_major": "1", "tier_multipliers": {"silver": "1.5"}}),
        order("2024-03-01 10:00", "o1", 100_000),
        order("2024-03-01 11:00", "o2", 10_000),
        show("2024-03-02", "points"),
    )

    assert printed[0]["earned"] == 1000 + 150


def test_a_refund_after_the_points_are_gone_leaves_a_deficit_that_the_next_order_repays(tell):
    printed = tell(
        *start(points={"per_major": "1"}),
        order("2024-02-01", "o1", 10_000),
        line("2024-02-02", "order.refund", order="o1", refund="r"),
        order("2024-02-03", "o2", 5_000),
        show("2024-02-04", "points"),
    )

    assert (printed[0]["available"], printed[0]["deficit"]) == (50, 0)


def test_an_order_put_again_changes_nothing_and_prints_nothing(tell):
    put = order("2024-02-01", "o", 10_000)

    printed = tell(*start(), put, put, show("2024-02-02", "entries"))

    assert len(printed[0]["entries"]) == 1


def test_an_orders_member_never_changes(tell):
    printed = tell(
        *start(),
        line("2024-01-02", "member.join", member="n", phone="13800001403"),
        order("2024-02-01", "o", 10_000),
        {**order("2024-02-02", "o", 10_000), "member": "n"},
        show("2024-02-03", "points"),
    )

    assert printed[0]["refused"] == "order-member-fixed"
    assert printed[1]["available"] == 100


def test_a_refund_over_what_is_left_is_refused_whole(tell):
    printed = tell(
        *start(),
        order("2024-02-01", "o", 10_000, 5_000),
        line(
            "2024-02-02",
            "order.refund",
            order="o",
            refund="r",
            lines=[{"line": 1, "amount_minor": 1}, {"line": 2, "amount_minor": 5_001}],
        ),
        show("2024-02-03", "points"),
    )

    assert printed[0]["refused"] == "refund-exceeds-order"
    assert (printed[1]["available"], printed[1]["clawed_back"]) == (150, 0)


def test_a_closed_program_stores_orders_and_earns_nothing(tell):
    printed = tell(
        *start(),
        line("2024-02-01", "program.close"),
        order("2024-02-02", "o", 10_000),
        show("2024-02-03", "points"),
        show("2024-02-03", "tier"),
    )

    assert (printed[0]["available"], printed[0]["earned"]) == (0, 0)
    assert printed[1]["metrics"]["spend_minor"] == 10_000


def test_an_edited_ladder_lifts_at_once_and_lets_nobody_fall_before_validity_ends(tell):
    lower = [{"code": "base"}, {"code": "silver", "all": {"spend_minor": 50_000}}]
    higher = [{"code": "base"}, {"code": "silver", "all": {"spend_minor": 900_000}}]

    printed = tell(
        *start(tiers={"ladder": LADDER}),
        order("2024-03-01", "o", 60_000),
        show("2024-03-01", "tier"),
        line("2024-03-02", "program.configure", tiers={"ladder": lower}),
        show("2024-03-02", "tier"),
        line("2024-03-03", "program.configure", tiers={"ladder": higher}),
        show("2024-06-01", "tier"),
        show("2025-03-03 04:00", "tier"),
    )

    assert [row["tier"] for row in printed[:4]] == ["base", "silver", "silver", "base"]
    assert printed[1]["history"][-1]["cause"] == "rules"


def test_a_return_to_open_shifts_validities_by_the_whole_days_of_the_closure(tell):
    printed = tell(
        *start(tiers={"ladder": LADDER}),
        order("2024-03-01", "o", 100_000),
        line("2024-04-01 18:00", "program.close"),
        line("2024-04-11 10:00", "program.open"),
        show("2024-04-12", "tier"),
    )

    assert printed[0]["valid_until"] == "2025-03-10"  # nine days, 2 to 10 April, lie wholly in it


def test_grace_lasts_its_days_and_one_step_falls_by_one_tier_for_a_full_validity(tell):
    tiers = {
        "window": {"kind": "rolling", "days": 10},
        "validity_months": 1,
        "grace_days": 5,
        "downgrade": "one_step",
        "ladder": LADDER,
    }
    in_grace, after_grace, done = tell(
        *start(tiers=tiers),
        order("2024-01-10 12:00", "o", 500_000),
        line("2024-02-15 12:00", "show", what="tier", member="m"),
        line("2024-02-16 12:00", "show", what="tier", member="m"),
    )

    assert (in_grace["tier"], in_grace["valid_until"]) == ("gold", "2024-02-10")
    assert (after_grace["tier"], after_grace["valid_until"]) == ("silver", "2024-03-16")
    assert done["refused"] == 0
