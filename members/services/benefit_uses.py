"""Keeping the daily totals of how often members used benefits (domain.md 10)."""

from __future__ import annotations

import datetime as dt

from django.db import connection

from members.lib import prepared

NOTE = """
insert into members_benefituse (merchant_id, member_id, benefit, day, uses)
values (%(merchant)s, %(member)s, %(benefit)s, %(day)s, 1)
on conflict (merchant_id, member_id, benefit, day) do update set uses = members_benefituse.uses + excluded.uses
returning uses
"""
TAKE_BACK = """
update members_benefituse set uses = uses - 1
where merchant_id = %s and member_id = %s and benefit = %s and day = %s and uses > 0
"""


def note(*, merchant_id: int, member_id: int, benefit: str, day: dt.date) -> None:
    """A member used a benefit (its public id) on a merchant day; in the transaction of the use."""
    prepared.fetch_one(NOTE, {"merchant": merchant_id, "member": member_id, "benefit": benefit, "day": day})


def take_back(*, merchant_id: int, member_id: int, benefit: str, day: dt.date) -> None:
    """A use of that day was undone."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE_BACK, [merchant_id, member_id, benefit, day])
