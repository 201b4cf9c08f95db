"""The life of points told as histories: verbs, options of `points`, what `show` prints (play.md, domain.md 6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compliance.play.player import Player, dump
from compliance.play.script import Malformed, parse
from tests.flows.conftest import at, line
from tests.flows.test_tiers_and_points import order, show, start
from tests.stages import stage

MONTHLY = {"expiry": {"kind": "rolling", "months": 1}}


def act(when: str, verb: str, key: str, points: int | None = None, **more: Any) -> dict[str, Any]:
    about = {} if points is None else {"member": "m", "points": points}
    return line(when, f"points.{verb}", key=key, **about, **more)


def adjust(when: str, key: str, points: int) -> dict[str, Any]:
    return act(when, "adjust", key, points, reason="a test")


def entries(row: dict[str, Any]) -> list[tuple[str, int, int, int]]:
    return [(e["kind"], e["points"], e["pending"], e["balance_after"]) for e in row["entries"]]


def lots(row: dict[str, Any]) -> list[tuple[int, str | None]]:
    return [(lot["remaining"], lot["expires_on"]) for lot in row["lots"]]


def balance(row: dict[str, Any]) -> tuple[int, int, int]:
    return row["available"], row["pending"], row["deficit"]


# -- what show prints


def test_show_points_prints_balance_lots_and_totals(tell):
    printed = tell(
        *start(points={"pending_days": 7, **MONTHLY}),
        order("2024-02-01", "o", 10_000, completed_at=at("2024-01-01")),
        order("2024-02-01", "p", 5_000),
        act("2024-02-02", "redeem", "k", 30),
        show("2024-02-02", "points"),
    )

    assert printed[0] == {
        "line": 9,
        "at": at("2024-02-02"),
        "what": "points",
        "merchant": "a",
        "member": "m",
        "available": 70,
        "pending": 50,
        "deficit": 0,
        "lots": [{"remaining": 70, "expires_on": "2024-03-01"}],
        "earned": 150,
        "redeemed": 30,
        "expired": 0,
        "clawed_back": 0,
    }


def test_show_entries_prints_every_entry_in_order(tell):
    printed = tell(
        *start(points={"pending_days": 1}),
        order("2024-02-01 10:00", "o", 10_000),
        order("2024-02-05", "p", 2_000),
        line("2024-02-05", "order.refund", order="p", refund="r"),
        adjust("2024-02-06", "k", -30),
        show("2024-02-07", "entries"),
    )

    shown = printed[0]["entries"]
    assert list(shown[0]) == ["at", "kind", "points", "pending", "balance_after", "cause"]
    assert [tuple(row.values()) for row in shown] == [
        (at("2024-02-01 10:00"), "earn", 0, 100, 0, "order"),
        (at("2024-02-03 03:00"), "confirm", 100, -100, 100, "order"),
        (at("2024-02-05"), "earn", 0, 20, 100, "order"),
        (at("2024-02-05"), "clawback", 0, -20, 100, "refund"),
        (at("2024-02-06"), "adjust", -30, 0, 70, "staff"),
    ]


def test_a_member_without_points_has_nothing(tell):
    printed = tell(*start(), show("2024-02-01", "points"), show("2024-02-01", "entries"))

    assert balance(printed[0]) == (0, 0, 0) and printed[0]["lots"] == []
    assert printed[1]["entries"] == []


# -- options


def test_points_configured_again_start_from_their_defaults(tell):
    printed = tell(
        *start(points={"per_major": "3", "pending_days": 9, **MONTHLY, "clawback": "only_pending"}),
        line("2024-01-02", "program.configure", points={"per_major": "2"}),
        order("2024-01-03", "o", 1_000),
        show("2024-01-03", "points"),
        act("2024-01-03", "redeem", "k", 20),
        line("2024-01-03", "order.refund", order="o", refund="r"),
        show("2024-01-03", "points"),
    )

    assert (balance(printed[0]), lots(printed[0])) == ((20, 0, 0), [(20, None)])
    assert balance(printed[1]) == (0, 0, 20)


EXPIRIES = [
    ({"kind": "never"}, None),
    ({"kind": "rolling", "months": 1}, "2024-02-29"),
    ({"kind": "yearly", "month": 12, "day": 31}, "2024-12-31"),
    ({"kind": "yearly", "month": 2, "day": 29}, "2024-02-29"),
    ({"kind": "yearly", "month": 1, "day": 30}, "2025-01-30"),
]


def test_every_kind_of_expiry(tell):
    script = start()
    for n, (expiry, _last) in enumerate(EXPIRIES):
        script += [
            line("2024-01-31", "member.join", member=f"m{n}"),
            line(
                "2024-01-31", "program.configure", points={"expiry": {"kind": "yearly", "month": 6, "day": 1}}
            ),
            line("2024-01-31", "program.configure", points={"expiry": expiry}),
            {**order("2024-01-31", f"o{n}", 1_000), "member": f"m{n}"},
            {**show("2024-01-31", "points"), "member": f"m{n}"},
        ]

    printed = tell(*script)

    assert [lots(row) for row in printed[:-1]] == [[(10, last)] for _expiry, last in EXPIRIES]


@pytest.mark.parametrize(
    ("policy", "after"),
    [("allow_deficit", (0, 0, 30)), ("within_balance", (0, 0, 0)), ("only_pending", (70, 0, 0))],
)
def test_every_clawback_policy(tell, policy, after):
    printed = tell(
        *start(points={"clawback": policy}),
        order("2024-02-01", "o", 10_000),
        act("2024-02-02", "redeem", "k", 30),
        line("2024-02-03", "order.refund", order="o", refund="r"),
        show("2024-02-03", "points"),
    )

    assert balance(printed[0]) == after


CANNOT_BE = [
    {"per_major": "-1"},
    {"per_major": "0.0000001"},
    {"pending_days": -1},
    {"pending_days": 100_000},
    {"clawback": "sometimes"},
    {"expiry": {"kind": "rolling"}},
    {"expiry": {"kind": "rolling", "months": 0}},
    {"expiry": {"kind": "yearly", "month": 2, "day": 30}},
    {"expiry": {"kind": "weekly"}},
    {"expiry": {"kind": ["never"]}},
    {"tier_multipliers": {"nobody": "2"}},
    {"tier_multipliers": {"base": "-2"}},
]


def test_a_rule_that_cannot_be_is_refused_and_changes_nothing(tell):
    printed = tell(
        *start(points={"per_major": "2"}),
        *(line("2024-01-02", "program.configure", points=points) for points in CANNOT_BE),
        order("2024-01-03", "o", 1_000),
        show("2024-01-03", "points"),
    )

    assert [row.get("refused") for row in printed[:-2]] == ["invalid"] * len(CANNOT_BE)
    assert balance(printed[-2]) == (20, 0, 0)


def told_malformed(django_db_blocker, *broken: dict[str, Any]) -> list[str]:
    """What is said of each line that is malformed, after a shop was opened."""
    said = []
    with django_db_blocker.unblock(), stage():
        player = Player(lambda row: None)
        player.tell(map(json.dumps, start()))
        for each in broken:
            with pytest.raises(Malformed) as malformed:
                player.one(parse(6, json.dumps(each)))
            said.append(str(malformed.value))
    return said


def test_options_out_of_shape_are_malformed(django_db_blocker):
    told_malformed(
        django_db_blocker,
        *(
            line("2024-01-02", "program.configure", points=points)
            for points in (
                {"per_major": 1.5},
                {"per_major": "many"},
                {"pending_days": "7"},
                {"pending_days": 1.5},
                {"expiry": "never"},
                {"clawback": None},
                {"tier_multipliers": []},
                {"colour": "red"},
                [],
            )
        ),
    )


# -- waiting and confirming


def test_points_wait_and_the_first_daily_job_at_or_after_the_due_instant_confirms(tell):
    printed = tell(
        *start(points={"pending_days": 7}),
        order("2024-02-01 10:00", "o", 10_000),
        show("2024-02-09 02:59", "points"),
        show("2024-02-09 03:00", "points"),
        show("2024-02-09 03:00", "entries"),
    )

    assert [balance(row) for row in printed[:2]] == [(0, 100, 0), (100, 0, 0)]
    assert printed[1]["earned"] == 100
    assert entries(printed[2]) == [("earn", 0, 100, 0), ("confirm", 100, -100, 100)]


def test_an_order_completed_by_a_later_put_waits_from_its_completion(tell):
    printed = tell(
        *start(points={"pending_days": 7}),
        order("2024-02-01", "o", 10_000, completed_at=None),
        show("2024-03-01", "points"),
        order("2024-03-01 10:00", "o", 10_000),
        show("2024-03-09 03:00", "points"),
    )

    assert [balance(row) for row in printed[:2]] == [(0, 100, 0), (100, 0, 0)]


def test_without_jobs_nothing_is_confirmed_and_nothing_expires(django_db_blocker):
    printed: list[dict[str, Any]] = []
    script = [
        *start(points={"pending_days": 1, **MONTHLY}),
        order("2024-02-01", "waits", 10_000),
        order("2024-02-01", "is due", 5_000, completed_at=at("2024-01-01")),
        act("2024-02-01", "hold", "h", 20, minutes=10),
        show("2024-08-01", "points"),
    ]

    with django_db_blocker.unblock(), stage():
        Player(lambda row: printed.append(json.loads(dump(row))), with_jobs=False).tell(
            map(json.dumps, script)
        )

    # A hold ends by itself: no job does it.
    assert (balance(printed[0]), lots(printed[0])) == ((50, 100, 0), [(50, "2024-03-01")])


def test_waiting_points_of_a_closed_program_are_confirmed_when_it_is_open_again(tell):
    printed = tell(
        *start(points={"pending_days": 7}),
        order("2024-02-01", "o", 10_000),
        line("2024-02-02", "program.close"),
        show("2024-03-01", "points"),
        line("2024-03-01 10:00", "program.open"),
        show("2024-03-02 03:00", "points"),
    )

    assert [balance(row) for row in printed[:2]] == [(0, 100, 0), (100, 0, 0)]


# -- redeeming, cancelling


def test_e12_a_redemption_and_its_cancellation(tell):
    printed = tell(
        *start(points={"expiry": {"kind": "yearly", "month": 3, "day": 31}}),
        adjust("2024-01-02", "march", 100),
        line("2024-01-03", "program.configure", points={"expiry": {"kind": "yearly", "month": 2, "day": 28}}),
        adjust("2024-01-03", "february", 50),
        line("2024-01-04", "program.configure", points={}),
        adjust("2024-01-04", "never", 30),
        act("2024-02-01", "redeem", "k", 120),
        show("2024-02-01", "points"),
        act("2024-02-02", "cancel", "k"),
        show("2024-02-02", "points"),
    )

    assert lots(printed[0]) == [(30, "2024-03-31"), (30, None)]
    assert lots(printed[1]) == [(50, "2024-02-28"), (100, "2024-03-31"), (30, None)]
    assert (printed[0]["redeemed"], printed[1]["redeemed"]) == (120, 0)


def test_more_than_is_available_is_refused_and_a_repeated_request_prints_nothing(tell):
    printed = tell(
        *start(),
        adjust("2024-02-01", "a", 100),
        act("2024-02-02", "redeem", "k", 101),
        act("2024-02-02", "redeem", "k", 100),
        act("2024-02-03", "redeem", "k", 100),
        act("2024-02-03", "redeem", "k", 99),
        act("2024-02-03", "cancel", "k"),
        act("2024-02-03", "cancel", "k"),
        act("2024-02-03", "redeem", "k", 100),
        act("2024-02-03", "cancel", "unheard of"),
        show("2024-02-03", "entries"),
    )

    assert [(row["line"], row.get("refused")) for row in printed[:-1]] == [
        (7, "insufficient-points"),
        (10, "idempotency-conflict"),
        (14, "not-found"),
        (15, None),
    ]
    assert entries(printed[3]) == [
        ("adjust", 100, 0, 100),
        ("redeem", -100, 0, 0),
        ("restore", 100, 0, 100),
    ]
    assert printed[-1]["refused"] == 3


def test_points_cancelled_after_their_last_day_come_back_for_thirty_days(tell):
    printed = tell(
        *start(points=MONTHLY),
        order("2024-02-01", "o", 10_000),
        act("2024-02-02", "redeem", "k", 60),
        act("2024-03-02 10:00", "cancel", "k"),
        show("2024-03-02 10:00", "points"),
        show("2024-03-02 10:00", "entries"),
    )

    assert (lots(printed[0]), printed[0]["expired"]) == ([(60, "2024-04-01")], 40)
    assert [row[0] for row in entries(printed[1])] == ["earn", "redeem", "expire", "restore"]


def test_a_redemption_of_no_positive_number_is_refused(tell):
    printed = tell(*start(), *(act("2024-02-01", "redeem", "k", points) for points in (0, -5, 10**13)))

    assert [row.get("refused") for row in printed[:-1]] == ["invalid"] * 3


def test_a_line_out_of_shape_is_malformed(django_db_blocker):
    told_malformed(
        django_db_blocker,
        *(
            {**act("2024-02-01", "redeem", "k", 5), **broken}
            for broken in (
                {"points": 1.5},
                {"points": "5"},
                {"points": None},
                {"points": True},
                {"key": ""},
                {"key": 5},
                {"member": "nobody"},
                {"member": None},
                {"merchant": "nowhere"},
                {"minutes": 5},
            )
        ),
    )


def test_what_is_needed_and_missing_is_malformed(django_db_blocker):
    whole = adjust("2024-02-01", "k", 5)
    needed = ("points", "key", "member", "reason")

    said = told_malformed(
        django_db_blocker,
        *({name: value for name, value in whole.items() if name != missing} for missing in needed),
    )

    assert [text.rsplit(": ", 1)[1] for text in said] == [f"{missing} is missing" for missing in needed]


# -- holds


def test_a_hold_is_captured_or_released(tell):
    printed = tell(
        *start(),
        adjust("2024-02-01", "a", 100),
        act("2024-02-02 10:00", "hold", "h", 30),
        act("2024-02-02 10:00", "hold", "i", 50),
        show("2024-02-02 10:00", "points"),
        act("2024-02-02 10:10", "capture", "h"),
        act("2024-02-02 10:10", "release", "i"),
        show("2024-02-02 10:10", "points"),
        show("2024-02-02 10:10", "entries"),
    )

    assert [(row["available"], row["redeemed"]) for row in printed[:2]] == [(20, 0), (70, 30)]
    assert entries(printed[2])[1:] == [
        ("hold", -30, 0, 70),
        ("hold", -50, 0, 20),
        ("capture", 0, 0, 20),
        ("release", 50, 0, 70),
    ]


def test_a_hold_ends_by_itself(tell):
    printed = tell(
        *start(),
        adjust("2024-02-01", "a", 100),
        act("2024-02-02 10:00", "hold", "h", 30),
        act("2024-02-02 10:00", "hold", "i", 50, minutes=5),
        show("2024-02-02 10:04", "points"),
        show("2024-02-02 10:05", "points"),
        show("2024-02-02 10:30", "points"),
        show("2024-02-02 10:30", "entries"),
        act("2024-02-02 10:30", "capture", "h"),
    )

    assert [row["available"] for row in printed[:3]] == [20, 70, 100]
    assert [(e["at"], e["cause"]) for e in printed[3]["entries"][3:]] == [
        (at("2024-02-02 10:05"), "rule"),
        (at("2024-02-02 10:30"), "rule"),
    ]
    assert printed[4]["refused"] == "invalid"


def test_a_hold_that_ends_before_the_daily_job_is_ended_before_it(tell):
    printed = tell(
        *start(points=MONTHLY),
        adjust("2024-02-01", "a", 100),
        act("2024-03-02 02:40", "hold", "h", 30, minutes=20),
        act("2024-03-02 02:40", "hold", "i", 50, minutes=21),
        show("2024-03-02 04:00", "entries"),
        show("2024-03-02 04:00", "points"),
    )

    # 20 were left to expire, the hold that ended at 03:00 came back late, and so did the other.
    assert entries(printed[0])[3:] == [
        ("release", 30, 0, 50),
        ("expire", -20, 0, 30),
        ("release", 50, 0, 80),
    ]
    assert lots(printed[1]) == [(30, "2024-04-01"), (50, "2024-04-01")]


def test_a_hold_frozen_by_a_closure_ends_when_the_program_opens_again(tell):
    printed = tell(
        *start(),
        adjust("2024-02-01", "a", 100),
        act("2024-02-02 10:00", "hold", "h", 30),
        line("2024-02-02 10:10", "program.close"),
        show("2024-02-05", "points"),
        line("2024-02-05", "program.open"),
        show("2024-02-05 00:01", "points"),
    )

    assert [row["available"] for row in printed[:2]] == [70, 100]


# -- adjusting, giving back


def test_adjustments_add_repay_and_take_and_never_make_a_deficit(tell):
    printed = tell(
        *start(),
        order("2024-02-01", "o", 3_000),
        act("2024-02-01", "redeem", "k", 30),
        line("2024-02-02", "order.refund", order="o", refund="r"),
        adjust("2024-02-03", "a", 50),
        adjust("2024-02-03", "b", -21),
        adjust("2024-02-03", "c", -20),
        adjust("2024-02-03", "d", 0),
        show("2024-02-03", "points"),
    )

    assert [row.get("refused") for row in printed[:2]] == ["insufficient-points", "invalid"]
    assert balance(printed[2]) == (0, 0, 0)
    assert (printed[2]["earned"], printed[2]["redeemed"], printed[2]["clawed_back"]) == (30, 30, 30)


def test_expired_points_are_given_back_once_and_within_the_window(tell):
    printed = tell(
        *start(points=MONTHLY),
        order("2024-02-01", "o", 10_000),
        act("2024-03-01", "give_back", "too early", 1),
        act("2024-03-05", "give_back", "k", 60),
        act("2024-03-05", "give_back", "l", 41),
        show("2024-03-05", "points"),
        act("2024-07-05", "give_back", "too late", 1),
    )

    assert [row.get("refused") for row in printed[:2]] == ["insufficient-points"] * 2
    assert (lots(printed[2]), printed[2]["expired"]) == ([(60, "2024-04-04")], 100)
    assert printed[3]["refused"] == "insufficient-points"


# -- a program that is not open


@pytest.mark.parametrize("verb", ["redeem", "hold", "adjust", "give_back"])
def test_a_closed_program_moves_no_points(tell, verb):
    more = {"reason": "a test"} if verb == "adjust" else {}
    printed = tell(
        *start(),
        adjust("2024-02-01", "a", 100),
        act("2024-02-01", "redeem", "k", 10),
        line("2024-02-02", "program.close"),
        act("2024-02-03", verb, "l", 5, **more),
        act("2024-02-03", "cancel", "k"),
        show("2024-02-03", "points"),
    )

    assert [row.get("refused") for row in printed[:2]] == ["program-not-open"] * 2
    assert printed[2]["available"] == 90


def test_a_closure_shifts_what_was_to_expire(tell):
    printed = tell(
        *start(points=MONTHLY),
        order("2024-02-01", "o", 10_000),
        line("2024-02-10 18:00", "program.close"),
        line("2024-02-20 10:00", "program.open"),
        show("2024-02-20 10:00", "points"),
        show("2024-03-11 02:59", "points"),
        show("2024-03-11 03:00", "points"),
    )

    assert lots(printed[0]) == [(100, "2024-03-10")]
    assert [row["available"] for row in printed[1:3]] == [100, 0]


def test_the_jobs_of_a_day_run_in_their_order(tell):
    """Confirm, recalculate, expire: points confirmed on the day after the last usable one are of the next period."""
    printed = tell(
        *start(points={"pending_days": 1, "expiry": {"kind": "yearly", "month": 2, "day": 10}}),
        order("2024-02-08 10:00", "o", 1_000),
        order("2024-02-09 10:00", "p", 2_000),
        show("2024-02-11 03:00", "entries"),
        show("2024-02-11 03:00", "points"),
    )

    assert entries(printed[0])[2:] == [
        ("confirm", 10, -10, 10),
        ("confirm", 20, -20, 30),
        ("expire", -10, 0, 20),
    ]
    assert lots(printed[1]) == [(20, "2025-02-10")]


def test_a_year_of_points_goes_by_within_seconds(tell):
    """Every due job in time order, through summer and winter, for several merchants' zones."""
    script = [
        line("2024-01-01", "policy.set", first_run_on="2099-12-31"),
        *(
            {"at": at("2024-01-01"), "do": verb, "merchant": zone, **more}
            for zone in ("Asia/Shanghai", "America/New_York")
            for verb, more in (
                ("merchant.create", {"timezone": zone}),
                ("program.configure", {"points": {"pending_days": 3, **MONTHLY}}),
                ("program.open", {}),
                ("member.join", {"member": "m"}),
            )
        ),
    ]
    for month in range(1, 13):
        for zone in ("Asia/Shanghai", "America/New_York"):
            lines = [{"sku": "s", "amount_minor": 1_000}]
            put = {"merchant": zone, "order": f"o{month}", "member": "m", "lines": lines}
            script.append({"at": at(f"2024-{month:02}-05 10:00"), "do": "order.put", **put})
    for zone in ("Asia/Shanghai", "America/New_York"):
        script.append(
            {"at": at("2025-03-01"), "do": "show", "what": "points", "merchant": zone, "member": "m"}
        )

    printed = tell(*script)

    for row in printed[:2]:
        assert (row["earned"], row["expired"], balance(row)) == (120, 120, (0, 0, 0))
