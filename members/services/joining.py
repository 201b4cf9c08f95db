"""Who may join now: the one place where the platform's terms of joining are enforced (domain.md 3, Grade).

The platform writes what a merchant's level may (`members.models.joining`); without a rule in force nothing is limited.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from typing import NamedTuple

from django.db import connection
from django.utils.translation import gettext_lazy as _

from members.lib.periods import merchant_day
from members.lib.refusals import Refusal
from members.models import Merchant

# A level that the rule does not name, or a merchant without one, is not limited.
TERMS = """
select r.has_free_join, r.has_quota, r.terms -> s.level from members_joinstanding s
cross join lateral (
    select has_free_join, has_quota, terms from members_joinrule where effective_at <= %(at)s
    order by effective_at desc, number desc limit 1
) r where s.merchant_id = %(merchant)s
"""
TALLIES = """
select coalesce(sum(joins) filter (where day = %(today)s), 0)::bigint, coalesce(sum(joins), 0)::bigint
from members_jointally where merchant_id = %(merchant)s and day between %(first)s and %(today)s
"""
COUNT = """
insert into members_jointally (merchant_id, day, joins) values (%(merchant)s, %(today)s, %(people)s)
on conflict (merchant_id, day) do update set joins = members_jointally.joins + excluded.joins
"""
STRANGERS = """
select count(*) from unnest(%(identities)s::bigint[]) i(id) where not exists (
    select from members_order o where o.merchant_id = %(merchant)s and o.identity_id = i.id and o.status = 'paid'
    and o.counts)
"""


class JoinQuotaReached(Refusal):
    """More people would join than the merchant's level may take in a day or month."""

    slug = "join-quota-reached"


class FreeJoinNotGranted(Refusal):
    """The merchant's level may take in only people who have bought there."""

    slug = "free-join-not-granted"


class Terms(NamedTuple):
    """What is enforced for a merchant: whether people who never bought may join; most a day, a month (None: any)."""

    free_join: bool = True
    joins_day: int | None = None
    joins_month: int | None = None

    @property
    def has_quota(self) -> bool:
        """Whether there is a limit to how many may join."""
        return self.joins_day is not None or self.joins_month is not None


class Joins(NamedTuple):
    """How many joined while a quota was in force."""

    today: int
    month: int


def terms_of(*, merchant_id: int, at: dt.datetime) -> Terms:
    """What is enforced for a merchant at an instant. One query."""
    with connection.cursor() as cursor:
        cursor.execute(TERMS, {"merchant": merchant_id, "at": at})
        row = cursor.fetchone()
    if row is None or row[2] is None:
        return Terms()
    has_free_join, has_quota, terms = row[0], row[1], json.loads(row[2])
    return Terms(
        free_join=terms["free_join"] if has_free_join else True,
        joins_day=terms["joins_day"] if has_quota else None,
        joins_month=terms["joins_month"] if has_quota else None,
    )


def joined(*, merchant: Merchant, at: dt.datetime) -> Joins:
    """How many joined today and this month, by the merchant's days, since a quota is in force. One query."""
    today = merchant_day(at, merchant.zone)
    values: dict[str, int | dt.date] = {
        "merchant": merchant.pk,
        "today": today,
        "first": today.replace(day=1),
    }
    with connection.cursor() as cursor:
        cursor.execute(TALLIES, values)
        return Joins(*cursor.fetchone())


def admit(*, merchant: Merchant, at: dt.datetime, people: int, newcomers: Collection[int] = ()) -> None:
    """Let `people` more join, or refuse them all. In the caller's transaction, which holds the merchant's lock alone.

    newcomers: identities of those who join here and now; who stands in a declared list joined elsewhere. Raises
    FreeJoinNotGranted, JoinQuotaReached.
    """
    if not people:
        return
    terms = terms_of(merchant_id=merchant.pk, at=at)
    if not terms.free_join and newcomers:
        _refuse_strangers(merchant.pk, newcomers)
    if terms.has_quota:
        _count_in(merchant, at, people, terms)


def _refuse_strangers(merchant_id: int, identities: Collection[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(STRANGERS, {"merchant": merchant_id, "identities": list(identities)})
        strangers = cursor.fetchone()[0]
    if strangers:
        raise FreeJoinNotGranted(
            _(
                "At the shop's present grade only people who have bought here may join. Take the order in first; "
                "the grade page under Compliance says how to get free joining."
            )
        )


def _count_in(merchant: Merchant, at: dt.datetime, people: int, terms: Terms) -> None:
    before = joined(merchant=merchant, at=at)
    if terms.joins_month is not None and before.month + people > terms.joins_month:
        raise JoinQuotaReached(
            _(
                "At the shop's present grade %(most)s people may join in a month; %(joined)s have joined in this one, "
                "and %(people)s more would be too many. The next month begins anew, and a higher grade takes in more."
            )
            % {"most": terms.joins_month, "joined": before.month, "people": people}
        )
    if terms.joins_day is not None and before.today + people > terms.joins_day:
        raise JoinQuotaReached(
            _(
                "At the shop's present grade %(most)s people may join in a day; %(joined)s have joined today, and "
                "%(people)s more would be too many. Tomorrow begins anew, and a higher grade takes in more."
            )
            % {"most": terms.joins_day, "joined": before.today, "people": people}
        )
    today = merchant_day(at, merchant.zone)
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"merchant": merchant.pk, "today": today, "people": people})
