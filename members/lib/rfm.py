"""Scores of recency, frequency and money from 1 to 5 by fifths of the members who bought (domain.md 10).

Looked at are members with an order that counts in the last 365 days. A member's score is one more than the whole
fifths of them that do worse: equal values always have equal scores, so that fifths are of unequal size where many are
equal, and where all are equal everybody scores 1. A later last purchase is better, more orders, more spend.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

WINDOW_DAYS = 365
SCORES = 5


class Bought(NamedTuple):
    """What somebody bought within the window."""

    last_day: date
    orders: int
    spend_minor: int


class Scores(NamedTuple):
    """1 is the worst fifth, 5 the best."""

    recency: int
    frequency: int
    spend: int


def since(today: date) -> date:
    """The first day of the window that ends today."""
    return today - timedelta(days=WINDOW_DAYS - 1)


def scores(bought: Mapping[int, Bought]) -> dict[int, Scores]:
    """The scores of each, by the same keys."""
    ranked = [
        _scored({key: each.last_day.toordinal() for key, each in bought.items()}),
        _scored({key: each.orders for key, each in bought.items()}),
        _scored({key: each.spend_minor for key, each in bought.items()}),
    ]
    return {key: Scores(*(part[key] for part in ranked)) for key in bought}


def _scored(values: Mapping[int, int]) -> dict[int, int]:
    worse: dict[int, int] = {}
    for place, value in enumerate(sorted(values.values())):
        worse.setdefault(value, place)
    return {key: 1 + SCORES * worse[value] // len(values) for key, value in values.items()}
