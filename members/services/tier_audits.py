"""The nightly audit of tiers: a sample of members, stored against recomputed, and the alarm (domain.md 5).

Each night takes another 28th of every shop's members, so that four weeks see all. A chunk of shops is audited at one
moment and written down with how far it came: a job that was killed goes on behind it. One night is audited once.

- `days`: a day's totals are not what the member's orders come to, so that metrics are wrong.
- `tier`: the tier held is not the one that the last move led to.
- `validity`: the end of validity held is not that of the tier.
- `overdue`: validity and grace are over since yesterday or longer, and no recalculation decided. Nothing is overdue
  while the program is closed, nor in the two days after: the nights that decide are still to come. Grace is the longest
  of the last two days, for the same reason.
- `missed`: the metrics reach a higher tier than the one held, and no order, edit or hand explains it
  (`members.selectors.tier_missed`).

Erased members hold nothing and are left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urljoin

import structlog
from django.conf import settings
from django.db import connection, transaction

from members.lib import tenant as tenancy
from members.models import Merchant, Program, TierAudit, User
from members.selectors import tier_missed
from members.services import mail, outbox

log = structlog.get_logger(__name__)

SHARE = 28  # one in so many members a night
CHUNK = 200  # shops
LISTED = 100
TOPIC = "tier_alarm"
SAMPLE = """
with sample as (
    select merchant_id, id as member_id from members_member
    where merchant_id between %(first)s and %(last)s and id %% %(share)s = %(part)s
        and status <> 'erased'
),
sums as (
    select o.merchant_id, o.member_id, o.paid_on as day,
        sum(o.net_minor) filter (where o.status = 'paid') as spend, count(*) filter (where o.counts) as orders,
        sum(o.posted) as points
    from members_order o join sample s on s.merchant_id = o.merchant_id and s.member_id = o.member_id
    where o.paid_on is not null group by 1, 2, 3
),
kept as (
    select d.merchant_id, d.member_id, d.day, d.spend_minor as spend, d.orders, d.points
    from members_dailytotal d join sample s on s.merchant_id = d.merchant_id and s.member_id = d.member_id
),
wrong_days as (
    select distinct merchant_id, member_id from sums a full join kept b using (merchant_id, member_id, day)
    where coalesce(a.spend, 0) <> coalesce(b.spend, 0) or coalesce(a.orders, 0) <> coalesce(b.orders, 0)
        or coalesce(a.points, 0) <> coalesce(b.points, 0)
),
last_moves as (
    select distinct on (m.merchant_id, m.member_id) m.merchant_id, m.member_id, m.to_tier_id
    from members_tiermove m join sample s on s.merchant_id = m.merchant_id and s.member_id = m.member_id
    order by m.merchant_id, m.member_id, m.at desc, m.id desc
),
rules as (
    select distinct on (v.merchant_id) v.merchant_id, v.ladder, (
            select max(g.grace_days) from (
                select e.grace_days, lead(e.at) over (order by e.at, e.number) as until
                from members_rulesversion e where e.merchant_id = v.merchant_id and e.at <= %(at)s
            ) g where g.until is null or g.until > %(at)s - interval '2 days'
        ) as grace_days,
        (%(at)s at time zone z.timezone)::date - 1 as yesterday, p.status = 'open' and not exists (
            select from members_closure c where c.merchant_id = v.merchant_id and c.to_at > %(at)s - interval '2 days'
        ) as is_decided
    from members_rulesversion v join members_merchant z on z.id = v.merchant_id
    join members_program p on p.merchant_id = v.merchant_id
    where v.merchant_id between %(first)s and %(last)s and v.at <= %(at)s
    order by v.merchant_id, v.at desc, v.number desc
),
compared as (
    select s.merchant_id, s.member_id,
        case
            when w.member_id is not null then 'days'
            when l.to_tier_id is not null and t.tier_id is distinct from l.to_tier_id then 'tier'
            when t.valid_until is distinct from v.valid_until then 'validity'
            when r.is_decided and t.valid_until + r.grace_days < r.yesterday
                and t.tier_id <> (r.ladder -> 0 ->> 'tier')::bigint then 'overdue'
        end as what
    from sample s
    left join wrong_days w on w.merchant_id = s.merchant_id and w.member_id = s.member_id
    left join last_moves l on l.merchant_id = s.merchant_id and l.member_id = s.member_id
    left join members_tierstanding t on t.merchant_id = s.merchant_id and t.member_id = s.member_id
    left join members_tiervalidity v
        on v.merchant_id = s.merchant_id and v.member_id = s.member_id and v.tier_id = t.tier_id
    left join rules r on r.merchant_id = s.merchant_id
)
select (select count(*) from sample), (select count(*) from compared where what is not null),
    merchant_id, member_id, what
