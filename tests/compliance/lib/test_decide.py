"""A decision: the first reason that applies, and the evidence for it."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

import pytest

from compliance.lib.appeals import Appeal
from compliance.lib.danger import Gap
from compliance.lib.decide import Facts, Outcome, Reason, decide
from compliance.lib.policy import Policy, PolicyHistory, PolicyVersion
from compliance.lib.runs import run_of_month
from compliance.lib.state import Status
from compliance.lib.warnings import SentWarning
from tests.compliance.lib.story import shanghai

OPENED = shanghai("2023-10-01")
POLICIES = PolicyHistory([PolicyVersion(number=7, effective_from=OPENED, policy=Policy())])
RUN = run_of_month(POLICIES, date(2024, 6, 1))
DANGER = shanghai("2024-06-18")
TICK = timedelta(microseconds=1)
NOTICE = SentWarning(
    days_before=30, sent_at=shanghai("2024-05-28", "04:00"), for_run_on=RUN.on, danger_at=DANGER
)

BAD = {
    "status": Status.OPEN,
    "first_opened_on": date(2023, 10, 1),
    "gap": Gap(DANGER, None),
    "episode_began_at": OPENED,
    "warnings": (NOTICE,),
}
SAVES = {
    Reason.TOO_YOUNG: {"first_opened_on": date(2023, 12, 27)},
    Reason.COVERED: {"gap": None},
    Reason.EXEMPT: {"is_exempt": True},
    Reason.APPEAL_PENDING: {"appeals": (Appeal(filed_at=shanghai("2024-06-25")),)},
    Reason.PROTECTED: {"protected_until": RUN.at + TICK},
    Reason.NOTICE_TOO_SHORT: {"warnings": ()},
}


def reason(**facts) -> Reason:
    return decide(Facts(**(BAD | facts)), RUN).reason


def test_nothing_against_it_clears():
    decision = decide(Facts(**BAD), RUN)

    assert (decision.outcome, decision.reason) == (Outcome.CLEARED, Reason.UNCOVERED)
    assert decision.evidence.policy_version == 7
    assert decision.evidence.notice_at == NOTICE.sent_at


@pytest.mark.parametrize("present", list(product([False, True], repeat=len(SAVES))))
def test_of_several_reasons_the_first_in_order_is_given(present):
    facts: dict = {}
    for is_there, values in zip(present, SAVES.values(), strict=True):
        facts |= values if is_there else {}

    expected = next((r for r, is_there in zip(SAVES, present, strict=True) if is_there), Reason.UNCOVERED)
    assert reason(**facts) is expected


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (Reason.TOO_YOUNG, "kept"),
        (Reason.COVERED, "kept"),
        (Reason.EXEMPT, "held"),
        (Reason.APPEAL_PENDING, "held"),
        (Reason.PROTECTED, "held"),
        (Reason.NOTICE_TOO_SHORT, "deferred"),
    ],
)
def test_each_reason_has_its_outcome(given, outcome):
    assert decide(Facts(**(BAD | SAVES[given])), RUN).outcome == outcome


def test_the_danger_date_itself_is_uncovered_and_the_return_of_cover_is_covered():
    assert reason(gap=Gap(RUN.at + TICK, None)) is Reason.COVERED
    assert reason(gap=Gap(RUN.at, None), warnings=()) is Reason.NOTICE_TOO_SHORT
    assert reason(gap=Gap(DANGER, RUN.at)) is Reason.COVERED
    assert reason(gap=Gap(DANGER, RUN.at + TICK)) is Reason.UNCOVERED


def test_a_protection_that_ends_at_the_run_protects_no_more():
    assert reason(protected_until=RUN.at) is Reason.UNCOVERED


def test_a_warning_of_an_older_episode_is_no_notice():
    assert reason(gap=Gap(DANGER + TICK, None)) is Reason.NOTICE_TOO_SHORT
    assert reason(episode_began_at=NOTICE.sent_at) is Reason.NOTICE_TOO_SHORT


def test_an_appeal_that_holds_nothing_is_no_reason():
    refused = Appeal(filed_at=shanghai("2024-06-20"), ended_at=shanghai("2024-06-21"))

    assert reason(appeals=(refused, Appeal(filed_at=shanghai("2024-06-25")))) is Reason.UNCOVERED


@pytest.mark.parametrize("status", [Status.DRAFT, Status.CLEARED])
def test_drafts_and_cleared_programs_get_no_row(status):
    assert decide(Facts(**(BAD | {"status": status})), RUN) is None


@pytest.mark.parametrize("saved_by", SAVES)
def test_a_closed_program_gets_a_row_only_when_it_is_cleared(saved_by):
    assert decide(Facts(**(BAD | {"status": Status.CLOSED})), RUN).outcome is Outcome.CLEARED
    assert decide(Facts(**(BAD | {"status": Status.CLOSED} | SAVES[saved_by])), RUN) is None
