"""Keeping a program out of clearance, and letting it in again: the forms on a program's page."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from compliance.lib.calendar import start_of
from compliance.services import exemptions
from members.admin.base import actor
from members.lib.refusals import Refusal
from members.web.forms import FIRST_DAY, LAST_DAY

ONE_DAY = dt.timedelta(days=1)


class ExemptForm(forms.Form):
    """Until when, and why."""

    until_on = forms.DateField(
        label=_("Exempt until, this day included"),
        help_text=_("A day such as 2026-12-31, by the platform's clock."),
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        help_text=_("The merchant reads it on the compliance status page."),
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        error_messages={"required": _("Say why the program is exempt.")},
    )

    def clean_until_on(self) -> dt.date:
        """A day of the years that people may name."""
        on: dt.date = self.cleaned_data["until_on"]
        if not FIRST_DAY <= on <= LAST_DAY:
            raise forms.ValidationError(_("This year cannot be meant."))
        return on


def exempt(request: HttpRequest, form: ExemptForm, *, merchant_id: int, at: dt.datetime) -> bool:
    """Keep the program out as the form says; False, with the errors in the form, when that was refused."""
    if not form.is_valid():
        return False
    try:
        exemptions.exempt(
            merchant_id=merchant_id,
            at=at,
            until_at=start_of(form.cleaned_data["until_on"] + ONE_DAY),
            reason=form.cleaned_data["reason"],
            actor=actor(request),
        )
    except Refusal as refusal:
        names: dict[str, Any] = {"until_at": "until_on", "reason": "reason"}
        for name, detail in (refusal.errors or {"": refusal.detail}).items():
            form.add_error(names.get(name), str(detail))
        return False
    return True
