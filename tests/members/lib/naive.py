"""The posting rule once more, told the slow way, to check the fold against.

Nothing is kept but the raw orders and, for what depends on the past, a purse of single points (`naive_points`) and one
table of tier dates. Metrics are counted again from the raw orders every time; points are `Fraction`s until the floor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

from members.lib.posting import OMITTED, Rules
from tests.members.lib.naive_points import Purse, last_day, months_later


@dataclass
class RawOrder:
    status: str
    paid_at: Any
    completed_at: Any
    amounts: list[int]
    skus: list[tuple[Any, int]]
    rate: Fraction | None = None
    wait: int = 0
    refunds: dict[str, dict[int, int]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    posted: int = 0
    number: int = 0  # by arrival

    def refunded(self, line: int) -> int:
        return sum(refund.get(line, 0) for refund in self.refunds.values())

    def is_counted(self) -> bool:
        back = sum(sum(refund.values()) for refund in self.refunds.values())
        return self.status == "paid" and not (back and back == sum(self.amounts))

    def net(self) -> int:
        return sum(amount - self.refunded(n) for n, amount in enumerate(self.amounts, 1))

    def shares(self) -> list[int]:
        """Hamilton's method, seat by seat."""
        total = sum(self.amounts)
        if not total or self.rate is None:
            return [0] * len(self.amounts)
        whole = floor(total * self.rate)
        quotas = [Fraction(whole * amount, total) for amount in self.amounts]
        seats = [floor(quota) for quota in quotas]
        while sum(seats) < whole:
            rest = [quota - seat for quota, seat in zip(quotas, seats, strict=True)]
            seats[rest.index(max(rest))] += 1
        return seats

    def should_have(self) -> int:
        if self.status != "paid":
            return 0
        kept = 0
        for n, (stored, amount) in enumerate(zip(self.shares(), self.amounts, strict=True), 1):
            left = amount - self.refunded(n)
            kept += floor(Fraction(stored * left, amount)) if amount else 0
        return kept


