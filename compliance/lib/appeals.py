"""Which appeals hold a program out of a run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from benefits.lib.spans import utc
from compliance.lib.calendar import platform_date
from compliance.lib.policy import Policy

APPEAL_DAYS = 20  # how old a decision or warning may be when it is appealed
_SATURDAY = 5


def appealable_until(what_at: datetime) -> datetime:
    """Until when a decision or warning of an instant may be appealed: 20 times 24 hours."""
    return what_at + timedelta(days=APPEAL_DAYS)


def may_be_appealed(what_at: datetime, at: datetime) -> bool:
    """Whether a decision or warning of an instant is young enough to be appealed at another."""
    return utc(what_at) <= utc(at) <= utc(appealable_until(what_at))


def decision_due_on(filed_at: datetime, policy: Policy) -> date:
    """The platform day by which an appeal is to be decided: the policy's last working day (Monday to Friday) after
    it, the fifth unless it says otherwise."""
    day, left = platform_date(filed_at), policy.appeal_decision_days
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < _SATURDAY
    return day


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeal:
    """An appeal; `ended_at` is when it was decided or withdrawn (None: pending), `upheld` how."""

    filed_at: datetime
    ended_at: datetime | None = None
    upheld: bool = False
    number: int = 0

    def is_pending(self, due_at: datetime) -> bool:
        """Whether a job due at an instant finds it pending: what is done at that very instant comes after the job."""
        due_at = utc(due_at)
        return utc(self.filed_at) < due_at and (self.ended_at is None or utc(self.ended_at) >= due_at)

    def was_upheld(self, due_at: datetime) -> bool:
        return self.upheld and self.ended_at is not None and utc(self.ended_at) < utc(due_at)


def holding_appeal(appeals: Collection[Appeal], run_at: datetime, policy: Policy) -> Appeal | None:
    """The pending appeal that holds a program out of a run, or None.

    One holds only if no other appeal of the program that was not upheld (refused, withdrawn or pending) was filed in
    the `appeal_hold_days` times 24 hours before it, so that appealing again and again delays nothing.
    """
    hold = timedelta(days=policy.appeal_hold_days)
    for appeal in sorted(appeals, key=lambda a: (utc(a.filed_at), a.number)):
        filed_at = utc(appeal.filed_at)
        spent = any(
            filed_at - hold <= utc(other.filed_at)
            and (utc(other.filed_at), other.number) < (filed_at, appeal.number)
            and not other.was_upheld(run_at)
            for other in appeals
        )
        if appeal.is_pending(run_at) and not spent:
            return appeal
    return None
