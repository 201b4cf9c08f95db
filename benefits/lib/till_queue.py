"""Codes that a till took without a connection: what can come of one, and how far its clock is believed."""

from __future__ import annotations

import datetime as dt

from benefits.lib.entitlements import Why

LONGEST_KEY = 16
OLDEST = dt.timedelta(days=30)
AHEAD = dt.timedelta(minutes=10)  # clocks of phones differ

REDEEMED = "redeemed"
UNKNOWN = "unknown"  # nobody has such a code
ELSEWHERE = "elsewhere"  # its benefit is for other places than the till's
OUTCOMES = (REDEEMED, UNKNOWN, ELSEWHERE, *(why.value for why in Why))


def why_of(outcome: str) -> Why | None:
    """Why it could not be used, where that is a reason that every till tells."""
    return None if outcome in (REDEEMED, UNKNOWN, ELSEWHERE) else Why(outcome)


def believed(taken_at: dt.datetime | None, at: dt.datetime) -> dt.datetime | None:
    """When a till says that it took a code, if its clock can be believed: not after the arrival, not a month before."""
    if taken_at is None or not at - OLDEST <= taken_at <= at + AHEAD:
        return None
    return min(taken_at, at)