from (select 1) one left join lateral (
    select * from compared where what is not null order by merchant_id, member_id limit %(listed)s
) c on true
"""


def audit_night(*, night: dt.date, at: dt.datetime) -> dict[str, Any]:
    """Audit the night's sample of every shop, or go on where it was cut off. Works as platform. Its report; a second
    time the same report, nothing done.

    Where something differs, an alarm is raised once: in the log, on the workbench, and by e-mail to every platform
    admin.
    """
    with tenancy.platform():
        with transaction.atomic():
            row, _made = TierAudit.objects.get_or_create(night=night, defaults={"started_at": at})
        while row.done_at is None and _audit_chunk(row, at):
            pass
        if row.done_at is None:
            _finish(row, at)
    return {name: getattr(row, name) for name in ("members", "mismatches")}


@transaction.atomic
def _audit_chunk(row: TierAudit, at: dt.datetime) -> bool:
    """Audit the next shops and write down what came of it; False when none is left."""
    shops = list(
        Merchant.objects.filter(pk__gt=row.through).order_by("pk").values_list("pk", flat=True)[:CHUNK]
    )
    if not shops:
        return False
    found = audit_shops(first=shops[0], last=shops[-1], part=row.night.toordinal() % SHARE, at=at)
    row.through = shops[-1]
    row.members += found[0]
    row.mismatches += found[1]
    row.listed = [*row.listed, *found[2]][:LISTED]
    row.save()
    return len(shops) == CHUNK


def audit_shops(
    *, first: int, last: int, part: int, at: dt.datetime, share: int = SHARE
) -> tuple[int, int, list[dict[str, Any]]]:
    """Members looked at, how many differ, and the first of them, of the merchants with ids from `first` to `last`."""
    known: dict[str, Any] = {
        "first": first,
        "last": last,
        "part": part,
        "share": share,
        "at": at,
        "listed": LISTED,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SAMPLE, known)
        rows = cursor.fetchall()
        missed = tier_missed.of_shops(first=first, last=last, part=part, share=share, at=at)
        # Whom an edit of the rules has not reached yet is not missed.
        lifting = set(
            Program.objects.filter(
                merchant_id__gte=first, merchant_id__lte=last, is_lifting=True
            ).values_list("merchant_id", flat=True)
        )
    names = ("merchant_id", "member_id", "what")
    listed = [dict(zip(names, row[2:], strict=True)) for row in rows if row[4] is not None]
    # Whose days or tier are wrong already has one difference, not two. Past what is listed nobody is told apart.
    told = {(each["merchant_id"], each["member_id"]) for each in listed}
    more = [
        {"merchant_id": merchant_id, "member_id": member_id, "what": "missed"}
        for merchant_id, member_id in missed
        if (merchant_id, member_id) not in told and merchant_id not in lifting
    ]
    return rows[0][0], rows[0][1] + len(more), sorted([*listed, *more], key=_place)[:LISTED]


def _place(listed: dict[str, Any]) -> tuple[int, int]:
    return listed["merchant_id"], listed["member_id"]


@transaction.atomic
def _finish(row: TierAudit, at: dt.datetime) -> None:
    """The night is audited; the alarm is raised in the same transaction."""
    row.done_at = at
    row.save(update_fields=["done_at"])
    night = row.night.isoformat()
    if not row.mismatches:
        log.info("tiers_audited", night=night, members=row.members)
        return
    log.error(
        "tiers_differ", night=night, mismatches=row.mismatches, members=row.members, listed=row.listed[:10]
    )
    # The row of an outbox is some merchant's: that of the first member who differs. It names no address.
    merchant_id = row.listed[0]["merchant_id"]
    for admin in User.objects.filter(is_staff=True, is_active=True).order_by("id"):
        outbox.leave(
            merchant_id=merchant_id,
            topic=TOPIC,
            key=f"{night} {admin.pk}",
            payload={"admin": admin.pk, "night": night, "mismatches": row.mismatches},
            at=at,
        )


@outbox.handles(TOPIC)
def prepare_alarm(merchant_id: int, payload: dict[str, Any], at: dt.datetime) -> Callable[[], Any] | None:
    """The alarm's e-mail in the admin's language; None for who is no admin any more."""
    admin = User.objects.filter(pk=payload["admin"], is_staff=True, is_active=True).first()
    if admin is None:
        return None
    context = {
        "night": payload["night"],
        "mismatches": payload["mismatches"],
        "link": urljoin(settings.SITE_URL, "/platform/members/tieraudit/"),
    }
    language = mail.language_for(email=admin.email)
    message = mail.compose(
        to=admin.email, template="members/tiers/email/alarm", context=context, language=language
    )
    return partial(mail.deliver, message)


def alarming() -> TierAudit | None:
    """The latest finished audit when something differed in it, else None. Works as platform."""
    row = TierAudit.objects.exclude(done_at=None).order_by("-night").first()
    return row if row is not None and row.mismatches else None
