"""The state shown to a merchant: the first that fits, computed at the instant asked, days by platform date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from benefits.lib.spans import utc
from compliance.lib.calendar import platform_date
from compliance.lib.danger import is_young
from compliance.lib.policy import Policy


class Status(StrEnum):
    """The life of a program (domain.md 2)."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    CLEARED = "cleared"


class State(StrEnum):
    """What a merchant sees, in the order in which they are tried."""

    DRAFT = "draft"
    CLOSED = "closed"
    APPEALING = "appealing"
    CLEARED = "cleared"
    RESTORED = "restored"
    FINAL_NOTICE = "final_notice"
    AT_RISK = "at_risk"
    OBSERVING = "observing"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the state is read from.

    has_pending_appeal: any pending one, also one that holds the program out of no run.
    restored_until: end of the protection that a restoration after a clearance gave (not of one that an appeal upheld
    against a warning gave); run_on: platform day of the threatening run; in_force and uncovered_since: as in
    `Assessment`; first_opened_on: None for a draft.
    """

    status: Status
    has_pending_appeal: bool = False
    restored_until: datetime | None = None
    run_on: date | None = None
    in_force: bool = False
    uncovered_since: datetime | None = None
    first_opened_on: date | None = None


def shown_state(standing: Standing, policy: Policy, at: datetime) -> State:
    """The first state that fits at an instant, under the policy in force at it."""
    today = platform_date(at)
    if standing.status is Status.DRAFT:
        return State.DRAFT
    if standing.status is Status.CLOSED:
        return State.CLOSED
    if standing.has_pending_appeal:
        return State.APPEALING
    if standing.status is Status.CLEARED:
        return State.CLEARED
    if standing.restored_until is not None and utc(at) < utc(standing.restored_until):
        return State.RESTORED
    if standing.run_on is not None:
        days_left = (standing.run_on - today).days
        if days_left <= policy.final_notice_days:
            return State.FINAL_NOTICE
        if days_left <= policy.at_risk_days:
            return State.AT_RISK
    return State.OBSERVING if _is_observed(standing, policy, at) else State.OPEN


def _is_observed(standing: Standing, policy: Policy, at: datetime) -> bool:
    """Uncovered for `observing_days`, or younger than half a year with nothing qualifying in force."""
    days = uncovered_days(standing.uncovered_since, at)
    if days is not None and days >= policy.observing_days:
        return True
    young = standing.first_opened_on is not None and is_young(standing.first_opened_on, policy, at)
    return young and not standing.in_force


def uncovered_days(since: datetime | None, at: datetime) -> int | None:
    """Platform days since anything last qualified ("no qualifying benefit for n days"); None while covered."""
    return None if since is None else (platform_date(at) - platform_date(since)).days
