"""The forms of grades: a new version of the policy, and the category of a shop."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from compliance.admin.policy_forms import VersionForm, clean_text
from compliance.lib.grade_policy import SETTINGS, Band, GradePolicy, Level, Metric
from compliance.models.grades import BAND_WORDS, CATEGORY_WORDS, LEVEL_WORDS
from compliance.selectors.grade_words import setting_label
from members.lib.refusals import Invalid

# What a person writes against what is stored: a per cent with two digits, a person a day with one.
DIGITS = {Metric.SHARE: 2, Metric.USE: 2, Metric.RECRUITS: 1}
PERCENT = (Metric.SHARE, Metric.USE)


def digits_of(name: str) -> int:
    """Digits after the point that a setting is written with."""
    parts = name.split(".")
    return DIGITS.get(Metric(parts[2]), 0) if parts[0] == "line" else 0


def _field(name: str) -> forms.Field:
    setting, label, digits = SETTINGS[name], setting_label(name), digits_of(name)
    if setting.kind == "bool":
        return forms.BooleanField(label=label, required=False)
    if setting.kind == "level":
        return forms.ChoiceField(label=label, choices=LEVEL_WORDS)
    is_limit = setting.kind == "limit"
    widget = forms.TextInput(
        attrs={"inputmode": "decimal" if digits else "numeric", "class": "vIntegerField"}
    )
    if digits:
        share = name.split(".")[2] in PERCENT
        return forms.DecimalField(
            label=label,
            min_value=Decimal(setting.least),
            max_value=Decimal(setting.most).scaleb(-digits),
            decimal_places=digits,
            widget=widget,
            help_text=_("Per cent.") if share else _("People a day, like 2.5."),
        )
    help_text = _("Left empty: no limit.") if is_limit else ""
    return forms.IntegerField(
        label=label,
        required=not is_limit,
        min_value=setting.least,
        max_value=setting.most,
        widget=widget,
        help_text=help_text,
    )


class GradePolicyForm(VersionForm):
    """Every setting of a version, from when it is in force, and why."""

    effective_at = forms.DateTimeField(
        label=_("In force from"),
        required=False,
        help_text=_("Like 2026-07-01 00:00, Beijing time. Left empty: at once."),
        widget=forms.DateTimeInput(attrs={"class": "vTextField", "placeholder": "2026-07-01 00:00"}),
    )

    def __init__(self, data: Any = None, *, at: dt.datetime, current: GradePolicy) -> None:
        self.at, self.current = at, current
        initial = {}
        for name, value in current.as_json().items():
            digits = digits_of(name)
            initial[name] = f"{Decimal(value).scaleb(-digits).normalize():f}" if digits else value
        super().__init__(self._plain(data), initial=initial)
        self.fields |= {name: _field(name) for name in SETTINGS}

    @staticmethod
    def _plain(data: Any) -> Any:
        """Numbers with full-width digits as plain ones."""
        if data is None:
            return None
        plain = data.copy()
        for name in SETTINGS:
            if plain.get(name):
                plain[name] = clean_text(plain[name]).rstrip("%").strip()
        return plain

    def groups(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """The fields by topic."""

        def begins(*words: str) -> list[str]:
            return [name for name in SETTINGS if name.startswith(words)]

        general = ["protection_days", "protected_level", "effective_days", "medium_from", "large_from"]
        found: list[tuple[Any, list[str]]] = [
            (_("Version"), ["effective_at", "reason"]),
            (_("New programs, sizes"), general),
            (_("What counts beside benefit days"), begins("counts.")),
            (_("Findings of the price guard"), begins("findings.weight.")),
            *((dict(BAND_WORDS)[band.value], begins(f"line.{band}.")) for band in Band),
            (_("Lines of people and sales by category"), begins("percent.")),
            *(
                (dict(LEVEL_WORDS)[level.value], [name for name in SETTINGS if name.endswith(f".{level}")])
                for level in reversed(Level)
            ),
            (_("What is enforced when people join"), begins("enforce.")),
        ]
        return [(title, [self[name] for name in names]) for title, names in found]

    def clean_effective_at(self) -> dt.datetime:
        """Now at the earliest."""
        effective_at: dt.datetime | None = self.cleaned_data["effective_at"]
        if effective_at is not None and effective_at < self.at:
            raise forms.ValidationError(_("A policy cannot start in the past: choose now or a later time."))
        return effective_at or self.at

    def clean(self) -> dict[str, Any]:
        """The rule's own checks, each at its field."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                self.policy = self.current.changed(self.values)
            except Invalid as refusal:
                for name, text in refusal.errors.items():
                    self.add_error(name if name in self.fields else None, str(text))
        return cleaned

    @property
    def values(self) -> dict[str, Any]:
        """Every setting as a policy takes it."""
        found = {}
        for name in SETTINGS:
            value = self.cleaned_data[name]
            digits = digits_of(name)
            found[name] = int(value.scaleb(digits)) if digits else value
        return found

    def values_against(self, base: GradePolicy) -> dict[str, Any]:
        """The settings that differ from a version."""
        return {name: self.values[name] for name in self.policy.changes_from(base)}


class CategoryForm(forms.Form):
    """The category a shop is graded in."""

    category = forms.ChoiceField(label=_("Category"), choices=CATEGORY_WORDS)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        help_text=_("The merchant reads it in the audit log."),
        widget=forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
    )
