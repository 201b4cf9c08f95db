"""The decision of one program at one run: outcome, reason and the evidence from which it can be replayed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from benefits.lib.spans import utc
from compliance.lib import rules
from compliance.lib.appeals import Appeal, holding_appeal
from compliance.lib.danger import Gap, old_enough_on
from compliance.lib.runs import Run
from compliance.lib.state import Status
from compliance.lib.warnings import SentWarning, episode, notice_given


class Outcome(StrEnum):
    CLEARED = "cleared"
    KEPT = "kept"
    DEFERRED = "deferred"
    HELD = "held"


class Reason(StrEnum):
    """Why, in the order in which they are looked for: the first that applies is the reason."""

    TOO_YOUNG = "too_young"
    COVERED = "covered"
    EXEMPT = "exempt"
    APPEAL_PENDING = "appeal_pending"
    PROTECTED = "protected"
    HELD_OUT = "held_out"
    NOTICE_TOO_SHORT = "notice_too_short"
    UNCOVERED = "uncovered"


OUTCOMES = {
    Reason.TOO_YOUNG: Outcome.KEPT,
    Reason.COVERED: Outcome.KEPT,
    Reason.EXEMPT: Outcome.HELD,
    Reason.APPEAL_PENDING: Outcome.HELD,
    Reason.PROTECTED: Outcome.HELD,
    Reason.HELD_OUT: Outcome.HELD,
    Reason.NOTICE_TOO_SHORT: Outcome.DEFERRED,
    Reason.UNCOVERED: Outcome.CLEARED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A program as a run at instant `at` may know it: what was done before that instant, nothing done at it.

    gap: from `danger_gap` at the run's instant, or the stored row that is true then. warnings: of any run and life.
    episode_began_at: the later of `opened_at` and the last restoration or upheld appeal.
    held_out_at: when a person held the program out of this very run; one held out of a run that waits for approval
        is so also after the run's instant, until it goes on.
    """

    status: Status
    first_opened_on: date
    gap: Gap | None
    episode_began_at: datetime
    is_exempt: bool = False
    protected_until: datetime | None = None
    held_out_at: datetime | None = None
    appeals: Collection[Appeal] = ()
    warnings: Collection[SentWarning] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a decision rests on, one typed column each. All is filled in, whatever the reason was.

    old_enough_on: first platform day on which the age holds. danger_at: null when cover never ends; later than the
    run when covered. appeal_filed_at: of the appeal that holds it. notice_at: when the warning was delivered that
    gives notice; null while covered. last_warned_at: the episode's latest warning, long enough before or not.
    """

    policy_version: int
    old_enough_on: date
    danger_at: datetime | None
    safe_again_at: datetime | None
    is_exempt: bool
    appeal_filed_at: datetime | None
    protected_until: datetime | None
    notice_at: datetime | None
    last_warned_at: datetime | None
    held_out_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    outcome: Outcome
    reason: Reason
    evidence: Evidence


def decide(facts: Facts, run: Run, revision: int = rules.REVISION) -> Decision | None:
    """The decision of a program at a run, under the version in force at it; None when it gets no row.

    revision: the reading of the rules (`compliance.lib.rules`).

    Open programs get exactly one row. A program that its merchant has closed gets one only when it is cleared, so
    closing for the night escapes nothing; drafts and cleared programs get none.
    """
    if facts.status not in (Status.OPEN, Status.CLOSED):
        return None
    evidence = _evidence(facts, run, revision)
    reason = _reason(facts, run, evidence)
    if facts.status is Status.CLOSED and OUTCOMES[reason] is not Outcome.CLEARED:
        return None
    return Decision(outcome=OUTCOMES[reason], reason=reason, evidence=evidence)


def _reason(facts: Facts, run: Run, evidence: Evidence) -> Reason:
    if run.on < evidence.old_enough_on:
        return Reason.TOO_YOUNG
    if facts.gap is None or not facts.gap.holds(run.at):
        return Reason.COVERED
    if facts.is_exempt:
        return Reason.EXEMPT
    if evidence.appeal_filed_at is not None:
        return Reason.APPEAL_PENDING
    if facts.protected_until is not None and run.at < utc(facts.protected_until):
        return Reason.PROTECTED
    if evidence.held_out_at is not None:
        return Reason.HELD_OUT
    if evidence.notice_at is None:
        return Reason.NOTICE_TOO_SHORT
    return Reason.UNCOVERED


def _evidence(facts: Facts, run: Run, revision: int) -> Evidence:
    policy = run.version.policy
    appeal = holding_appeal(facts.appeals, run.at, policy)
    warned: list[SentWarning] = []
    if facts.gap is not None and facts.gap.holds(run.at):
        sent = [warning for warning in facts.warnings if utc(warning.sent_at) < run.at]
        warned = episode(sent, facts.gap.danger_at, facts.episode_began_at)
    notice = notice_given(warned, run.at, policy)
    return Evidence(
        policy_version=run.version.number,
        old_enough_on=old_enough_on(facts.first_opened_on, policy),
        danger_at=None if facts.gap is None else facts.gap.danger_at,
        safe_again_at=None if facts.gap is None else facts.gap.safe_again_at,
        is_exempt=facts.is_exempt,
        appeal_filed_at=None if appeal is None else utc(appeal.filed_at),
        protected_until=facts.protected_until,
        notice_at=None if notice is None else utc(notice.sent_at),
        last_warned_at=utc(warned[-1].sent_at) if warned else None,
        held_out_at=facts.held_out_at if rules.knows_hold_outs(revision) else None,
    )
