"""A member's right to a benefit: its states, how long and how often it can be used, and why it cannot (domain.md 8)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from benefits.lib.kinds import Kind

UNDO = dt.timedelta(minutes=10)
RESERVE_MINUTES = 15
MOST_RESERVE_MINUTES = 60 * 24
CLAIMS = 1  # of each member, where a benefit sets no limit for one member


class State(StrEnum):
    """issued -> reserved -> redeemed | released | expired | revoked. A released one can be used as an issued one; one
    with uses left is issued again after a redemption."""

    ISSUED = "issued"
    RESERVED = "reserved"
    RELEASED = "released"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    REVOKED = "revoked"


OPEN = (State.ISSUED, State.RESERVED, State.RELEASED)


class Why(StrEnum):
    """Why an entitlement cannot be used now, in the order in which it is asked."""

    REVOKED = "revoked"
    USED = "used"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    LEFT = "left"
    CLEARED = "cleared"
    CLOSED = "closed"
    ENDED = "ended"
    PAUSED = "paused"
    RESERVED = "reserved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that decides whether an entitlement can be used at an instant.

    `valid_until` is the first instant without it, None open. benefit_status, benefit_to: of the benefit now;
    program: its status, closed_since: since when it is not open (then nothing expires).
    """

    state: str
    uses_left: int
    valid_from: dt.datetime
    valid_until: dt.datetime | None
    reserved_until: dt.datetime | None
    is_paid: bool
    benefit_status: str
    benefit_to: dt.datetime | None
    program: str
    closed_since: dt.datetime | None
    is_member: bool = True


def is_reserved(standing: Standing, at: dt.datetime) -> bool:
    """Whether a reservation holds; one whose time is over ended by itself."""
    return standing.state == State.RESERVED and (
        standing.reserved_until is not None and standing.reserved_until > at
    )


def is_expired(standing: Standing, at: dt.datetime) -> bool:
    """Whether its time is over: nothing expires while the program is not open (domain.md 2)."""
    frozen = at if standing.closed_since is None else min(at, standing.closed_since)
    return standing.valid_until is not None and standing.valid_until <= frozen


def state_at(standing: Standing, at: dt.datetime) -> State:
    """Its state as it is now: a reservation or a validity whose time is over has ended, whoever looked last."""
    state = State(standing.state)
    if state in OPEN and is_expired(standing, at):
        return State.EXPIRED
    return State.RELEASED if state is State.RESERVED and not is_reserved(standing, at) else state


def why_not(standing: Standing, at: dt.datetime, *, has_reservation: bool = False) -> Why | None:
    """Why it cannot be used at an instant; None when it can. `has_reservation`: by whoever reserved it."""
    if standing.state == State.REVOKED:
        return Why.REVOKED
    if standing.state == State.REDEEMED or standing.uses_left <= 0:
        return Why.USED
    if standing.state == State.EXPIRED or is_expired(standing, at):
        return Why.EXPIRED
    if standing.valid_from > at:
        return Why.NOT_YET
    if not standing.is_paid and (unpaid := _unpaid(standing, at)):
        return unpaid
    return Why.RESERVED if is_reserved(standing, at) and not has_reservation else None


def _unpaid(standing: Standing, at: dt.datetime) -> Why | None:
    """What stops a right that the member gave nothing for."""
    if not standing.is_member:
        return Why.LEFT
    if standing.program != "open":
        return Why.CLEARED if standing.program == "cleared" else Why.CLOSED
    if standing.benefit_status == "ended" or (standing.benefit_to is not None and standing.benefit_to <= at):
        return Why.ENDED
    return Why.PAUSED if standing.benefit_status == "paused" else None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a benefit's settings say of one entitlement. Money in minor units, None without a bound."""

    uses: int
    valid_days: int | None
    worth_minor: int | None
    per_day: int | None
    per_month: int | None
    per_life: int | None
    budget_minor: int | None

    @property
    def has_member_limit(self) -> bool:
        """Whether what a member got before matters."""
        return not (self.per_day is None and self.per_month is None and self.per_life is None)

    @property
    def promised_minor(self) -> int:
        """What one entitlement takes from a budget."""
        return (self.worth_minor or 0) * self.uses


def terms_of(kind: Kind, settings: Mapping[str, Any], *, is_claim: bool = False) -> Terms:
    """The terms of a kind's settings; who claims by themselves does so once where no limit for one member is set.

    `per_month` of kinds that know it (free returns twice a month) is a limit per member and month by another name.
    """
    day, month, life = (settings.get(f"per_member_{name}") for name in ("day", "month", "life"))
    month = month if month is not None else settings.get("per_month")
    if is_claim and day is None and month is None and life is None:
        life = CLAIMS
    return Terms(
        uses=settings.get("uses") or 1,
        valid_days=settings.get("valid_days"),
        worth_minor=kind.worth_minor(settings),
        per_day=day,
        per_month=month,
        per_life=life,
        budget_minor=settings.get("budget_minor"),
    )
