"""The tiers that membership terms grant, and what is left of them after a refund (domain.md 5 and 9).

A term remembers what the member had of its tier without it; what happens to that meanwhile is told here: tiers given by
hand, tiers taken out of the ladder. In the caller's transaction and under its locks, but for the daily job.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.db import connection, transaction

from benefits.lib.plans import Period
from benefits.models import Subscription
from members.lib import tenant as tenancy
from members.lib.periods import merchant_day
from members.lib.refusals import NotFound, ProgramCleared, ProgramNotOpen
from members.lib.set_based import bigints
from members.models import TierValidity
from members.services import posting, programs, tier_hand
from members.services.occasions import TierUntil
from members.services.tier_hand import Floor

log = structlog.get_logger(__name__)
FLOORS = (
    "select distinct s.merchant_id, s.public_id from benefits_subscription s "
    "join members_program p on p.merchant_id = s.merchant_id and p.status = 'open' "
    "join members_merchant z on z.id = s.merchant_id and z.timezone = %s "
    "where s.refunded_at is not null and s.floor_tier_id is not null and s.floor_ended_at is null order by 1, 2"
)

# Terms that grant the tier and do not yet leave the member without it.
GIVEN = """
update benefits_subscription s set floor_before = greatest(s.floor_before, g.until)
from unnest(%(members)s::bigint[], %(tiers)s::bigint[], %(untils)s::date[]) g (member_id, tier_id, until)
where s.merchant_id = %(merchant)s and s.member_id = g.member_id and s.floor_tier_id = g.tier_id
    and s.floor_ended_at is null and (s.refunded_at is not null or s.to_at > %(at)s)
    and (s.floor_before is null or s.floor_before < g.until)
"""
# What the member had of the target without plans: its validity, unless a plan grants that too; then what was before it.
CARRIED = """
update benefits_subscription s set floor_tier_id = %(target)s,
    floor_since = least(s.floor_since, o.floor_since),
    floor_before = greatest(s.floor_before, case when o.id is null or v.valid_until > o.granted
        then v.valid_until else o.floor_before end)
from benefits_subscription each
left join members_tiervalidity v on v.merchant_id = each.merchant_id and v.member_id = each.member_id
    and v.tier_id = %(target)s
left join lateral (
    select f.id, f.floor_since, f.floor_before, max(f.floor_until) over () as granted from benefits_subscription f
    where f.merchant_id = each.merchant_id and f.member_id = each.member_id and f.floor_tier_id = %(target)s
        and f.floor_ended_at is null and (f.refunded_at is not null or f.to_at > %(at)s)
    order by f.floor_since, f.id limit 1
) o on true
where each.merchant_id = %(merchant)s and each.floor_tier_id = %(gone)s and each.floor_ended_at is null
    and (each.refunded_at is not null or each.to_at > %(at)s)
    and s.merchant_id = each.merchant_id and s.id = each.id
"""


def grant(term: Subscription, when: Period, at: dt.datetime, zone: ZoneInfo) -> None:
    """The tier that comes with the term, and what the member had of it without any plan. Tiers of refunded terms
    were taken back before, or they would count as the member's own.

    Raises Invalid when the tier left the ladder.
    """
    tier = term.plan.tier
    assert tier is not None
    valid = TierValidity.objects.of(term.merchant_id).filter(member_id=term.member_id, tier=tier)
    until = valid.values_list("valid_until", flat=True).first()
    last = when.last_day(zone)
    claims = list(claiming(term.merchant_id, term.member_id, tier.pk, at))
    granted = max((each.floor_until for each in claims), default=None)
    term.floor_tier, term.floor_until = tier, last
    if granted is None or (until is not None and until > granted):
        term.floor_since, term.floor_before = merchant_day(at, zone), until
    else:
        first = min(claims, key=lambda each: each.floor_since)
        term.floor_since, term.floor_before = first.floor_since, first.floor_before
    tier_hand.grant_floor(
        merchant_id=term.merchant_id, member_ids=[term.member_id], at=at, tier=tier.code, until=last
    )


def claiming(merchant_id: int, member_id: int, tier_id: int, at: dt.datetime) -> Any:
    """The member's terms that grant a tier and are not over or refunded."""
    rows = Subscription.objects.of(merchant_id).filter(member_id=member_id, floor_tier_id=tier_id)
    return rows.filter(refunded_at=None, to_at__gt=at).order_by("from_at", "pk")


