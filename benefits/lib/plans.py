"""Paid membership as pure rules: how long a term lasts, how it stands, and what is paid back (domain.md 9)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from members.lib.periods import add_months, local_instant, merchant_day
from members.lib.refusals import Invalid
from members.lib.words import sentence as _

MOST_FEE_MINOR = 10**12
MOST_MONTHS = 36
WITHDRAWAL_DAYS = 7  # merchant days after that of the sale
MOST_AHEAD_MONTHS = 120  # terms that follow each other reach no further from now
ONE_DAY = dt.timedelta(days=1)


class State(StrEnum):
    """upcoming -> active -> expired | cancelled (runs to its end, then expired) | refunded (ended then)."""

    UPCOMING = "upcoming"
    ACTIVE = "active"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUNDED = "refunded"


class Period(NamedTuple):
    """`[from_at, to_at)`, which ends with a merchant day, and how many merchant days it has, the first included."""

    from_at: dt.datetime
    to_at: dt.datetime
    days: int

    def last_day(self, zone: ZoneInfo) -> dt.date:
        """The last merchant day."""
        return merchant_day(self.to_at, zone) - ONE_DAY


@dataclass(frozen=True, slots=True)
class Term:
    """What decides how a member's term stands. `closed_since`: since when the program is closed, None while open;
    `sold_at`: when it was recorded as sold."""

    from_at: dt.datetime
    to_at: dt.datetime
    days: int
    paid_minor: int
    cancelled_at: dt.datetime | None = None
    refunded_at: dt.datetime | None = None
    closed_since: dt.datetime | None = None
    sold_at: dt.datetime | None = None


def period(*, at: dt.datetime, after: dt.datetime | None, months: int, zone: ZoneInfo) -> Period:
    """The term bought at an instant: from then on, or from the end of the one that still runs (`after`).

    Its first day counts whole; it ends with the day before the same day so many months later, at the merchant's
    midnight. Raises Invalid for terms that reach too far ahead.
    """
    start = max(at, after) if after is not None else at
    first = merchant_day(start, zone)
    end = add_months(first, months)
    check_end(end, at=at, zone=zone)
    return Period(start, local_instant(end, dt.time.min, zone), (end - first).days)


def check_end(end: dt.date, *, at: dt.datetime, zone: ZoneInfo) -> None:
    """Raises Invalid for a term bought now, or moved on by it, whose end (the day after its last) is too far ahead."""
    if end > add_months(merchant_day(at, zone), MOST_AHEAD_MONTHS):
        raise Invalid(_("Terms bought ahead end at most %(most)s months from now.", most=MOST_AHEAD_MONTHS))


def overlap_days(when: Period, next_from: dt.datetime, zone: ZoneInfo) -> int:
    """By how many merchant days the term that begins next has to be moved to follow a new one."""
    return max(0, (merchant_day(when.to_at, zone) - merchant_day(next_from, zone)).days)


def frozen(at: dt.datetime, closed_since: dt.datetime | None) -> dt.datetime:
    """The instant that counts: nothing runs out while the program is not open (domain.md 2)."""
    return at if closed_since is None else min(at, closed_since)


def state_at(term: Term, at: dt.datetime) -> State:
    """How a term stands at an instant."""
    if term.refunded_at is not None and term.refunded_at <= at:
        return State.REFUNDED
    now = frozen(at, term.closed_since)
    if term.to_at <= now:
        return State.EXPIRED
    if term.cancelled_at is not None and term.cancelled_at <= at:
        return State.CANCELLED
    return State.UPCOMING if term.from_at > now else State.ACTIVE


def days_left(term: Term, at: dt.datetime, zone: ZoneInfo) -> int:
    """The merchant days of a term that are left, the present one included; while the program is not open, those that
    were left when it closed."""
    now = frozen(at, term.closed_since)
    if term.from_at > now:
        return term.days
    left = (merchant_day(term.to_at, zone) - merchant_day(now, zone)).days
    return max(0, min(left, term.days))


def may_withdraw(term: Term, at: dt.datetime, zone: ZoneInfo) -> bool:
    """Whether the buyer may still step back from the sale: to the seventh merchant day after its own (domain.md 9:
    seven days to withdraw). While the program is not open that does not run out."""
    if term.sold_at is None:
        return False
    now = frozen(at, term.closed_since)
    return (merchant_day(now, zone) - merchant_day(term.sold_at, zone)).days <= WITHDRAWAL_DAYS


def refund_minor(*, paid_minor: int, days: int, left: int, is_withdrawn: bool = False) -> int:
    """What is paid back of a fee: its share by days left, half up to the minor unit, never more than what was paid; the
    whole where the buyer steps back from the sale (`may_withdraw`).

    Raises ValueError for days that cannot be.
    """
    if days < 1 or left < 0 or paid_minor < 0:
        raise ValueError(f"no share: {paid_minor} by {left} of {days} days")
    if is_withdrawn:
        return paid_minor
    return min(paid_minor, (2 * paid_minor * left + days) // (2 * days))


def owed_minor(term: Term, at: dt.datetime, zone: ZoneInfo) -> int:
    """What would be paid back if the term were refunded at an instant."""
    return refund_minor(
        paid_minor=term.paid_minor,
        days=term.days,
        left=days_left(term, at, zone),
        is_withdrawn=may_withdraw(term, at, zone),
    )
