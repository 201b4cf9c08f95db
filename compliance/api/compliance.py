"""The compliance state of the program, with the evidence it rests on."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from rest_framework import serializers

from benefits.lib.scope import CHANNELS
from benefits.lib.usefulness import RULES
from compliance.lib.calendar import PLATFORM_ZONE
from compliance.lib.policy import Policy
from compliance.lib.state import State
from compliance.selectors import standing, status
from compliance.selectors.status import EvidenceRow, Page
from members.api.operations import Answer, Call, Operation
from members.lib.scopes import Scope


class PolicyOut(serializers.Serializer):
    """The version of the rule in force."""

    version = serializers.IntegerField()
    effective_at = serializers.DateTimeField()
    window_days = serializers.IntegerField()
    counting_basis = serializers.CharField()
    uncounted_kinds = serializers.ListField(child=serializers.CharField())
    min_age_months = serializers.IntegerField()
    age_boundary = serializers.CharField()
    min_notice_days = serializers.IntegerField()
    min_cover_days = serializers.IntegerField(
        help_text="A benefit in force for fewer days counts only while it runs."
    )
    max_lead_days = serializers.IntegerField(
        allow_null=True,
        help_text="Publishing counts when force begins within so many days; null is no limit.",
    )
    paper_rules = serializers.ListField(
        child=serializers.ChoiceField(choices=sorted(RULES)),
        help_text="The rules by which a benefit that hardly anybody can use does not count.",
    )
    uncounted_channels = serializers.ListField(
        child=serializers.ChoiceField(choices=list(CHANNELS)),
        help_text="A benefit that is to be had on these channels alone does not count.",
    )
    min_audience = serializers.IntegerField(
        help_text="A benefit for certain members does not count when fewer are meant; 0 is off."
    )


class WarningOut(serializers.Serializer):
    """A warning that was sent."""

    days_before = serializers.IntegerField()
    sent_at = serializers.DateTimeField()
    for_run_on = serializers.DateField()


class StretchOut(serializers.Serializer):
    """Platform days on which a benefit was in force."""

    to = serializers.DateField(allow_null=True, help_text="The day after the last; null is open.")
    counted = serializers.BooleanField()

    def get_fields(self) -> dict[str, Any]:
        """With `from`, which Python has taken."""
        return {"from": serializers.DateField(), **super().get_fields()}


class EvidenceOut(serializers.Serializer):
    """A benefit in the window: whether it counted, and why not."""

    benefit = serializers.CharField(help_text="Id of the benefit.")
    name = serializers.CharField(allow_blank=True)
    kind = serializers.CharField()
    counted = serializers.BooleanField()
    reason = serializers.CharField(
        help_text="`counted`, or why not: `kind`, `stock`, `audience`, `worth`, `short`, `later`, `before`, "
        "`threshold`, `saving`, `scope`, `channel`, `small`."
    )
    days = serializers.IntegerField(help_text="Days of the window that it covered.")
    stretches = StretchOut(many=True)
    configured_at = serializers.ListField(child=serializers.DateTimeField())


class WindowOut(serializers.Serializer):
    """What the rule looks at now."""

    to = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        """With `from`, which Python has taken."""
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class ComplianceOut(serializers.Serializer):
    """How the program stands under the clearance rule. Days are the platform's."""

    state = serializers.ChoiceField(choices=[each.value for each in State])
    at = serializers.DateTimeField(help_text="The instant for which this is true.")
    opened_at = serializers.DateTimeField(allow_null=True)
    danger_at = serializers.DateTimeField(
        allow_null=True, help_text="From when nothing counts in the whole window; null: never, as things are."
    )
    run_on = serializers.DateField(allow_null=True, help_text="The run that threatens the program.")
    run_at = serializers.DateTimeField(allow_null=True)
    days_left = serializers.IntegerField(allow_null=True, help_text="Until that run.")
    is_covered = serializers.BooleanField(help_text="Whether a benefit that counts is in force now.")
    uncovered_days = serializers.IntegerField(allow_null=True)
    protected_until = serializers.DateTimeField(
        allow_null=True, help_text="The end of the protection that a restoration gave."
    )
    reopens_at = serializers.DateTimeField(
        allow_null=True, help_text="From when a cleared program can be opened again."
    )
    policy = PolicyOut()
    qualifying = serializers.ListField(
        child=serializers.CharField(), help_text="Ids of the benefits that count now."
    )
    warnings = WarningOut(many=True)
    window = WindowOut()
    evidence = EvidenceOut(many=True)
    next_runs = serializers.ListField(child=serializers.DateField())


class ReadCompliance(Operation):
    """Read the compliance state.

    State, danger date, the run that threatens the program, the version of the rule, warnings, and each benefit of
    the window with what counted of it. Computed live; always answered, also while the program is closed or cleared.
    """

    scope = Scope.COMPLIANCE_READ
    tag = "Compliance"
    out = ComplianceOut
    statuses: ClassVar = {200: "The state"}

    def answer(self, call: Call) -> Answer:
        """A constant number of queries."""
        merchant_id = call.merchant.pk
        page = status.page(merchant_id=merchant_id, at=call.at)
        banner, window = page.banner, page.window
        return Answer(
            {
                "state": banner.state.value,
                "at": _local(call.at),
                "opened_at": _local(banner.opened_at),
                "danger_at": _local(banner.danger_at),
                "run_on": banner.run.on if banner.run is not None else None,
                "run_at": _local(banner.run_at),
                "days_left": banner.days_left,
                "is_covered": banner.in_force,
                "uncovered_days": banner.uncovered_days,
                "protected_until": _local(banner.restored_until),
                "reopens_at": _local(banner.reopens_at),
                "policy": {
                    "version": banner.version.number,
                    "effective_at": _local(banner.version.effective_from),
                    **_policy(banner.version.policy),
                },
                "qualifying": _qualifying(page),
                "warnings": standing.warnings(merchant_id=merchant_id),
                "window": {"from": _local(window.start), "to": _local(window.end)},
                "evidence": [_evidence(row) for row in page.evidence],
                "next_runs": [run.on for run in page.runs],
            }
        )


def _local(at: dt.datetime | None) -> dt.datetime | None:
    return None if at is None else at.astimezone(PLATFORM_ZONE)


def _policy(policy: Policy) -> dict[str, Any]:
    names = ("window_days", "counting_basis", "uncounted_kinds", "min_age_months", "age_boundary",
             "min_notice_days", "min_cover_days", "max_lead_days", "paper_rules", "uncounted_channels",
             "min_audience")  # fmt: skip
    values = policy.as_json()
    return {name: values[name] for name in names}


def _qualifying(page: Page) -> list[str]:
    return [benefit.public_id for benefit in page.qualifying]


def _evidence(row: EvidenceRow) -> dict[str, Any]:
    return {
        "benefit": row.benefit.public_id,
        "name": row.benefit.name,
        "kind": row.kind,
        "counted": row.counted,
        "reason": row.reason,
        "days": row.days,
        "stretches": [
            {"from": first, "to": after, "counted": counted} for first, after, counted in row.spans
        ],
        "configured_at": [_local(at) for at in row.configured],
    }