def take_back(term: Subscription, at: dt.datetime) -> bool:
    """End what a refunded term granted, in the caller's transaction; whether the validity moved."""
    tier_id = term.floor_tier_id
    assert tier_id is not None and term.floor_until is not None and term.floor_since is not None
    claims = claiming(term.merchant_id, term.member_id, tier_id, at)
    still = max((each.floor_until for each in claims), default=None)
    floor = Floor(tier_id, term.floor_until, term.floor_since, term.floor_before, still)
    moved = False
    with contextlib.suppress(NotFound):  # the member left: nobody holds a tier
        moved = tier_hand.end_floor(
            merchant_id=term.merchant_id, member_id=term.member_id, at=at, floor=floor
        )
    term.floor_ended_at = at
    term.save(update_fields=["floor_ended_at"])
    return moved


def take_back_waiting(*, merchant_id: int, member_id: int, at: dt.datetime) -> None:
    """Take back what a member's refunded terms granted and the daily job has still to end; the program is open."""
    rows = Subscription.objects.of(merchant_id).filter(
        member_id=member_id, refunded_at__isnull=False, floor_tier__isnull=False, floor_ended_at=None
    )
    for term in rows.select_for_update(of=("self",)).order_by("pk"):
        take_back(term, at)


def run_daily(*, zone: str, at: dt.datetime) -> dict[str, int]:
    """The daily job of a zone's merchants for refunds; runs as platform. Returns the count of tiers taken back."""
    return {"plan_tiers_ended": take_back_due(zone=zone, at=at)}


def take_back_due(*, zone: str, at: dt.datetime) -> int:
    """Take back the tiers of terms that were refunded while their program was not open, of a zone's merchants whose
    programs are open; how many. Runs as platform; each in a transaction of its own.

    One that cannot be taken back is logged and left: what follows is for the other merchants.
    """
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FLOORS, [zone])
        due = cursor.fetchall()
    done = 0
    for merchant_id, public_id in due:
        try:
            with tenancy.tenant(merchant_id), transaction.atomic():
                done += _take_back_one(merchant_id, public_id, at)
        except (ProgramNotOpen, ProgramCleared):
            continue  # closed meanwhile: when it is open again
        except Exception:
            log.error("plan_tier_not_taken_back", merchant_id=merchant_id, term=public_id, exc_info=True)
    return done


def _take_back_one(merchant_id: int, public_id: str, at: dt.datetime) -> bool:
    """Raises ProgramNotOpen, ProgramCleared."""
    posting.lock_merchant(merchant_id=merchant_id, alone=False)
    programs.lock_open(merchant_id=merchant_id)
    rows = Subscription.objects.of(merchant_id).filter(public_id=public_id, floor_ended_at=None)
    posting.lock_members(merchant_id=merchant_id, member_ids=rows.values_list("member_id", flat=True))
    term = rows.select_for_update(of=("self",)).first()
    return term is not None and take_back(term, at)


def on_given(*, merchant_id: int, at: dt.datetime, given: Mapping[int, TierUntil]) -> int:
    """Members were given tiers by hand until a day: a refund of a term that grants the tier leaves it until then. How
    many terms remember a later day now."""
    rows = [(member, each.tier_id, each.until) for member, each in given.items() if each.until is not None]
    if not rows:
        return 0
    values: dict[str, Any] = {
        "merchant": merchant_id,
        "at": at,
        "members": bigints([row[0] for row in rows]),
        "tiers": bigints([row[1] for row in rows]),
        "untils": [row[2] for row in rows],
    }
    with connection.cursor() as cursor:
        cursor.execute(GIVEN, values)
        return int(cursor.rowcount)


def on_tiers_gone(*, merchant_id: int, at: dt.datetime, targets: Mapping[int, int]) -> None:
    """An edit took tiers out of the ladder, by id, with the tiers that their members move to: what terms grant moves
    along, with what the member had of the target before the edit."""
    with connection.cursor() as cursor:
        for gone, target in targets.items():
            cursor.execute(CARRIED, {"merchant": merchant_id, "at": at, "gone": gone, "target": target})
