"""What the page of one member shows: progress and validities, points, orders (domain.md 4 to 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Count, Max, Q, Sum

from members.lib.periods import merchant_day
from members.lib.tiers import METRICS, Metrics, TierRules
from members.models import (
    DailyTotal,
    Member,
    Merchant,
    Order,
    OrderLine,
    PointsAccount,
    PointsLot,
    RulesVersion,
    Tier,
    TierMove,
    TierStanding,
    TierValidity,
)
from members.selectors import rules as rules_of

ORDERS_SHOWN = 10
MOVES_SHOWN = 20


@dataclass(slots=True)
class Rung:
    """A tier of the ladder as one member sees it, highest first on the page."""

    tier: Tier
    requirements: list[tuple[str, int]]  # (metric, at least)
    needs: str
    multiplier: str
    is_current: bool
    is_lowest: bool
    valid_until: dt.date | None


@dataclass(slots=True)
class Step:
    """One requirement of the next tier: where the member stands on the way to it. Counts or minor units."""

    metric: str
    now: int
    at_least: int
    held_at_least: int  # what the present tier asks of the same metric; 0 when nothing

    @property
    def missing(self) -> int:
        """How much is left; 0 when it holds."""
        return max(self.at_least - self.now, 0)

    @property
    def level(self) -> int:
        """Per mille of the way."""
        return min(self.now * 1000 // self.at_least, 1000) if self.at_least else 1000

    @property
    def mark(self) -> int | None:
        """Where on the way the present tier was reached, per mille."""
        return self.held_at_least * 1000 // self.at_least if self.held_at_least and self.at_least else None


@dataclass(slots=True)
class Leaving:
    """The next day whose spend leaves a rolling window: `amount_minor` of `day` counts no more on `on`."""

    day: dt.date
    amount_minor: int
    on: dt.date


@dataclass(slots=True)
class Progress:
    """A member's tier: what it is, until when, and the way to the next."""

    tier: Tier | None = None
    since: dt.datetime | None = None
    valid_until: dt.date | None = None
    next_tier: Tier | None = None
    needs: str = "all"
    steps: list[Step] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    rungs: list[Rung] = field(default_factory=list)
    window: dict = field(default_factory=dict)
    leaving: Leaving | None = None


def window_metrics(
    *, merchant: Merchant, member_id: int, rules: TierRules, today: dt.date, joined_on: dt.date
) -> tuple[Metrics, dt.date]:
    """A member's numbers over the window that ends today, and the window's first day. One query."""
    start = rules.window.start(today, joined_on)
    totals = (
        DailyTotal.objects.of(merchant.pk)
        .filter(member_id=member_id, day__gte=start, day__lte=today)
        .aggregate(
            spend=Sum("spend_minor"),
            count=Sum("orders"),
            days=Count("pk", filter=Q(orders__gt=0)),
            kept=Sum("points"),
        )
    )
    return (
        rules.metrics(
            int(totals["spend"] or 0), int(totals["count"] or 0), totals["days"], int(totals["kept"] or 0)
        ),
        start,
    )


def progress(*, merchant: Merchant, member: Member, at: dt.datetime) -> Progress:
    """A member's tier at an instant, with the way to the next one. Six queries; empty before there are rules."""
    version = rules_of.version_at(merchant_id=merchant.pk, at=at)
    if version is None:
        return Progress()
    tiers = {tier.pk: tier for tier in Tier.objects.of(merchant.pk)}
    rules = rules_of.tier_rules(version, {pk: tier.code for pk, tier in tiers.items()})
    today = merchant_day(at, merchant.zone)
    standing = TierStanding.objects.of(merchant.pk).filter(member_id=member.pk).first()
    tier_id = standing.tier_id if standing else rules.base.id
    validity = dict(
        TierValidity.objects.of(merchant.pk).filter(member_id=member.pk).values_list("tier_id", "valid_until")
    )
    metrics, start = window_metrics(
        merchant=merchant, member_id=member.pk, rules=rules, today=today, joined_on=member.joined_on
    )
    place = rules.rank.get(tier_id, 0)
    result = Progress(
        tier=tiers.get(tier_id),
        since=standing.since if standing else member.joined_at,
        valid_until=standing.valid_until if standing else None,
        metrics=metrics,
        rungs=_rungs(version, rules, tiers, validity, tier_id),
        window=version.window,
    )
    if place + 1 < len(rules.ladder):
        coming = rules.ladder[place + 1]
        held = dict(rules.ladder[place].requirements)
        result.next_tier, result.needs = tiers.get(coming.id), coming.needs
        result.steps = [
            Step(metric, metrics[METRICS.index(metric)], at_least, held.get(metric, 0))
            for metric, at_least in coming.requirements
        ]
    if rules.window.kind == "rolling":
        result.leaving = _leaving(merchant, member.pk, start, today, rules.window.days)
    return result


