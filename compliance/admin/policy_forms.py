"""The form of a new policy version: checked by the rule's own class, filled from the version in force."""

from __future__ import annotations

import datetime as dt
import unicodedata
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds import KINDS, label_of
from benefits.lib.scope import CHANNELS, channel_names
from benefits.lib.usefulness import AUDIENCE_STEPS
from compliance.lib.calendar import PLATFORM_ZONE, platform_date, start_of
from compliance.lib.policy import PUBLIC, AgeBoundary, CountingBasis, Policy, check_start, check_version
from compliance.models import Policy as PolicyRow
from members.admin.base import NOTHING
from members.lib.refusals import Invalid

MOST_DAYS = 36_500
ASKED_LATER = "the reason for an early start is asked for when the version is published"
PAPER_RULES = {
    "threshold": _("Threshold above what 95 of 100 orders of 90 days came to"),
    "saving": _("Saves under 1 %"),
    "scope": _("No sellable SKU"),
}


def column(name: str) -> Any:
    """The column of a setting."""
    return PolicyRow._meta.get_field(name)


def label(name: str) -> str:
    """A setting in words."""
    return capfirst(str(column(name).verbose_name))


def shown(name: str, value: Any) -> str:
    """A setting's value in words, from its JSON form."""
    if value is None:
        return str(_("no limit"))
    if name == "uncounted_kinds":
        return ", ".join(str(label_of(kind)) for kind in value) or NOTHING
    if name == "uncounted_channels":
        return channel_names(value) or NOTHING
    if name == "paper_rules":
        return ", ".join(str(PAPER_RULES[rule]) for rule in value) or NOTHING
    if name == "warn_days":
        return ", ".join(str(days) for days in value) or NOTHING
    if name == "max_clear_share":
        return percent(Decimal(value))
    choices = dict(column(name).flatchoices)
    return str(choices.get(value, value))


def percent(share: Decimal) -> str:
    """A share as a per cent, exactly."""
    text = f"{(share * 100).normalize():f}"
    return f"{text}%"


def differences(before: Policy, after: Policy) -> list[tuple[str, str, str]]:
    """(setting, before, after) in words, for the settings that differ."""
    old, new = before.as_json(), after.as_json()
    names = after.changes_from(before)
    return [(label(name), shown(name, old[name]), shown(name, new[name])) for name in names]


def clean_text(text: str) -> str:
    """Full-width digits and signs as plain ones, without spaces around."""
    return unicodedata.normalize("NFKC", text).strip()


def _days(name: str, help_text: Any = "", **arguments: Any) -> forms.IntegerField:
    widget = forms.TextInput(attrs={"inputmode": "numeric", "class": "vIntegerField"})
    return forms.IntegerField(
        label=column(name).verbose_name,
        min_value=arguments.pop("least", 0),
        max_value=MOST_DAYS,
        widget=widget,
        help_text=help_text,
        **arguments,
    )


