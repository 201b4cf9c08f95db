"""Warnings before a run: which is due, which still count, and whether notice was long enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from benefits.lib.spans import utc
from compliance.lib.calendar import platform_date
from compliance.lib.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class SentWarning:
    """A warning that was delivered: placed in the merchant's inbox at `sent_at`.

    days_before: which of the policy's `warn_days`. danger_at: the program's danger date at sending.
    """

    days_before: int
    sent_at: datetime
    for_run_on: date
    danger_at: datetime


def due_warning(
    policy: Policy,
    run_on: date | None,
    at: datetime,
    sent: Iterable[SentWarning],
    protected_until: datetime | None = None,
) -> int | None:
    """Which warning the compliance job sends at its instant `at`, or None.

    The smallest of `warn_days` that is at least the days left (run date - platform date), unless it or a smaller one
    was sent for that run; larger missed ones are never sent later. `run_on` is the platform day of the threatening
    run, None for a program that is exempt or not open; inside a protection nothing is sent; a pending appeal stops
    nothing. `sent` may hold warnings for other runs.
    """
    if run_on is None or (protected_until is not None and utc(at) < utc(protected_until)):
        return None
    days_left = (run_on - platform_date(at)).days
    due = min((days for days in policy.warn_days if days >= days_left), default=None)
    if due is None or days_left < 0:
        return None
    if any(warning.for_run_on == run_on and warning.days_before <= due for warning in sent):
        return None
    return due


def episode(sent: Iterable[SentWarning], danger_at: datetime, began_at: datetime) -> list[SentWarning]:
    """The warnings of the present at-risk episode, oldest first.

    Those sent after this life or its restoration began (`began_at`: the later of `opened_at` and of the last
    restoration or upheld appeal; a warning of that very instant came before it, as jobs do) whose danger date at
    sending was not earlier than the present one. New cover moves the danger date on and so voids older warnings;
    a deferral, a hold or a refused appeal does not.
    """
    began_at, danger_at = utc(began_at), utc(danger_at)
    standing = (w for w in sent if utc(w.sent_at) > began_at and utc(w.danger_at) >= danger_at)
    return sorted(standing, key=lambda w: (utc(w.sent_at), w.days_before))


def notice_given(warnings: Iterable[SentWarning], run_at: datetime, policy: Policy) -> SentWarning | None:
    """The first warning of an episode delivered at least `min_notice_days` times 24 hours before the run's instant,
    or None. Whichever run it announced: a warning too late for one run serves the next.

    Instants, not days, are compared: "delivered at least 14 days earlier" promises a merchant 14 whole days. A
    warning sent on time, at 04:00 fourteen days before a run at 23:00, gives them; one handed over late that day,
    after 23:00, does not, though the dates are fourteen apart.
    """
    run_at = utc(run_at)
    early = (w for w in warnings if utc(w.sent_at) + policy.min_notice <= run_at)
    return min(early, key=lambda w: utc(w.sent_at), default=None)
