"""Forms of the cashier's pages that several of them show."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

LONGEST_WHO = 128


class WhoForm(forms.Form):
    """Whom the till serves."""

    who = forms.CharField(
        label=gettext_lazy("Phone or customer number"),
        max_length=LONGEST_WHO,
        help_text=gettext_lazy("The whole number, as the member tells it."),
        error_messages={"required": gettext_lazy("Type the member's phone or customer number.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
    )
