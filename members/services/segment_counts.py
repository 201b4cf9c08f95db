"""How many members each segment has, kept with the instant at which it was counted (domain.md 10).

Counted when a rule is made or changed, every night, and when somebody asks for it: a list of segments reads rows.
"""

from __future__ import annotations

import datetime as dt

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from members.lib import set_based
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict
from members.models import Merchant
from members.selectors import segments as selectors
from members.services import programs

ASKED_MS = 15_000  # how long somebody who asks may wait
# Those of open programs that nobody counted since the job was due.
DUE = """
select distinct s.merchant_id from members_segment s
join members_merchant m on m.id = s.merchant_id and m.timezone = %(zone)s
join members_program p on p.merchant_id = s.merchant_id and p.status = 'open'
where s.counted_at is null or s.counted_at < %(at)s order by 1
"""
# A rule that was changed meanwhile has a count of its own.
KEEP = """
update members_segment s set members = c.members, counted_at = %(at)s
from unnest(%(ids)s::bigint[], %(versions)s::int[], %(members)s::bigint[]) c (id, version, members)
where s.merchant_id = %(merchant)s and s.id = c.id and s.version = c.version
    and (s.counted_at is null or s.counted_at <= %(at)s)
"""


class TakesTooLong(Conflict):
    """The shop is too large to be counted while somebody waits; the night counts it."""


def recount_due(*, zone: str, at: dt.datetime) -> int:
    """Count the segments of a zone's open programs that were not counted since `at`, a shop in a transaction: as
    platform to find whose, then as each merchant. How many segments."""
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(DUE, {"zone": zone, "at": at})
        shops = [row[0] for row in cursor.fetchall()]
    counted = 0
    for merchant_id in shops:
        with tenancy.tenant(merchant_id), transaction.atomic():
            counted += recount(merchant_id=merchant_id, at=at)
    return counted


@transaction.atomic
def recount_asked(*, merchant_id: int, at: dt.datetime) -> int:
    """Count a shop's segments for somebody who waits. How many. Raises TakesTooLong, ProgramNotOpen, ProgramCleared."""
    programs.lock_open(merchant_id=merchant_id)
    counted = set_based.in_time(lambda: recount(merchant_id=merchant_id, at=at), milliseconds=ASKED_MS)
    if counted is None:
        raise TakesTooLong(_("Counting takes longer than a page may. The segments are counted tonight."))
    return counted


def recount(*, merchant_id: int, at: dt.datetime) -> int:
    """Count all segments of a merchant and keep the figures; those too large to be asked have none. How many."""
    shop = selectors.shop(merchant=Merchant.objects.get(pk=merchant_id), at=at)
    rows = list(shop.segments.values())
    counts = selectors.counts(shop=shop, segments=rows)
    with connection.cursor() as cursor:
        cursor.execute(
            KEEP,
            {
                "merchant": merchant_id,
                "at": at,
                "ids": [row.pk for row in rows],
                "versions": [row.version for row in rows],
                "members": [counts.get(row.pk) for row in rows],
            },
        )
    return len(rows)
