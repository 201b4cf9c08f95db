"""A shop whose members bought and hold tiers, filled by SQL: what the benches of tiers and segments work on.

Each member bought on six days of the year before TODAY. Half of them hold a tier whose validity ends on one of 365
days, every tenth the higher one, and a tenth moved on one of the last 365 days.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connections, transaction

from bench import ledger_world
from bench.harness import say
from members.lib import tenant as tenancy
from members.models import Tier
from members.services import member_facts, tier_rules

TODAY = dt.date(2024, 6, 1)
DAYS_EACH = 6
LADDER: list[dict[str, Any]] = [
    {"code": "base", "name": "Base"},
    {"code": "silver", "name": "Silver", "all": {"spend_minor": 100_000}},
    {"code": "gold", "name": "Gold", "all": {"spend_minor": 500_000}},
]
# A multiplicative hash of the member stands for chance: the same data every time.
DAILY = """
insert into members_dailytotal (merchant_id, member_id, day, spend_minor, orders, points)
select {merchant}, i, '{today}'::date - (n * 61 - i * 7919 % 61)::int, (i * 2654435761 + n * 40503) % 180000, 1, 500
from generate_series(6, 1, -1) n, generate_series(1::bigint, {members}) i;
"""
HELD = """
insert into members_tierstanding (merchant_id, member_id, tier_id, since, valid_until)
select {merchant}, i, case when i % 10 = 0 then {gold} else {silver} end, '2024-01-01',
    '{today}'::date + (i * 7919 % 365)::int
from generate_series(1::bigint, {members}) i where i % 2 = 0;
insert into members_tiervalidity (merchant_id, member_id, tier_id, valid_until)
select merchant_id, member_id, tier_id, valid_until from members_tierstanding where merchant_id = {merchant};
insert into members_tiermove (merchant_id, member_id, at, from_tier_id, to_tier_id, cause, rules_version, spend_minor,
    orders, active_days, points_earned, growth)
select {merchant}, i, '{today}'::timestamptz - (365 - i * 365 / {members}) * interval '1 day', {silver}, {gold},
    'order', 2, 500000, 6, 6, 3000, 0
from generate_series(10::bigint, {members}, 10) i;
"""


def filled(members: int, *, name: str, ladder: Sequence[Mapping[str, Any]] = LADDER) -> int:
    """A shop under a ladder whose members have bought, and hold nothing yet. Its id."""
    shop = ledger_world.shop(name)
    say(f"{name}: filling {members:,} members with {DAYS_EACH} days each")
    put_in_force(shop, ladder)
    ledger_world.fill(shop, members=members, lots=0, expires_on="null::date")
    _execute(DAILY.format(merchant=shop, members=members, today=TODAY))
    _execute("vacuum analyze members_dailytotal")
    return shop


def put_in_force(shop: int, ladder: Sequence[Mapping[str, Any]]) -> None:
    """Another ladder."""
    with tenancy.tenant(shop), transaction.atomic():
        tier_rules.configure(
            merchant_id=shop, at=ledger_world.OPENED_AT, actor=ledger_world.BENCH, ladder=ladder
        )


def hold_tiers(shop: int, members: int) -> None:
    """Who holds what, and how it came."""
    with tenancy.tenant(shop), transaction.atomic():
        ids = dict(Tier.objects.of(shop).values_list("code", "id"))
    _execute(HELD.format(merchant=shop, members=members, today=TODAY, silver=ids["silver"], gold=ids["gold"]))


def make_facts(shop: int, at: dt.datetime) -> None:
    """The members' rows of facts, as the minute's task makes them, and the statistics that autovacuum would make."""
    began = time.perf_counter()
    made = member_facts.refresh(merchant_id=shop, at=at)
    say(f"{made:,} rows of facts made in {time.perf_counter() - began:.1f} s")
    settle()


def settle() -> None:
    """The statistics that autovacuum would make."""
    _execute("vacuum analyze")


def _execute(statement: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)