class Naive:
    """One member. Every method answers with the slug of a refusal, or None."""

    def __init__(self, rules: Rules, purse: Purse | None = None, joined_on: date | None = None) -> None:
        self.rules = rules
        self.orders: dict[Any, RawOrder] = {}
        self.purse = purse or Purse()
        self.tier = rules.tiers.ladder[0].id
        self.until: dict[int, date] = {}
        self.moves: list[tuple[int, int, str]] = []
        self.joined_on = joined_on

    def day(self, at: Any) -> date:
        return at.astimezone(self.rules.zone).date()

    # -- events

    def put(self, event: Any) -> str | None:
        old = self.orders.get(event.key)
        status = event.status if event.status is not OMITTED else (old.status if old else "paid")
        paid_at = event.paid_at if event.paid_at is not OMITTED else (old and old.paid_at)
        paid_at = {"unpaid": None, "paid": paid_at or event.at, "cancelled": paid_at}[status]
        completed_at = event.completed_at
        if completed_at is OMITTED:
            completed_at = (old and old.completed_at) or event.at
        new = RawOrder(
            status, paid_at, completed_at, [a for *_, a in event.lines], [(s, q) for s, q, _ in event.lines]
        )
        if old:
            new.rate, new.wait, new.posted, new.number = old.rate, old.wait, old.posted, old.number
            new.refunds, new.whole = old.refunds, old.whole
            if new == old:
                return None
        if any(amount < 0 for amount in new.amounts) or not new.amounts:
            return "invalid"
        if paid_at and self.day(paid_at) > self.day(event.at):
            return "invalid"
        if old:
            for n in range(1, len(old.amounts) + 1):
                if old.refunded(n) > (new.amounts[n - 1] if n <= len(new.amounts) else 0):
                    return "refund-exceeds-order"
        spend_before = self.raw_days()
        self.orders[event.key] = new
        if self.rules.is_open:
            if new.rate is None:
                points = self.rules.points
                multiplier = Fraction(points.tier_multipliers.get(self.tier, 1))
                new.rate = Fraction(points.per_major) * multiplier / 10**self.rules.minor_digits
                new.wait = points.pending_days
            self.settle(event.key, event.at)
            if old and new.completed_at != old.completed_at and self.is_due(new, event.at):
                self.purse.confirm(event.key, event.at, self.last_day(event.at))
            if self.raw_days() != spend_before and new.is_counted():
                self.order_lands(self.day(event.at))
        return None

    def link(self, at: Any, past: dict[Any, RawOrder]) -> None:
        """Orders of before the joining: what is not paid yet has today's rate, the rest earns nothing."""
        points = self.rules.points
        multiplier = Fraction(points.tier_multipliers.get(self.tier, 1))
        for key, order in past.items():
            self.orders[key] = order
            if self.rules.is_open:
                rate = Fraction(points.per_major) * multiplier / 10**self.rules.minor_digits
                order.rate = rate if order.status == "unpaid" else Fraction(0)
                order.wait = points.pending_days if order.status == "unpaid" else 0
        if self.rules.is_open and any(order.is_counted() for order in past.values()):
            self.order_lands(self.day(at))

    def refund(self, event: Any) -> str | None:
        order = self.orders.get(event.key)
        if order is None:
            return "not-found"
        lines: dict[int, int] | None = None
        if event.lines is not None:
            lines = {}
            for n, amount in event.lines:
                if n not in range(1, len(order.amounts) + 1) or amount < 0:
                    return "invalid"
                lines[n] = lines.get(n, 0) + amount
        if event.refund in order.refunds:
            same = event.refund in order.whole if lines is None else lines == order.refunds[event.refund]
            return None if same else "idempotency-conflict"
        left = {n: amount - order.refunded(n) for n, amount in enumerate(order.amounts, 1)}
        if lines is None:
            taken = {n: amount for n, amount in left.items() if amount}
        else:
            taken = lines
        too_much = any(amount > left[n] or amount == 0 for n, amount in taken.items())
        if order.status != "paid" or not taken or too_much:
            return "refund-exceeds-order"
        order.refunds[event.refund] = taken
        if lines is None:
            order.whole.add(event.refund)
        if self.rules.is_open:
            self.settle(event.key, event.at)
        return None

    def job(self, event: Any) -> None:
        if not self.rules.is_open or self.tier not in self.until:
            return
        today, rules = self.day(event.at), self.rules.tiers
        ids = [tier.id for tier in rules.ladder]
        end = self.until[self.tier]
        if today <= end:
            return
        best = max(i for i, holds in enumerate(self.holding(today)) if holds)
        here = ids.index(self.tier)
        if best >= here:
            self.renew(self.tier, today)
        elif (today - end).days > rules.grace_days:
            if rules.downgrade == "one_step":
                self.go(ids[here - 1], "recalculation")
                if here > 1:
                    self.renew(self.tier, today)
            else:
                grace = timedelta(days=rules.grace_days)
                alive = [i for i in range(here) if i and self.until.get(ids[i], date.min) + grace >= today]
                there = max([best, *alive])
                self.go(ids[there], "recalculation")
                if there == best and best:
                    self.renew(self.tier, today)

    def edit(self, event: Any) -> None:
        self.rules = event.rules
        if not self.rules.is_open:
            return
        ids = [tier.id for tier in self.rules.tiers.ladder]
        today = self.day(event.at)
        best = max(i for i, holds in enumerate(self.holding(today)) if holds)
        if best > ids.index(self.tier):
            self.renew(ids[best], today)
            self.go(ids[best], "rules")

    # -- points

    def last_day(self, at: Any) -> date | None:
        return last_day(self.rules.points.expiry, self.day(at))

    def due_at(self, order: RawOrder) -> datetime | None:
        if order.completed_at is None or order.rate is None:
            return None
        local = order.completed_at.astimezone(self.rules.zone)
        return datetime.combine(local.date() + timedelta(days=order.wait), local.time(), self.rules.zone)

    def is_due(self, order: RawOrder, at: Any) -> bool:
        due_at = self.due_at(order)
        return due_at is not None and due_at <= at

    def settle(self, key: Any, at: Any) -> None:
        order = self.orders[key]
        missing = order.should_have() - order.posted
        order.posted += missing
        if missing > 0:
            waits = not self.is_due(order, at)
            self.purse.earn(key, missing, at, waits=waits, expires_on=self.last_day(at))
        elif missing < 0:
            self.purse.claw_back(key, -missing, self.rules.points.clawback)

    def confirm(self, at: Any) -> None:
        """The daily job's first part: by due instant, then by arrival."""
        if self.rules.is_open:
            due = [key for key, order in self.orders.items() if self.is_due(order, at)]
            for key in sorted(due, key=lambda key: (self.due_at(self.orders[key]), self.orders[key].number)):
                self.purse.confirm(key, at, self.last_day(at))

    def expire(self, at: Any) -> None:
        """The daily job's last part."""
        if self.rules.is_open:
            self.purse.expire(self.day(at), at)

    # -- metrics and tiers

    def raw_days(self) -> dict[date, tuple[int, int]]:
        """Day -> (net spend, orders), from the raw orders."""
        days: dict[date, tuple[int, int]] = {}
        for order in self.orders.values():
            if order.status == "paid" and (order.net() or order.is_counted()):
                spend, count = days.get(self.day(order.paid_at), (0, 0))
                days[self.day(order.paid_at)] = (spend + order.net(), count + order.is_counted())
        return days

    def metrics(self, today: date) -> dict[str, int]:
        window = self.rules.tiers.window
        counted = {"spend_minor": 0, "orders": 0, "points_earned": 0}
        active = set()
        for order in self.orders.values():
            day = order.paid_at and self.day(order.paid_at)
            inside = day is not None and {
                "rolling": lambda d: 0 <= (today - d).days < window.days,
                "calendar_year": lambda d: d.year == today.year and d <= today,
                "lifetime": lambda d: d <= today,
                "membership_year": lambda d: self.year_began(today) <= d <= today,
            }[window.kind](day)
            if not inside:
                continue
            counted["points_earned"] += order.posted
            if order.status == "paid":
                counted["spend_minor"] += order.net()
            if order.is_counted():
                counted["orders"] += 1
                active.add(day)
        counted["active_days"] = len(active)
        weights = self.rules.tiers.growth.items()
        counted["growth"] = floor(sum((counted[m] * Fraction(weight) for m, weight in weights), Fraction(0)))
        return counted

    def year_began(self, today: date) -> date:
        """Day by day back to the last anniversary of joining; 29 February returns on the last of February."""
        assert self.joined_on is not None
        day = today
        while day > self.joined_on and not self.is_anniversary(day):
            day -= timedelta(days=1)
        return day if day > self.joined_on else self.joined_on

    def is_anniversary(self, day: date) -> bool:
        joined = self.joined_on
        assert joined is not None
        if (joined.month, joined.day) == (2, 29):
            return day.month == 2 and (day + timedelta(days=1)).month == 3
        return (day.month, day.day) == (joined.month, joined.day)

    def given(self, event: Any) -> None:
        """A tier by hand, until a day; what was held above is given up."""
        ids = [tier.id for tier in self.rules.tiers.ladder]
        today, place = self.day(event.at), ids.index(event.tier_id)
        for tier in ids[place + 1 :]:
            if self.until.get(tier, date.min) >= today:
                self.until[tier] = today - timedelta(days=1)
        if event.tier_id != self.tier:
            self.go(event.tier_id, "staff")
        if place:
            self.until[event.tier_id] = max(event.until, self.until.get(event.tier_id, event.until))

    def holding(self, today: date) -> list[bool]:
        metrics = self.metrics(today)
        answers = []
        for tier in self.rules.tiers.ladder:
            met = [metrics[metric] >= at_least for metric, at_least in tier.requirements]
            answers.append(not met or (all(met) if tier.needs == "all" else any(met)))
        return answers

    def order_lands(self, today: date) -> None:
        ids = [tier.id for tier in self.rules.tiers.ladder]
        holding = self.holding(today)
        for i, holds in enumerate(holding):
            if holds and i:
                self.renew(ids[i], today)
        best = max(i for i, holds in enumerate(holding) if holds)
        if best > ids.index(self.tier):
            self.go(ids[best], "order")

    def renew(self, tier: int, today: date) -> None:
        fresh = months_later(today, self.rules.tiers.validity_months)
        self.until[tier] = max(fresh, self.until.get(tier, fresh))

    def go(self, tier: int, cause: str) -> None:
        self.moves.append((self.tier, tier, cause))
        self.tier = tier
