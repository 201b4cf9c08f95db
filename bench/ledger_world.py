"""A shop with many members and points, filled by SQL: what the benches of the ledger work on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from django.db import connections, transaction

from members.lib import tenant as tenancy
from members.services import members as joining
from members.services import merchants, point_rules, programs, tier_rules
from members.services.audit import Actor

BENCH = Actor.job("bench")
OPENED_AT = dt.datetime(2024, 1, 1, 2, tzinfo=dt.UTC)
ZONE = "Asia/Shanghai"

# Copies of one real member, so that a new column of members needs no word here.
COLUMNS = """
select attname from pg_attribute
where attrelid = 'members_member'::regclass and attnum > 0 and not attisdropped and attgenerated = ''
order by attnum
"""
MEMBERS = """
insert into members_member ({columns})
select {values} from members_member m, generate_series(1, {members}) i
where m.merchant_id = {merchant} and m.id = {model}
"""
ACCOUNTS = """
insert into members_pointsaccount (merchant_id, member_id, available, pending, deficit, earned, redeemed, expired,
    clawed_back, sequence)
select {merchant}, i, {lots} * 100000, 0, 0, {lots} * 100000, 0, 0, 0, {lots} from generate_series(1, {members}) i;
insert into members_pointsentry (merchant_id, member_id, sequence, at, kind, points, pending, balance_after, cause,
    posting)
select {merchant}, i, n, '2024-01-02+08'::timestamptz + n * interval '1 hour', 'adjust', 100000, 0, n * 100000,
    'staff', 0
from generate_series(1, {members}) i, generate_series(1, {lots}) n;
insert into members_pointslot (merchant_id, member_id, number, available_at, amount, remaining, expires_on)
select {merchant}, i, n, '2024-01-02+08'::timestamptz + n * interval '1 hour', 100000, 100000,
    {expires_on}
from generate_series(1, {members}) i, generate_series(1, {lots}) n;
"""


def shop(name: str) -> int:
    """An open program with points that expire after a year. Its id."""
    with tenancy.platform(), transaction.atomic():
        made = merchants.create_merchant(
            name=name, owner=None, at=OPENED_AT, actor=BENCH, timezone=ZONE, currency="CNY"
        )
    with tenancy.tenant(made.pk), transaction.atomic():
        about = {"merchant_id": made.pk, "at": OPENED_AT, "actor": BENCH}
        tier_rules.configure(
            **about, window={"kind": "rolling", "days": 365}, validity_months=12, ladder=[{"code": "base"}]
        )
        point_rules.configure(**about, per_major=Decimal(1), expiry={"kind": "rolling", "months": 12})
        programs.open_program(**about)
    return int(made.pk)


def fill(
    merchant_id: int,
    *,
    members: int,
    lots: int,
    expires_on: str,
    more: Mapping[str, str] | None = None,
    has_accounts: bool = True,
) -> None:
    """`members` members (ids from 1) with `lots` lots of 100,000 points each. `expires_on` is SQL over i and n; `more`:
    further columns of members as SQL over i. `has_accounts`: whether they have accounts of points; without, there are
    no lots either."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("select setval(pg_get_serial_sequence('members_member', 'id'), %s)", [2 * members])
    with tenancy.tenant(merchant_id):
        model = joining.join(
            merchant_id=merchant_id,
            at=OPENED_AT,
            actor=BENCH,
            channel="web",
            external_id="model",
            source="page",
        )
    with connections["owner"].cursor() as cursor:
        told = {"id": "i", "public_id": "'m' || i", **(more or {})}
        cursor.execute(COLUMNS)
        columns = [name for (name,) in cursor.fetchall()]
        copied = {
            "columns": ", ".join(columns),
            "values": ", ".join(told.get(name, f"m.{name}") for name in columns),
        }
        cursor.execute(MEMBERS.format(merchant=merchant_id, members=members, model=model.pk, **copied))
        if has_accounts:
            accounts = {"merchant": merchant_id, "members": members, "lots": lots, "expires_on": expires_on}
            cursor.execute(ACCOUNTS.format(**accounts))
        # As autovacuum would: only what holds something. To analyze an empty table tells plans that it stays empty.
        cursor.execute(
            "vacuum analyze members_member, members_pointsaccount, members_pointsentry, members_pointslot"
        )
