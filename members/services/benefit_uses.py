"""Keeping the daily totals of how often members used benefits (domain.md 10)."""

from __future__ import annotations

import datetime as dt

from django.db import connection

from members.lib import prepared


def noting(*, source: str) -> str:
    """The statement that notes a member's use of a benefit once for each row of `source`, to be a part of the statement
    that writes the use. Its parameters: merchant_id, member_id, benefit (its public id), day (of the merchant)."""
    return (
        "insert into members_benefituse as u (merchant_id, member_id, benefit, day, uses) "
        f"select %(merchant_id)s, %(member_id)s, %(benefit)s, %(day)s::date, 1 from {source} "
        "on conflict (merchant_id, member_id, benefit, day) do update set uses = u.uses + excluded.uses"
    )


NOTE = f"{noting(source='(select) one')} returning uses"
TAKE_BACK = """
update members_benefituse set uses = uses - 1
where merchant_id = %s and member_id = %s and benefit = %s and day = %s and uses > 0
"""


def note(*, merchant_id: int, member_id: int, benefit: str, day: dt.date) -> None:
    """A member used a benefit (its public id) on a merchant day; in the transaction of the use."""
    values = {"merchant_id": merchant_id, "member_id": member_id, "benefit": benefit, "day": day}
    prepared.fetch_one(NOTE, values)


def take_back(*, merchant_id: int, member_id: int, benefit: str, day: dt.date) -> None:
    """A use of that day was undone."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE_BACK, [merchant_id, member_id, benefit, day])
