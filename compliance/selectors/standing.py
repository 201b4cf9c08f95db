"""How a program stands: computed live for one, counted from stored standings for all (domain.md 3)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection

from benefits.models import Benefit
from benefits.selectors import coverage
from compliance.lib import state as states
from compliance.lib.calendar import PLATFORM_ZONE, platform_date
from compliance.lib.policy import AgeBoundary, Policy
from compliance.lib.state import State, Status
from compliance.models import Notice
from compliance.selectors import facts, policies
from compliance.selectors.facts import Facts


def find(*, merchant_id: int, at: dt.datetime) -> Facts | None:
    """Everything known of a program at an instant; None while it is a draft."""
    ground = facts.ground(policies.history())
    return next(iter(facts.load([merchant_id], ground=ground, at=at)), None)


def as_rule(found: Facts) -> states.Standing:
    """The facts as the state is read from them."""
    is_open = found.status == Status.OPEN
    run = found.threat if is_open else None
    return states.Standing(
        status=Status(found.status),
        has_pending_appeal=found.has_pending_appeal,
        restored_until=found.restored_until,
        run_on=None if run is None else run.on,
        in_force=found.assessment.in_force,
        uncovered_since=found.assessment.uncovered_since,
        first_opened_on=found.first_opened_on,
    )


def state_of(found: Facts | None) -> State:
    """The state shown to the merchant."""
    if found is None:
        return State.DRAFT
    return states.shown_state(as_rule(found), found.policy, found.at)


def qualifying(*, merchant_id: int, at: dt.datetime, policy: Policy) -> list[Benefit]:
    """The benefits in force at an instant whose kind the policy counts, in order of publication."""
    live = coverage.in_force(merchant_id=merchant_id, at=at)
    return [benefit for benefit, kind, doubts in live if policy.counts(kind, doubts)]


def show(*, merchant_id: int, at: dt.datetime) -> dict[str, Any]:
    """State, dates, benefits that qualify and warnings at an instant, as play.md shows them.

    qualifying: benefit ids. Instants are in the platform's zone, whose days count.
    """
    found = find(merchant_id=merchant_id, at=at)
    is_open = found is not None and found.status == Status.OPEN
    run = found.threat if found is not None and is_open else None
    return {
        "state": state_of(found).value,
        "opened_at": _local(None if found is None else found.opened_at),
        "danger_at": _local(found.assessment.danger_at if found is not None and is_open else None),
        "run_on": None if run is None else run.on,
        "qualifying": (
            [each.pk for each in qualifying(merchant_id=merchant_id, at=at, policy=found.policy)]
            if found is not None and is_open
            else []
        ),
        "warnings": warnings(merchant_id=merchant_id),
    }


def warnings(*, merchant_id: int) -> list[dict[str, Any]]:
    """The warnings sent so far, oldest first, as play.md shows them. One query."""
    return [
        {"days_before": row.days_before, "sent_at": _local(row.sent_at), "for_run_on": row.for_run_on}
        for row in Notice.objects.of(merchant_id).order_by("sent_at", "id")
    ]


def _local(at: dt.datetime | None) -> dt.datetime | None:
    return None if at is None else at.astimezone(PLATFORM_ZONE)


# compliance.lib.state.shown_state over stored standings; tested equal.
STATES = """
select case
    when p.status = 'draft' then 'draft'
    when p.status = 'closed' then 'closed'
    when exists (
        select from compliance_appeal a where a.merchant_id = p.merchant_id and a.filed_at <= %(at)s
            and (a.ended_at is null or a.ended_at > %(at)s)
    ) then 'appealing'
    when p.status = 'cleared' then 'cleared'
    when %(at)s < s.restored_until then 'restored'
    when s.run_on - %(today)s::date <= %(final)s then 'final_notice'
    when s.run_on - %(today)s::date <= %(risk)s then 'at_risk'
    when %(today)s::date - (s.uncovered_since at time zone %(zone)s)::date >= %(observing)s then 'observing'
    when not s.in_force and %(today)s::date < (s.first_opened_on + make_interval(months => %(months)s))::date
        + %(over)s then 'observing'
    else 'open'
end as state, p.merchant_id
from members_program p left join compliance_standing s using (merchant_id)
"""


def _state_values(at: dt.datetime, policy: Policy | None) -> dict[str, Any]:
    policy = policy or policies.current(at=at).policy
    return {
        "at": at,
        "today": platform_date(at),
        "zone": PLATFORM_ZONE.key,
        "final": policy.final_notice_days,
        "risk": policy.at_risk_days,
        "observing": policy.observing_days,
        "months": policy.min_age_months,
        "over": 1 if policy.age_boundary is AgeBoundary.OVER else 0,
    }


def counts_by_state(*, at: dt.datetime, policy: Policy | None = None) -> dict[str, int]:
    """Programs by state, from standings that are true of `at`, under the policy in force. Works as platform."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select state, count(*) from ({STATES}) found group by state order by state",
            _state_values(at, policy),
        )
        return dict(cursor.fetchall())


def states_of(merchant_ids: list[int], *, at: dt.datetime) -> dict[int, State]:
    """The state of some programs from their stored standings, for lists. Works as platform."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{STATES} where p.merchant_id = any(%(ids)s)",
            _state_values(at, None) | {"ids": list(merchant_ids)},
        )
        return {merchant_id: State(state) for state, merchant_id in cursor.fetchall()}
