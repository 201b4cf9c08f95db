"""States, outcomes and runs in words and colours, for the platform's pages."""

from __future__ import annotations

from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from compliance.lib.state import State
from compliance.models import Appeal, AppealState, Decision, Preview, PreviewState, Run, RunState
from members.admin.base import chip

STATES: dict[State, tuple[str, Any]] = {
    State.DRAFT: ("neutral", _("Draft")),
    State.CLOSED: ("neutral", _("Closed by the merchant")),
    State.APPEALING: ("info", _("Appeal pending")),
    State.CLEARED: ("critical", _("Closed by a clearance")),
    State.RESTORED: ("success", _("Restored")),
    State.FINAL_NOTICE: ("critical", _("Final notice")),
    State.AT_RISK: ("warning", _("At risk")),
    State.OBSERVING: ("info", _("Observed")),
    State.OPEN: ("success", _("In good standing")),
}
OUTCOMES = {"cleared": "critical", "kept": "success", "deferred": "warning", "held": "info"}
RUN_STATES = {
    RunState.PLANNED: "neutral",
    RunState.BRAKED: "critical",
    RunState.RUNNING: "info",
    RunState.PAUSED: "warning",
    RunState.DONE: "success",
    RunState.UNDONE: "neutral",
    RunState.STOPPED: "warning",
}
APPEAL_STATES = {
    AppealState.OPEN: "info",
    AppealState.UPHELD: "success",
    AppealState.REFUSED: "critical",
    AppealState.WITHDRAWN: "neutral",
}
PREVIEW_STATES = {
    PreviewState.QUEUED: "neutral",
    PreviewState.WORKING: "info",
    PreviewState.DONE: "success",
    PreviewState.FAILED: "critical",
    PreviewState.STOPPED: "neutral",
}
BRAKES = {
    "share": _("It would clear more than the policy's share of the eligible programs."),
    "jump": _("It would clear more than three times as many programs as the last run that cleared any."),
}
COUNTED = {
    "eligible": _("Eligible"),
    "cleared": _("Cleared"),
    "kept": _("Kept"),
    "deferred": _("Deferred"),
    "held": _("Held"),
}
EVIDENCE = {
    "counted": _("Counts"),
    "kind": _("This kind never counts"),
    "stock": _("Nothing left in stock"),
    "audience": _("Nobody is in its audience"),
    "worth": _("It gives members nothing"),
    "threshold": _("Threshold above 95 of 100 orders"),
    "saving": _("Saves under 1 %"),
    "scope": _("No sellable SKU"),
    "channel": _("On no counted channel"),
    "small": _("Audience too small"),
    "short": _("Too short: counts only while it runs"),
    "later": _("Not in force yet"),
    "before": _("Not in force in the window"),
}


def state_chip(state: State | None) -> str | SafeString:
    """A program's state."""
    return "--" if state is None else chip(*STATES[state])


def outcome_chip(row: Decision) -> SafeString:
    """A decision's outcome."""
    return chip(OUTCOMES.get(row.outcome, "neutral"), row.get_outcome_display())


def run_chip(row: Run) -> SafeString:
    """A run's state."""
    return chip(RUN_STATES.get(RunState(row.state), "neutral"), row.get_state_display())


def preview_chip(row: Preview) -> SafeString:
    """A preview's state."""
    return chip(PREVIEW_STATES.get(PreviewState(row.state), "neutral"), row.get_state_display())


def appeal_chip(row: Appeal) -> SafeString:
    """An appeal's state."""
    return chip(APPEAL_STATES.get(AppealState(row.state), "neutral"), row.get_state_display())
