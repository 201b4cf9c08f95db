"""Short words for tests of the posting rule: a shop in Shanghai, its rules, its member, and what happens to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from members.lib.periods import daily_job_instant, merchant_day
from members.lib.points import PointRules
from members.lib.posting import (
    Changes,
    MemberState,
    OrderPut,
    OrderRefund,
    Recalculation,
    Rules,
    RulesEdit,
    fold,
)
from members.lib.posting.ledger import Ledger, live_lots
from members.lib.posting.orders import is_due
from members.lib.tiers import Tier, TierRules

SHANGHAI = ZoneInfo("Asia/Shanghai")
BASE, SILVER, GOLD, BLACK = 1, 2, 3, 4
MEMBER = 7

LADDER = (
    Tier(BASE, "base"),
    Tier(SILVER, "silver", "all", (("spend_minor", 1_000_00),)),
    Tier(GOLD, "gold", "all", (("spend_minor", 5_000_00),)),
)


def shop(**tiers: Any) -> Rules:
    """The rules of E10 and E11: silver at 1,000.00, gold at 5,000.00, 365 days, one point a yuan."""
    return Rules(version=1, zone=SHANGHAI, tiers=TierRules(**{"ladder": LADDER, **tiers}))


def with_points(rules: Rules, **points: Any) -> Rules:
    return replace(rules, points=PointRules(**points))


def closed(rules: Rules) -> Rules:
    return replace(rules, is_open=False)


def noon(day: str) -> datetime:
    """Twelve o'clock in Shanghai on an ISO day."""
    return datetime.combine(date.fromisoformat(day), time(12), SHANGHAI)


def lines(*amounts: int) -> tuple[tuple[str, int, int], ...]:
    return tuple((f"sku-{i}", 1, amount) for i, amount in enumerate(amounts))


class Shop:
    """One member's life told line by line, each event folded by itself as the single-order service does."""

    def __init__(self, rules: Rules | None = None, joined: str = "2024-01-01") -> None:
        self.rules = rules or shop()
        self.state = MemberState.joined(member_id=MEMBER, at=noon(joined), rules=self.rules.tiers)
        self.changes = Changes()

    def happen(self, *events: Any) -> Changes:
        return self._and(fold(self.state, events, self.rules))

    def put(self, order: str, day: str, *amounts: int, **rest: Any) -> Changes:
        return self.happen(OrderPut(noon(day), ("web", order), lines(*amounts), **rest))

    def refund(self, order: str, refund: str, day: str, *taken: tuple[int, int]) -> Changes:
        return self.happen(OrderRefund(noon(day), ("web", order), refund, taken or None))

    def job(self, day: str) -> Changes:
        return self.happen(Recalculation(daily_job_instant(date.fromisoformat(day), SHANGHAI)))

    def spend(self, day: str, points: int) -> Changes:
        """Redeem in one step."""
        return self._and(spend(self.state, self.rules, noon(day), points))

    def night(self, day: str) -> Changes:
        """The whole daily job of a merchant's day, 03:00."""
        at = daily_job_instant(date.fromisoformat(day), self.rules.zone)
        return self._and(work_day(self.state, self.rules, at))

    def _and(self, changes: Changes) -> Changes:
        fold_into(self.changes, changes)
        return changes

    def edit(self, day: str, rules: Rules, targets: dict[int, int] | None = None) -> Changes:
        changes = self.happen(RulesEdit(noon(day), rules, targets))
        self.rules = rules
        return changes

    @property
    def tier(self) -> int:
        return self.state.standing.tier_id

    @property
    def valid_until(self) -> str | None:
        until = self.state.standing.valid_until
        return until and until.isoformat()

    @property
    def points(self) -> tuple[int, int]:
        """(available, deficit)."""
        return self.state.account.available, self.state.account.deficit

    @property
    def entries(self) -> list[tuple[str, int, int]]:
        """(kind, points, balance_after) of every entry."""
        return [(entry.kind, entry.points, entry.balance_after) for entry in self.changes.entries]

    @property
    def lines(self) -> list[tuple[str, int, int]]:
        """(kind, points, pending) of every entry."""
        return [(entry.kind, entry.points, entry.pending) for entry in self.changes.entries]

    @property
    def lots(self) -> list[tuple[str | None, int, str | None]]:
        """(order, points, last usable day) in spending order."""
        return [
            (lot.order and lot.order[1], lot.remaining, lot.expires_on and lot.expires_on.isoformat())
            for lot in live_lots(self.state.account, self.state.account.lots)
        ]

    @property
    def moves(self) -> list[tuple[int, int, str]]:
        return [(move.from_tier_id, move.to_tier_id, move.cause) for move in self.changes.moves]

    def daily(self) -> dict[str, tuple[int, int, int]]:
        """Day -> (spend, orders, points), without empty days."""
        rows = {day.isoformat(): (t.spend_minor, t.orders, t.points) for day, t in self.state.daily.items()}
        return {day: row for day, row in rows.items() if any(row)}


