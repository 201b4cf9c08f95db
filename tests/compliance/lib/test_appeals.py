"""Which appeals hold a program out of a run."""

from __future__ import annotations

from datetime import timedelta

from compliance.lib.appeals import Appeal, holding_appeal
from compliance.lib.policy import Policy
from tests.compliance.lib.story import shanghai

RUN = shanghai("2024-06-27", "23:00")
TICK = timedelta(microseconds=1)
HOLD = timedelta(days=180)
PENDING = Appeal(filed_at=RUN - timedelta(days=2), number=9)


def test_a_pending_appeal_holds():
    assert holding_appeal([PENDING], RUN, Policy()) == PENDING


def test_filing_at_the_run_is_too_late_and_deciding_at_it_too():
    assert holding_appeal([Appeal(filed_at=RUN)], RUN, Policy()) is None
    assert holding_appeal([Appeal(filed_at=RUN - TICK, ended_at=RUN)], RUN, Policy()) is not None


def test_a_decided_or_withdrawn_appeal_does_not_hold():
    assert holding_appeal([Appeal(filed_at=RUN - HOLD, ended_at=RUN - TICK)], RUN, Policy()) is None


def test_another_appeal_not_upheld_in_the_180_days_before_takes_the_hold_away():
    def refused(filed_at):
        return Appeal(filed_at=filed_at, ended_at=filed_at + timedelta(days=1))

    assert holding_appeal([refused(PENDING.filed_at - HOLD), PENDING], RUN, Policy()) is None
    assert holding_appeal([refused(PENDING.filed_at - HOLD - TICK), PENDING], RUN, Policy()) == PENDING


def test_an_upheld_appeal_takes_nothing_away():
    upheld = Appeal(filed_at=RUN - timedelta(days=9), ended_at=RUN - timedelta(days=8), upheld=True)

    assert holding_appeal([upheld, PENDING], RUN, Policy()) == PENDING


def test_of_two_pending_ones_the_first_holds():
    second = Appeal(filed_at=PENDING.filed_at, number=10)

    assert holding_appeal([second, PENDING], RUN, Policy()) == PENDING
