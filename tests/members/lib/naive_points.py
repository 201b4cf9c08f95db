"""Points once more, told the slow way: a purse in which every single point is a coin of its own.

A coin knows the order that brought it, its last usable day, and the credit (by number) that it came with. What is in
the purse is available; everything else (holds, redemptions) is coins lying elsewhere. Domain.md 6 is read literally.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any


@dataclass
class Coin:
    order: Any
    expires_on: date | None
    since: datetime
    credit: int

    @property
    def turn(self) -> tuple[bool, date, datetime, int]:
        """The earliest expiry first, never-expiring last, then the oldest, then the first credit."""
        return (self.expires_on is None, self.expires_on or date.max, self.since, self.credit)


@dataclass
class Asked:
    """A request with the coins it took. Keys are the merchant's, so all its purses share what was asked."""

    verb: str
    owner: str
    points: int
    coins: list[Coin]
    state: str
    ends_at: datetime | None = None


def months_later(day: date, months: int) -> date:
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    for last in range(day.day, 0, -1):
        try:
            return date(year, month, last)
        except ValueError:
            continue
    raise AssertionError


def last_day(expiry: Any, today: date) -> date | None:
    """The last usable day of points that become available today: counted in months, or looked for day by day."""
    if expiry.kind == "never":
        return None
    if expiry.kind == "rolling":
        return months_later(today, expiry.months)
    day = today
    while True:
        tomorrow = day + timedelta(days=1)
        is_last_of_february = (day.month, tomorrow.day) == (2, 1)
        if (day.month, day.day) == (expiry.month, expiry.day) or (
            is_last_of_february and (expiry.month, expiry.day) == (2, 29)
        ):
            return day
        day = tomorrow