def fold_into(whole: Changes, part: Changes) -> None:
    """Add what one fold changed to what others did, as writing both to a database would."""
    whole.orders |= part.orders
    whole.new_orders += part.new_orders
    whole.revisions += part.revisions
    whole.refunds += part.refunds
    whole.entries += part.entries
    whole.new_lots |= part.new_lots
    whole.allocations += part.allocations
    whole.pendings |= part.pendings
    whole.accounts |= part.accounts
    whole.standings |= part.standings
    whole.validities |= part.validities
    whole.moves += part.moves
    for (member_id, day), totals in part.daily.items():
        whole.add_to_day(member_id, day, totals.spend_minor, totals.orders, totals.points)


def ledger(state: MemberState, rules: Rules, at: datetime, changes: Changes) -> Ledger:
    """The member's account, open for writing."""
    assert state.member_id is not None
    today = merchant_day(at, rules.zone)
    return Ledger(state.account, changes, state.member_id, at, today, rules.points.expiry, rules.version)


def spend(state: MemberState, rules: Rules, at: datetime, points: int) -> Changes:
    """Redeem in one step, as the desk does."""
    changes = Changes()
    ledger(state, rules, at, changes).spend("redeem", points, cause="request")
    state.account.redeemed += points
    return changes


def work_day(state: MemberState, rules: Rules, at: datetime) -> Changes:
    """The daily job of one member: what waits is confirmed, the tier recalculated, what is over expires."""
    changes = Changes()
    if not rules.is_open:
        return changes
    due = [order for order in state.orders.values() if order.pending and is_due(order, at)]
    for order in sorted(due, key=lambda order: order.due_at):
        ledger(state, rules, at, changes).confirm(order)
    fold(state, [Recalculation(at)], rules, changes=changes)
    expire(state, rules, at, changes)
    return changes


def expire(state: MemberState, rules: Rules, at: datetime, changes: Changes) -> None:
    """What the set-based job does to one member."""
    account, today = state.account, merchant_day(at, rules.zone)
    for lot in live_lots(account, account.lots):
        if lot.expires_on is not None and lot.expires_on < today:
            account.available -= lot.remaining
            account.expired += lot.remaining
            ledger(state, rules, at, changes)._entry("expire", -lot.remaining, cause="rule", lot=lot.number)
    account.expired_through = today - timedelta(days=1)


def assert_books_balance(state: MemberState, entries: list[Any]) -> None:
    """The laws of the ledger, over all entries that the member ever had."""
    account = state.account
    assert account.available == sum(lot.remaining for lot in live_lots(account, account.lots))
    assert account.pending == sum(order.pending for order in state.orders.values())
    assert sum(entry.points for entry in entries) == account.available - account.deficit
    assert sum(entry.pending for entry in entries) == account.pending
    assert min(account.available, account.deficit) == 0 <= account.available
    assert account.deficit >= 0
    assert [entry.sequence for entry in entries] == list(range(1, account.sequence + 1))
    balance = 0
    for entry in entries:
        balance += entry.points
        assert entry.balance_after == balance
    assert all(0 < lot.remaining <= lot.amount for lot in account.lots)
    taken = account.clawed_back + account.redeemed + account.expired
    assert account.earned - taken == account.balance + account.pending


def picture(life: Shop):
    """Everything that a refusal must leave as it was."""
    return repr(life.state), repr(life.changes)


def assert_refused(life: Shop, refusal: type[Exception], *event) -> None:
    before = picture(life)
    with pytest.raises(refusal):
        life.happen(*event)
    assert picture(life) == before
