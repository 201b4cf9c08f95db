"""Reading plans and members' terms in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet

from benefits.lib import plans as rule
from benefits.lib.plans import State
from benefits.models import Plan, PlanVersion, Subscription
from members.models import Closure, Merchant

# Members with a term that runs or is to come at an instant, or at the closing of a shop that is closed since before.
PAID_MEMBERS = (
    "select count(distinct (s.merchant_id, s.member_id)) from benefits_subscription s "
    "left join members_closure c on c.merchant_id = s.merchant_id and c.to_at is null "
    "where s.merchant_id = any(%s::bigint[]) and s.refunded_at is null and s.to_at > least(%s, c.from_at)"
)

# Terms that run or are to come, those of one price and as many days left together; days as `rule.days_left` counts, and
# whether `rule.may_withdraw`.
ALIKE = """
select paid_minor, days, case when from_at > %(now)s then days else least(days,
    (to_at at time zone %(zone)s)::date - (%(now)s::timestamptz at time zone %(zone)s)::date) end as days_left,
    (%(now)s::timestamptz at time zone %(zone)s)::date - ("at" at time zone %(zone)s)::date <= %(withdrawal)s, count(*)
from benefits_subscription where merchant_id = %(merchant)s and refunded_at is null and to_at > %(now)s
group by 1, 2, 3, 4
"""


@dataclass(frozen=True, slots=True)
class TermFilter:
    """Which terms a list shows. Empty means all; `plan`: its code; `state`: how they stand, or "owed" and "paid_back"
    of refunds; `search`: a reference."""

    plan: str = ""
    state: str = ""
    search: str = ""

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.plan or self.state or self.search)


OWED, PAID_BACK = "owed", "paid_back"


def closed_since(*, merchant_id: int) -> dt.datetime | None:
    """Since when the program is closed; None while it is open. One query."""
    row = Closure.objects.of(merchant_id).filter(to_at=None).first()
    return None if row is None else row.from_at


def plans(*, merchant_id: int) -> QuerySet[Plan]:
    """A merchant's plans, those on sale first, by name, with their tiers. Runs no query."""
    rows: QuerySet[Plan] = Plan.objects.of(merchant_id)
    return rows.select_related("tier").order_by("withdrawn_at", "name", "id")


def plan_of(*, merchant_id: int, public_id: str) -> Plan | None:
    """One plan. One query."""
    return plans(merchant_id=merchant_id).filter(public_id=public_id).first()


def plan_names(*, merchant_id: int) -> list[tuple[str, str]]:
    """(code, name) of the plans, withdrawn ones too: terms in them run on. One query."""
    return list(plans(merchant_id=merchant_id).values_list("code", "name"))


def versions(*, plan: Plan) -> list[PlanVersion]:
    """How a plan was sold, the latest first. One query."""
    rows = PlanVersion.objects.of(plan.merchant_id).filter(plan=plan).select_related("tier")
    return list(rows.order_by("-number"))


def terms(
    *, merchant_id: int, at: dt.datetime, closed: dt.datetime | None, wanted: TermFilter = TermFilter()
) -> QuerySet[Subscription]:
    """Terms that a filter means, the newest first, with plan and member. `closed`: since when the program is, None
    while it is open. Runs no query."""
    rows: QuerySet[Subscription] = Subscription.objects.of(merchant_id)
    if wanted.plan:
        rows = rows.filter(plan__code=wanted.plan)
    if wanted.search:
        rows = rows.filter(Q(reference=wanted.search) | Q(public_id=wanted.search))
    rows = _standing(rows, wanted.state, rule.frozen(at, closed))
    return rows.select_related("plan", "member", "floor_tier").order_by("-id")


