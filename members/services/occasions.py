"""What happened to members, told in its own transaction to whoever wants to know: other apps, of which this one knows
nothing, say at the start what they do then (docs/architecture.md).

A listener is called with the facts as keywords, after they are written. It writes in the caller's transaction, so that
what it does is there with the fact or not at all; it refuses nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rise:
    """A member reached a tier: once for each member, tier and merchant day (`key`)."""

    member_id: int
    tier: str  # its code
    at: dt.datetime
    key: str


class OnJoined(Protocol):
    """New members, by themselves."""

    def __call__(self, *, merchant_id: int, at: dt.datetime, member_ids: Sequence[int]) -> None: ...


class OnRisen(Protocol):
    """Members who reached tiers by an order or an edit of the rules."""

    def __call__(self, *, merchant_id: int, at: dt.datetime, rises: Sequence[Rise]) -> None: ...


@dataclass(frozen=True, slots=True)
class OrderNow:
    """A member's order as a posting left it. counts: paid and not refunded whole; net_minor: after its refunds."""

    order_id: int
    member_id: int
    channel: str
    counts: bool
    net_minor: int
    paid_at: dt.datetime
    skus: frozenset[str]


class OnOrders(Protocol):
    """Orders of members that are new, changed or refunded. Told only where the program hears of orders."""

    def __call__(self, *, merchant_id: int, at: dt.datetime, orders: Sequence[OrderNow]) -> None: ...


class OnReopened(Protocol):
    """A program that was closed is open again: what it froze moves by so many whole days."""

    def __call__(self, *, merchant_id: int, since: dt.datetime, days: int) -> None: ...


class TierUntil(Protocol):
    """A tier (id) and its last valid day, None for the lowest."""

    @property
    def tier_id(self) -> int: ...
    @property
    def until(self) -> dt.date | None: ...


class OnGiven(Protocol):
    """Members (id) were given tiers by hand, also those whose tier stays. How many facts it changed."""

    def __call__(self, *, merchant_id: int, at: dt.datetime, given: Mapping[int, TierUntil]) -> int: ...


class OnTiersGone(Protocol):
    """An edit of the rules took tiers out, by id, with those that their members move to; told before they move."""

    def __call__(self, *, merchant_id: int, at: dt.datetime, targets: Mapping[int, int]) -> None: ...


_joined: list[OnJoined] = []
_risen: list[OnRisen] = []
_orders: list[OnOrders] = []
_reopened: list[OnReopened] = []
_given: list[OnGiven] = []
_tiers_gone: list[OnTiersGone] = []


def listen(
    *,
    joined: OnJoined | None = None,
    risen: OnRisen | None = None,
    orders: OnOrders | None = None,
    reopened: OnReopened | None = None,
    given: OnGiven | None = None,
    tiers_gone: OnTiersGone | None = None,
) -> None:
    """Register listeners; once per process, from an app's ready()."""
    for known, new in (
        (_joined, joined),
        (_risen, risen),
        (_orders, orders),
        (_reopened, reopened),
        (_given, given),
        (_tiers_gone, tiers_gone),
    ):
        if new is not None and new not in known:
            known.append(new)  # type: ignore[arg-type]


def tell_joined(*, merchant_id: int, at: dt.datetime, member_ids: Sequence[int]) -> None:
    """Tell of new members."""
    for listener in _joined if member_ids else ():
        listener(merchant_id=merchant_id, at=at, member_ids=member_ids)


def tell_risen(*, merchant_id: int, at: dt.datetime, rises: Sequence[Rise]) -> None:
    """Tell of members who reached tiers."""
    for listener in _risen if rises else ():
        listener(merchant_id=merchant_id, at=at, rises=rises)


def tell_orders(*, merchant_id: int, at: dt.datetime, orders: Sequence[OrderNow]) -> None:
    """Tell of orders that were posted."""
    for listener in _orders if orders else ():
        listener(merchant_id=merchant_id, at=at, orders=orders)


def tell_reopened(*, merchant_id: int, since: dt.datetime, days: int) -> None:
    """Tell of a program that is open again."""
    for listener in _reopened:
        listener(merchant_id=merchant_id, since=since, days=days)


def tell_given(*, merchant_id: int, at: dt.datetime, given: Mapping[int, TierUntil]) -> int:
    """Tell of tiers given by hand. How many facts the listeners changed."""
    return sum(
        listener(merchant_id=merchant_id, at=at, given=given) for listener in (_given if given else ())
    )


def tell_tiers_gone(*, merchant_id: int, at: dt.datetime, targets: Mapping[int, int]) -> None:
    """Tell of tiers that an edit took out."""
    for listener in _tiers_gone if targets else ():
        listener(merchant_id=merchant_id, at=at, targets=targets)