class VersionForm(forms.Form):
    """A new version of a rule: why it changes, and the typed confirmation."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        help_text=_("Why the rule changes. It stays with the version for ever."),
        widget=forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
    )
    confirm = forms.CharField(
        label=_("Confirmation"), required=False, widget=forms.TextInput(attrs={"class": "vTextField"})
    )


class PolicyForm(VersionForm):
    """Every setting of a version, from when it is in force, and why."""

    effective_at = forms.DateTimeField(
        label=_("In force from"),
        required=False,
        help_text=_(
            "Like 2026-07-01 00:00, Beijing time; 7 days from now at the earliest. Left empty: at once."
        ),
        widget=forms.DateTimeInput(attrs={"class": "vTextField", "placeholder": "2026-07-01 00:00"}),
    )
    early_reason = forms.CharField(
        label=column("early_reason").verbose_name,
        required=False,
        max_length=500,
        help_text=_(
            "Needed only for a start sooner than 7 days from now. Merchants read it beside the version."
        ),
        widget=forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
    )
    window_days = _days("window_days", least=1)
    counting_basis = forms.ChoiceField(
        label=column("counting_basis").verbose_name,
        choices=column("counting_basis").choices,
    )
    uncounted_kinds = forms.MultipleChoiceField(
        label=column("uncounted_kinds").verbose_name,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    paper_rules = forms.MultipleChoiceField(
        label=column("paper_rules").verbose_name,
        choices=list(PAPER_RULES.items()),
        required=False,
        help_text=_(
            "Benefits that do not count although somebody could use them, as measured when published."
        ),
        widget=forms.CheckboxSelectMultiple,
    )
    uncounted_channels = forms.MultipleChoiceField(
        label=column("uncounted_channels").verbose_name,
        choices=list(CHANNELS.items()),
        required=False,
        help_text=_("A benefit that is to be had on these channels alone does not count."),
        widget=forms.CheckboxSelectMultiple,
    )
    min_audience = forms.TypedChoiceField(
        label=column("min_audience").verbose_name,
        choices=[(0, _("No limit")), *((step, str(step)) for step in AUDIENCE_STEPS)],
        coerce=int,
        help_text=_("A benefit for certain tiers or segments counts only if so many are in them."),
    )
    min_cover_days = _days("min_cover_days", _("A shorter stretch counts only while it runs."))
    max_lead_days = _days("max_lead_days", _("Left empty: no limit."), required=False)
    min_age_months = _days("min_age_months")
    age_boundary = forms.ChoiceField(
        label=column("age_boundary").verbose_name,
        choices=column("age_boundary").choices,
    )
    min_notice_days = _days("min_notice_days")
    warn_days = forms.CharField(
        label=column("warn_days").verbose_name,
        required=False,
        help_text=_("Whole numbers with commas between them, like 30, 14, 7, 3, 1."),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )
    at_risk_days = _days("at_risk_days")
    final_notice_days = _days("final_notice_days")
    observing_days = _days("observing_days")
    first_run_on = forms.DateField(
        label=column("first_run_on").verbose_name,
        help_text=_("A day, like 2026-06-30; then the last day of every month after."),
        widget=forms.DateInput(attrs={"class": "vTextField"}),
    )
    max_clear_share = forms.CharField(
        label=column("max_clear_share").verbose_name,
        help_text=_(
            "Per cent of the eligible programs. An automatic run that would clear more waits for a person."
        ),
        widget=forms.TextInput(attrs={"class": "vIntegerField", "inputmode": "decimal"}),
    )
    protection_days = _days("protection_days")
    reopen_wait_days = _days("reopen_wait_days")
    appeal_hold_days = _days("appeal_hold_days")
    appeal_decision_days = _days("appeal_decision_days", least=1)
    closes_on = forms.DateField(
        label=_("Comments until"),
        required=False,
        help_text=_("A day, like 2026-06-30: merchants can read the draft and comment on it until its end."),
        widget=forms.DateInput(attrs={"class": "vTextField"}),
    )

    GROUPS = (
        (_("Version"), ("effective_at", "reason", "early_reason")),
        (
            _("What counts"),
            (
                "window_days",
                "counting_basis",
                "uncounted_kinds",
                "paper_rules",
                "uncounted_channels",
                "min_audience",
                "min_cover_days",
                "max_lead_days",
            ),
        ),
        (_("Age"), ("min_age_months", "age_boundary")),
        (
            _("Warnings"),
            ("min_notice_days", "warn_days", "at_risk_days", "final_notice_days", "observing_days"),
        ),
        (_("Runs"), ("first_run_on", "max_clear_share")),
        (
            _("After a clearance"),
            ("protection_days", "reopen_wait_days", "appeal_hold_days", "appeal_decision_days"),
        ),
    )

    def __init__(
        self, data: Any = None, *, at: dt.datetime, current: Policy, latest: dt.datetime, filled: Policy
    ) -> None:
        """current: the rule in force. latest: the latest start of the versions that exist. filled: what the form shows
        first."""
        self.at, self.current, self.latest = at, current, latest
        starts = {"effective_at": earliest_start(at, latest)}
        super().__init__(data, initial=starts | initial_of(filled))
        kinds = sorted({*KINDS, *current.uncounted_kinds})
        field = self.fields["uncounted_kinds"]
        field.choices = [(kind, label_of(kind)) for kind in kinds]  # type: ignore[attr-defined]

    def groups(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """The fields by topic."""
        return [(title, [self[name] for name in names]) for title, names in self.GROUPS]

    def clean_effective_at(self) -> dt.datetime:
        """Now, where it is left empty; when it may be the rule says."""
        return self.cleaned_data["effective_at"] or self.at

    def clean_warn_days(self) -> list[int]:
        """Whole numbers."""
        parts = [
            part
            for part in clean_text(self.cleaned_data["warn_days"]).replace("、", ",").split(",")
            if part.strip()
        ]
        try:
            return [int(part) for part in parts]
        except ValueError:
            raise forms.ValidationError(_("Write whole numbers with commas between them.")) from None

    def clean_max_clear_share(self) -> str:
        """A per cent from 0 to 100 as a share."""
        text = clean_text(self.cleaned_data["max_clear_share"]).rstrip("%").strip()
        try:
            share = Decimal(text) / 100
        except InvalidOperation:
            raise forms.ValidationError(_("Write a per cent, like 5.")) from None
        if not share.is_finite() or not 0 <= share <= 1:
            raise forms.ValidationError(_("Write a per cent from 0 to 100."))
        if share != round(share, 8):
            raise forms.ValidationError(_("Write at most six digits after the point."))
        return str(share)

    def clean(self) -> dict[str, Any]:
        """The rule's own checks, each at its field."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                self.policy = self.current.changed(self.values)
            except ValueError as error:
                name, _colon, text = str(error).partition(": ")
                self.add_error(name if name in self.fields else None, text or str(error))
            else:
                self._check_version()
        return cleaned

    def _check_version(self) -> None:
        told = self.cleaned_data["early_reason"] if "publish" in self.data else ASKED_LATER
        try:
            check_version(self.policy, self.current)
            check_start(
                at=self.at,
                effective_at=self.cleaned_data["effective_at"],
                latest=self.latest,
                early_reason=told,
            )
        except Invalid as refusal:
            for name, text in refusal.errors.items():
                self.add_error(name, str(text))

    def values_against(self, base: Policy) -> dict[str, Any]:
        """The settings that differ from a version, as `set_policy` takes them."""
        return {name: self.cleaned_data[name] for name in self.policy.changes_from(base)}

    @property
    def values(self) -> dict[str, Any]:
        """Every setting as a policy takes it."""
        names = Policy.__dataclass_fields__
        return {name: self.cleaned_data[name] for name in names}


def earliest_start(at: dt.datetime, latest: dt.datetime) -> str:
    """The first platform midnight at which a version may start without a reason, as the form writes it."""
    after = max(at + PUBLIC, latest)
    start = start_of(platform_date(after))
    first = start if start >= after else start_of(platform_date(after) + dt.timedelta(days=1))
    return first.astimezone(PLATFORM_ZONE).strftime("%Y-%m-%d %H:%M")


def initial_of(policy: Policy) -> dict[str, Any]:
    """The form's first values."""
    return policy.as_json() | {
        "age_boundary": AgeBoundary(policy.age_boundary).value,
        "counting_basis": CountingBasis(policy.counting_basis).value,
        "warn_days": ", ".join(str(days) for days in policy.warn_days),
        "max_clear_share": percent(policy.max_clear_share).rstrip("%"),
    }