@dataclass
class Purse:
    owner: str = ""
    coins: list[Coin] = field(default_factory=list)
    waiting: Counter[Any] = field(default_factory=Counter)  # by order
    gone: Counter[Any] = field(default_factory=Counter)  # expired, by order
    deficit: int = 0
    earned: int = 0
    redeemed: int = 0
    expired: int = 0
    clawed_back: int = 0
    entries: list[tuple[str, int, int]] = field(default_factory=list)  # (kind, points, pending)
    lapses: list[list[Any]] = field(default_factory=list)  # [instant, points not given back yet]
    asked: dict[str, Asked] = field(default_factory=dict)

    # -- what it comes to

    @property
    def available(self) -> int:
        return len(self.coins)

    @property
    def pending(self) -> int:
        return sum(self.waiting.values())

    def totals(self) -> dict[str, int]:
        names = ("available", "pending", "deficit", "earned", "redeemed", "expired", "clawed_back")
        return {name: getattr(self, name) for name in names}

    def lots(self) -> list[tuple[Any, date | None, int]]:
        """(order, last usable day, points) of the coins that came together, in spending order."""
        in_turn = sorted(self.coins, key=lambda coin: coin.turn)
        return [
            (*what, len(list(group)))
            for (_credit, *what), group in groupby(
                in_turn, lambda coin: (coin.credit, coin.order, coin.expires_on)
            )
        ]

    # -- parts

    def credit(
        self, kind: str, points: int, pending: int, at: datetime, expires_on: date | None, order: Any = None
    ) -> None:
        self.entries.append((kind, points, pending))
        self.coins += [Coin(order, expires_on, at, len(self.entries)) for _ in range(points)]
        self.repay()

    def repay(self) -> None:
        while self.deficit and self.coins:
            self.pop()
            self.deficit -= 1

    def pop(self) -> Coin:
        coin = min(self.coins, key=lambda coin: coin.turn)
        self.coins.remove(coin)
        return coin

    # -- orders

    def earn(self, order: Any, points: int, at: datetime, *, waits: bool, expires_on: date | None) -> None:
        self.earned += points
        if waits:
            self.waiting[order] += points
            self.entries.append(("earn", 0, points))
        else:
            self.credit("earn", points, 0, at, expires_on, order)

    def confirm(self, order: Any, at: datetime, expires_on: date | None) -> None:
        points = self.waiting.pop(order, 0)
        if points:
            self.credit("confirm", points, -points, at, expires_on, order)

    def claw_back(self, order: Any, points: int, policy: str) -> None:
        waiting = taken = 0
        for _ in range(points):
            own = [coin for coin in self.coins if coin.order == order]
            if self.waiting[order]:
                self.waiting[order] -= 1
                waiting += 1
            elif policy == "only_pending":
                break
            elif own:
                self.coins.remove(min(own, key=lambda coin: coin.turn))
                taken += 1
            elif self.gone[order]:
                self.gone[order] -= 1
            elif self.coins:
                self.pop()
                taken += 1
            elif policy == "allow_deficit":
                self.deficit += 1
                taken += 1
        if taken or waiting:
            self.clawed_back += taken + waiting
            self.entries.append(("clawback", -taken, -waiting))

    # -- days

    def expire(self, today: date, at: datetime) -> None:
        over = [coin for coin in self.coins if coin.expires_on is not None and coin.expires_on < today]
        for _, lot in groupby(sorted(over, key=lambda coin: coin.turn), lambda coin: coin.credit):
            lapsed = list(lot)
            self.coins = [coin for coin in self.coins if not any(coin is each for each in lapsed)]
            self.gone.update(coin.order for coin in lapsed)
            self.expired += len(lapsed)
            self.lapses.append([at, len(lapsed)])
            self.entries.append(("expire", -len(lapsed), 0))

    def every_coin(self) -> list[Coin]:
        """Those in the purse and those taken: all are dated by what dates lots."""
        taken = (coin for each in self.asked.values() if each.owner == self.owner for coin in each.coins)
        return [*self.coins, *taken]

    def shift(self, days: int) -> None:
        for coin in self.every_coin():
            if coin.expires_on is not None:
                coin.expires_on += timedelta(days=days)

    def switch(self, expiry: Any, today: date) -> None:
        """Points that never expired get a date when the rule is switched."""
        begin = months_later(today, 12) if expiry.kind == "yearly" else today
        for coin in self.every_coin():
            if coin.expires_on is None:
                coin.expires_on = last_day(expiry, begin)

    # -- requests: None, or the slug of a refusal

    def known(self, key: str, verb: str, points: int) -> str | None:
        """Whether a key was used: "" for the same request, a slug for another, None for a new key."""
        known = self.asked.get(key)
        if known is None:
            return None
        body = (known.verb, known.owner, known.points)
        return "" if body == (verb, self.owner, points) else "idempotency-conflict"

    def redeem(self, key: str, points: int, hold_until: datetime | None = None) -> str | None:
        verb = "redeem" if hold_until is None else "hold"
        if (known := self.known(key, verb, points)) is not None:
            return known or None
        if points > len(self.coins):
            return "insufficient-points"
        coins = [self.pop() for _ in range(points)]
        self.asked[key] = Asked(verb, self.owner, points, coins, "held" if hold_until else "done", hold_until)
        self.entries.append((verb, -points, 0))
        if not hold_until:
            self.redeemed += points
        return None

    def capture(self, key: str) -> str | None:
        asked = self.asked.get(key)
        if asked is None:
            return "not-found"
        if asked.verb != "hold":
            return "invalid"
        if asked.state == "captured":
            return None
        if asked.state != "held":
            return "hold-ended"
        asked.state = "captured"
        self.redeemed += asked.points
        self.entries.append(("capture", 0, 0))
        return None

    def release(self, key: str, today: date, at: datetime) -> str | None:
        asked = self.asked.get(key)
        if asked is None:
            return "not-found"
        if asked.verb != "hold":
            return "invalid"
        if asked.state == "released":
            return None
        if asked.state != "held":
            return "not-cancellable"
        asked.state = "released"
        self.put_back("release", asked, today, at)
        return None

    def cancel(self, key: str, today: date, at: datetime) -> str | None:
        asked = self.asked.get(key)
        if asked is None:
            return "not-found"
        if asked.state == "cancelled":
            return None
        if asked.state not in ("done", "captured") or asked.verb not in ("redeem", "hold"):
            return "not-cancellable"
        asked.state = "cancelled"
        self.redeemed -= asked.points
        self.put_back("restore", asked, today, at)
        return None

    def put_back(self, kind: str, asked: Asked, today: date, at: datetime) -> None:
        """To the lots they came from; those that are over come back together, as one lot of thirty days."""
        self.entries.append((kind, asked.points, 0))
        coins, asked.coins = asked.coins, []
        late = [coin for coin in coins if coin.expires_on is not None and coin.expires_on < today]
        orders = {coin.order for coin in late}
        for coin in late:
            coin.order = coin.order if len(orders) == 1 else None
            coin.expires_on, coin.since, coin.credit = today + timedelta(days=30), at, len(self.entries)
        self.coins += coins
        self.repay()

    def end_holds(self, at: datetime, zone: Any) -> None:
        """Each at its own instant."""
        held = {key: each for key, each in self.asked.items() if each.owner == self.owner}
        over = [key for key, each in held.items() if each.state == "held" and each.ends_at <= at]
        for key in sorted(over, key=lambda key: self.asked[key].ends_at):
            ends_at = self.asked[key].ends_at
            self.release(key, ends_at.astimezone(zone).date(), ends_at)

    def adjust(self, key: str, points: int, at: datetime, expires_on: date | None) -> str | None:
        if (known := self.known(key, "adjust", points)) is not None:
            return known or None
        if points > 0:
            self.credit("adjust", points, 0, at, expires_on)
        elif -points > len(self.coins):
            return "insufficient-points"
        else:
            self.coins = sorted(self.coins, key=lambda coin: coin.turn)[-points:]
            self.entries.append(("adjust", points, 0))
        self.asked[key] = Asked("adjust", self.owner, points, [], "done")
        return None

    def give_back(self, key: str, points: int, at: datetime, today: date, window: int) -> str | None:
        if (known := self.known(key, "give_back", points)) is not None:
            return known or None
        lately = [lapse for lapse in self.lapses if lapse[0] >= at - timedelta(days=window)]
        if points > sum(left for _, left in lately):
            return "insufficient-points"
        left = points
        for lapse in lately:
            part = min(left, lapse[1])
            lapse[1] -= part
            left -= part
        self.credit("restore", points, 0, at, today + timedelta(days=30))
        self.asked[key] = Asked("give_back", self.owner, points, [], "done")
        return None
