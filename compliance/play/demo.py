"""The demo's history as a play script: one shop in each compliance state, with people, orders and benefits.

Everything is relative to the instant of seeding, so that a shop at risk is at risk on the day it is looked at. The
script is random but seeded: the same instant gives the same shops.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from compliance.lib.calendar import PLATFORM_ZONE, last_of_month
from compliance.play import demo_words as words

MONTHS_OF_HISTORY = 420  # days
Line = dict[str, Any]


@dataclass(frozen=True)
class Shop:
    """One demo shop: what it sells, how much, and the story of its benefits."""

    name: str
    state: str
    goods: str
    members: int
    orders_a_day: float
    opened_days_ago: int | None
    owner: str
    benefits: list[Line] = field(default_factory=list)


def at(day: dt.date, clock: str = "09:00") -> str:
    """An instant of a platform day."""
    hour, minute = map(int, clock.split(":"))
    return dt.datetime.combine(day, dt.time(hour, minute), PLATFORM_ZONE).isoformat()


@dataclass(frozen=True)
class Calendar:
    """The days that the stories hang on. `final_run` lies 3 to 7 days ahead, `next_run` is the one after."""

    today: dt.date
    last_run: dt.date
    final_run: dt.date
    next_run: dt.date

    @classmethod
    def around(cls, today: dt.date) -> Calendar:
        """The run at hand is set a few days ahead by a new policy version, so that a last warning can be shown."""
        ends = [today + dt.timedelta(days=n) for n in range(3, 8)]
        final = min(
            ends, key=lambda day: (last_of_month(last_of_month(day) + dt.timedelta(days=1)), -day.day)
        )
        last = last_of_month(final.replace(day=1) - dt.timedelta(days=1))
        if last >= today:
            last = last_of_month(last.replace(day=1) - dt.timedelta(days=1))
        return cls(today, last, final, last_of_month(last_of_month(final) + dt.timedelta(days=1)))

    @property
    def at_risk_days(self) -> int:
        """Days ahead from which a program is at risk: sixty, or a few more, so that `next_run` is one of them."""
        return max(60, (self.next_run - self.today).days)

    @property
    def observed_from(self) -> dt.date:
        """The day on which cover ended thirty days ago, or less where those ninety days would be over by `next_run`."""
        after = self.uncovered_from(self.next_run + dt.timedelta(days=2))
        return max(self.today - dt.timedelta(days=30), after)

    def uncovered_from(self, danger: dt.date) -> dt.date:
        """The day on which cover ends so that the ninety days are over on the danger day."""
        return danger - dt.timedelta(days=90)


def _coupon(name: str, off: int, least: int, start: dt.date, end: dt.date | None, **more: Any) -> Line:
    return {
        "at": at(start, "08:30"),
        "do": "benefit.publish",
        "benefit": name,
        "kind": "coupon",
        "from": at(start, "08:30"),
        "to": None if end is None else at(end, "00:00"),
        "settings": {"at_least_minor": least, "off_minor": off},
        **more,
    }


def shops(days: Calendar) -> list[Shop]:
    """One shop per state that can be told without an appeal."""
    today, ago = days.today, lambda n: days.today - dt.timedelta(days=n)
    start = ago(MONTHS_OF_HISTORY - 5)
    draw: Line = {
        "at": at(ago(40), "08:45"),
        "do": "benefit.publish",
        "benefit": words.DRAW,
        "kind": "lucky_draw",
        "from": at(ago(40), "08:45"),
        "to": None,
        "settings": {"prizes": [{"name": words.PRIZE, "count": 20, "value_minor": 16_800}]},
    }
    price: Line = {
        "at": at(ago(300), "08:40"),
        "do": "benefit.publish",
        "benefit": words.MEMBER_PRICE,
        "kind": "member_price",
        "from": at(ago(300), "08:40"),
        "to": None,
        "settings": {"percent": "90"},
    }
    at_risk = days.uncovered_from(days.final_run + dt.timedelta(days=3))
    final = days.uncovered_from(days.last_run + dt.timedelta(days=1))
    cleared = days.uncovered_from(days.last_run - dt.timedelta(days=2))
    return [
        Shop(words.SHOPS[0], "at_risk", "fresh", 180, 4.2, 410, words.OWNERS[0],
             [_coupon(words.COUPON, 1_000, 9_900, start, at_risk), draw]),
        Shop(words.SHOPS[1], "open", "tea", 60, 0.9, 400, words.OWNERS[1],
             [price, _coupon(words.COUPON_B, 2_000, 19_900, ago(60), today + dt.timedelta(days=45))]),
        Shop(words.SHOPS[2], "observing", "coffee", 40, 0.7, 390, words.OWNERS[2],
             [_coupon(words.COUPON_B, 500, 5_900, start, days.observed_from)]),
        Shop(words.SHOPS[3], "final_notice", "cake", 50, 0.8, 405, words.OWNERS[3],
             [_coupon(words.COUPON, 800, 6_800, start, final)]),
        Shop(words.SHOPS[4], "cleared", "books", 45, 0.6, 408, words.OWNERS[4],
             [_coupon(words.COUPON_B, 1_500, 12_900, start, cleared)]),
        Shop(words.SHOPS[5], "observing", "flowers", 25, 0.8, 55, words.OWNERS[5]),
        Shop(words.SHOPS[6], "closed", "baby", 30, 0.6, 380, words.OWNERS[6], [price]),
        Shop(words.SHOPS[7], "draft", "fishing", 0, 0.0, None, words.OWNERS[7]),
    ]  # fmt: skip


def script(now: dt.datetime) -> list[Line]:
    """The whole history up to `now`, in order of time."""
    days = Calendar.around(now.astimezone(PLATFORM_ZONE).date())
    begin = days.today - dt.timedelta(days=MONTHS_OF_HISTORY)
    told: list[Line] = [
        {"at": at(begin, "00:00"), "do": "policy.set", "min_cover_days": 7, "max_lead_days": 30},
        {
            "at": at(days.last_run + dt.timedelta(days=1), "00:30"),
            "do": "policy.set",
            "first_run_on": days.final_run.isoformat(),
            "at_risk_days": days.at_risk_days,
            "observing_days": (days.today - days.observed_from).days,
        },
    ]
    for place, shop in enumerate(shops(days)):
        told.extend(_history(shop, place, days, begin))
    latest = now.astimezone(PLATFORM_ZONE).isoformat()
    told = [line for line in told if line["at"] <= latest]
    told.sort(key=lambda line: line["at"])
    return [*told, {"at": latest, "do": "clock.advance"}]


def _history(shop: Shop, place: int, days: Calendar, begin: dt.date) -> Iterator[Line]:
    dice = random.Random(f"{shop.name}{days.today}")
    created = (
        begin + dt.timedelta(days=1) if shop.opened_days_ago is None or shop.opened_days_ago > 300 else None
    )
    opened = None if shop.opened_days_ago is None else days.today - dt.timedelta(days=shop.opened_days_ago)
    born = created or (opened or days.today) - dt.timedelta(days=2)
    yield {"at": at(born, "08:00"), "do": "merchant.create", "merchant": shop.name}
    yield {
        "at": at(born, "08:10"),
        "do": "program.configure",
        "merchant": shop.name,
        "tiers": {"ladder": words.LADDER},
        "points": {"per_major": "1", "tier_multipliers": {"silver": "1.2", "gold": "1.5"}},
        "prices": _prices(shop),
    }
    if opened is None:
        return
    yield {"at": at(opened, "08:20"), "do": "program.open", "merchant": shop.name}
    for benefit in shop.benefits:
        moment = max(benefit["at"], at(opened, "08:30"))
        yield {**benefit, "merchant": shop.name, "at": moment, "from": moment}
    if shop.state == "closed":
        yield {
            "at": at(days.today - dt.timedelta(days=20), "18:00"),
            "do": "program.close",
            "merchant": shop.name,
        }
    until = days.last_run if shop.state == "cleared" else days.today
    if shop.state == "closed":
        until = days.today - dt.timedelta(days=21)
    yield from _people_and_orders(shop, place, dice, opened, until)


def _prices(shop: Shop) -> Line:
    """What a shop sells, its first article on sale, with prices for silver, gold and followers, and 满减."""
    catalogue = [
        {
            "sku": sku,
            "list_minor": price,
            "sale_minor": None if place else price * 9 // 10,
            "floor_minor": price // 2,
            "members": {"silver": {"percent": "95"}, "gold": {"percent": "90"}},
            "fans": {"off_minor": price // 50} if place % 2 else None,
        }
        for place, (sku, price) in enumerate(words.GOODS[shop.goods])
    ]
    rewards = [{"at_least_minor": 19_900, "off_minor": 2_000}, {"at_least_minor": 39_900, "off_minor": 5_000}]
    return {"catalogue": catalogue, "spend_and_save": rewards}


def _people_and_orders(
    shop: Shop, place: int, dice: random.Random, opened: dt.date, until: dt.date
) -> Iterator[Line]:
    """Joins thin out over the life; each day's orders of a shop stand together, in its own hour and a half."""
    span = max((until - opened).days, 1)
    joins: dict[int, int] = {}
    for _ in range(shop.members):
        joins_on = int(span * dice.random() ** 1.3)
        joins[joins_on] = joins.get(joins_on, 0) + 1
    joined: list[str] = []
    number = 0
    for offset in range(span):
        day = opened + dt.timedelta(days=offset)
        minute = 60 * 10 + place * 75
        for _ in range(joins.get(offset, 0)):
            name = f"u{place}{len(joined):04d}"
            joined.append(name)
            minute += 1
            phone = f"13{dice.randint(0, 9)}{dice.randint(10_000_000, 99_999_999)}"
            channel = dice.choice(["wechat", "douyin", "web", "pos", "taobao"])
            yield _line(day, minute, shop, "member.join", member=name, phone=phone, channel=channel)
        for _ in range(_poisson(dice, shop.orders_a_day)):
            number += 1
            minute += 1
            buyer = dice.choice(joined) if joined and dice.random() < 0.62 else None
            yield _line(day, minute, shop, "order.put", **_order(shop, place, dice, number, buyer))
            if dice.random() < 0.03:
                minute += 1
                order = f"{place}{number:06d}"
                yield _line(
                    day, minute, shop, "order.refund", order=order, channel="wechat", refund=f"R{order}"
                )


def _order(shop: Shop, place: int, dice: random.Random, number: int, buyer: str | None) -> Line:
    lines = []
    for sku, price in dice.sample(words.GOODS[shop.goods], dice.choice([1, 1, 2, 2, 3])):
        quantity = dice.choice([1, 1, 1, 2])
        lines.append({"sku": sku, "quantity": quantity, "amount_minor": price * quantity})
    return {"order": f"{place}{number:06d}", "channel": "wechat", "member": buyer, "lines": lines}


def _line(day: dt.date, minute: int, shop: Shop, verb: str, **arguments: Any) -> Line:
    minute = min(minute, 60 * 24 - 1)
    return {
        "at": at(day, f"{minute // 60:02d}:{minute % 60:02d}"),
        "do": verb,
        "merchant": shop.name,
        **arguments,
    }


def _poisson(dice: random.Random, mean: float) -> int:
    """A small whole number with this mean."""
    whole = int(mean)
    return max(0, whole + dice.choice([-1, 0, 0, 1]) if whole else 0) + (dice.random() < mean - whole)