def _rungs(
    version: RulesVersion,
    rules: TierRules,
    tiers: dict[int, Tier],
    validity: dict[int, dt.date],
    tier_id: int,
) -> list[Rung]:
    return [
        Rung(
            tier=tiers[tier.id],
            requirements=list(tier.requirements),
            needs=tier.needs,
            multiplier=version.tier_multipliers.get(str(tier.id), "1"),
            is_current=tier.id == tier_id,
            is_lowest=tier.id == rules.base.id,
            valid_until=validity.get(tier.id),
        )
        for tier in reversed(rules.ladder)
    ]


def _leaving(merchant: Merchant, member_id: int, start: dt.date, today: dt.date, days: int) -> Leaving | None:
    first = (
        DailyTotal.objects.of(merchant.pk)
        .filter(member_id=member_id, day__gte=start, day__lte=today, spend_minor__gt=0)
        .order_by("day")
        .first()
    )
    if first is None:
        return None
    return Leaving(day=first.day, amount_minor=first.spend_minor, on=first.day + dt.timedelta(days=days))


@dataclass(slots=True)
class PointsCard:
    """A member's points now, and what expires next."""

    available: int = 0
    pending: int = 0
    deficit: int = 0
    earned: int = 0
    clawed_back: int = 0
    next_points: int = 0
    next_on: dt.date | None = None

    def value_minor(self, cost: Decimal | None) -> int | None:
        """What the available points cost the shop, in minor units; None where it has set no cost per point."""
        return None if cost is None else worth_minor(self.available, cost)


def worth_minor(points: int, cost: Decimal) -> int:
    """Points at `cost` minor units each, rounded half up."""
    return int((points * cost).to_integral_value(ROUND_HALF_UP))


def points_card(*, merchant: Merchant, member_id: int) -> PointsCard:
    """A member's account and its next expiry. Two queries."""
    account = PointsAccount.objects.of(merchant.pk).filter(member_id=member_id).first()
    if account is None:
        return PointsCard()
    card = PointsCard(
        available=account.available,
        pending=account.pending,
        deficit=account.deficit,
        earned=account.earned,
        clawed_back=account.clawed_back,
    )
    lots = PointsLot.objects.of(merchant.pk).filter(
        member_id=member_id, remaining__gt=0, expires_on__isnull=False
    )
    if account.expired_through:
        lots = lots.filter(expires_on__gt=account.expired_through)
    row = lots.values("expires_on").annotate(points=Sum("remaining")).order_by("expires_on").first()
    if row:
        card.next_on, card.next_points = row["expires_on"], row["points"]
    return card


@dataclass(slots=True)
class OrderRow:
    """An order with what its lines name, for the list beside the ledger."""

    order: Order
    skus: list[str]
    more: int


@dataclass(slots=True)
class Orders:
    """A member's latest orders, and what the days of a year come to."""

    rows: list[OrderRow]
    count: int
    net_minor: int
    last_paid_at: dt.datetime | None


def orders_of(*, merchant: Merchant, member_id: int, at: dt.datetime) -> Orders:
    """The latest orders with their lines, and the sums of 365 days. Four queries."""
    orders = Order.objects.of(merchant.pk).filter(member_id=member_id)
    latest = list(orders.order_by("-paid_at", "-pk")[:ORDERS_SHOWN])
    today = merchant_day(at, merchant.zone)
    year = DailyTotal.objects.of(merchant.pk).filter(
        member_id=member_id, day__gt=today - dt.timedelta(days=365), day__lte=today
    )
    sums = year.aggregate(count=Sum("orders"), net=Sum("spend_minor"))
    last = orders.filter(counts=True).aggregate(last=Max("paid_at"))["last"]
    return Orders(
        rows=_with_lines(merchant, latest),
        count=int(sums["count"] or 0),
        net_minor=int(sums["net"] or 0),
        last_paid_at=last,
    )


def _with_lines(merchant: Merchant, orders: Sequence[Order], shown: int = 3) -> list[OrderRow]:
    skus: dict[int, list[str]] = {}
    lines = OrderLine.objects.of(merchant.pk).filter(order_id__in=[order.pk for order in orders])
    for order_id, sku, quantity in lines.order_by("order_id", "number").values_list(
        "order_id", "sku", "quantity"
    ):
        many = f"{quantity.normalize():f}" if quantity != 1 else ""
        skus.setdefault(order_id, []).append(f"{sku} × {many}" if many else sku)
    return [
        OrderRow(order, skus.get(order.pk, [])[:shown], max(len(skus.get(order.pk, [])) - shown, 0))
        for order in orders
    ]


def moves_of(*, merchant: Merchant, member_id: int) -> list[TierMove]:
    """A member's latest moves between tiers, newest first. One query."""
    moves = TierMove.objects.of(merchant.pk).filter(member_id=member_id)
    return list(moves.select_related("from_tier", "to_tier").order_by("-at", "-pk")[:MOVES_SHOWN])