def _standing(rows: QuerySet[Subscription], state: str, now: dt.datetime) -> QuerySet[Subscription]:
    """As `benefits.lib.plans.state_at` tells, and tested equal."""
    lasting = rows.filter(refunded_at=None)
    if state == State.REFUNDED:
        return rows.filter(refunded_at__isnull=False)
    if state == State.EXPIRED:
        return lasting.filter(to_at__lte=now)
    if state == State.CANCELLED:
        return lasting.filter(to_at__gt=now, cancelled_at__isnull=False)
    if state in (State.ACTIVE, State.UPCOMING):
        lasting = lasting.filter(to_at__gt=now, cancelled_at=None)
        return (
            lasting.filter(from_at__gt=now) if state == State.UPCOMING else lasting.filter(from_at__lte=now)
        )
    if state in (OWED, PAID_BACK):
        return rows.filter(refund_minor__gt=0, paid_back_at__isnull=state == OWED)
    return rows


def refundable(
    *, merchant_id: int, at: dt.datetime, closed_since: dt.datetime | None
) -> QuerySet[Subscription]:
    """The terms that run or are to come, at the program's closing or now: what is to be refunded when it ends, in the
    order of their ids. Runs no query."""
    rows: QuerySet[Subscription] = Subscription.objects.of(merchant_id)
    rows = rows.filter(refunded_at=None, to_at__gt=rule.frozen(at, closed_since))
    return rows.select_related("plan", "member").order_by("id")


def by_public_id(*, merchant_id: int, public_id: str) -> Subscription | None:
    """One term. One query."""
    rows = Subscription.objects.of(merchant_id).select_related("plan", "member", "floor_tier")
    return rows.filter(public_id=public_id).first()


def of_member(*, merchant_id: int, member_id: int) -> QuerySet[Subscription]:
    """A member's terms, the latest first. Runs no query."""
    rows: QuerySet[Subscription] = Subscription.objects.of(merchant_id).filter(member_id=member_id)
    return rows.select_related("plan", "member", "floor_tier").order_by("-from_at", "-id")


def held_now(*, merchant_id: int, member_id: int, at: dt.datetime) -> list[tuple[str, dt.datetime]]:
    """(plan's name, until when) of the plans that a member has a term in, each to the end of the last term that follows
    without a break. One query."""
    rows = of_member(merchant_id=merchant_id, member_id=member_id).filter(ends_at__gt=at)
    found: dict[int, tuple[str, dt.datetime]] = {}  # by plan: two may have one name
    for row in sorted(rows, key=lambda each: each.from_at):
        known = found.get(row.plan_id)
        if row.from_at <= at or (known is not None and known[1] == row.from_at):
            found[row.plan_id] = row.plan.name, row.ends_at
    return list(found.values())


def counts(*, merchant_id: int, at: dt.datetime, closed: dt.datetime | None) -> dict[int, int]:
    """How many members hold each plan now, by the plan's id. One query."""
    now = rule.frozen(at, closed)
    rows = Subscription.objects.of(merchant_id).filter(from_at__lte=now, ends_at__gt=now).order_by()
    return dict(rows.values_list("plan_id").annotate(n=Count("member_id", distinct=True)))


def paid_members(*, merchant_ids: Collection[int], at: dt.datetime) -> int:
    """Members of some merchants with a term to be refunded if their programs ended at an instant; for whoever sees all
    merchants. One query."""
    if not merchant_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(PAID_MEMBERS, [sorted(merchant_ids), at])
        return int(cursor.fetchone()[0])


def owed(*, merchant_id: int, at: dt.datetime) -> tuple[int, int]:
    """(members, minor units) to be refunded if the program ended now, or of one that did. Four queries, however many
    terms: those alike are counted together."""
    closed = closed_since(merchant_id=merchant_id)
    merchant = Merchant.objects.get(pk=merchant_id)
    rows = refundable(merchant_id=merchant_id, at=at, closed_since=closed)
    people = rows.order_by().values("member_id").distinct().count()
    now = rule.frozen(at, closed)
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"merchant": merchant_id, "now": now, "zone": merchant.timezone}
        cursor.execute(ALIKE, values | {"withdrawal": rule.WITHDRAWAL_DAYS})
        alike = cursor.fetchall()
    owed_minor = sum(
        count * rule.refund_minor(paid_minor=paid, days=days, left=left, is_withdrawn=is_withdrawn)
        for paid, days, left, is_withdrawn, count in alike
    )
    return people, owed_minor
