"""The forms by which staff move a member's points: adjust, reverse, give expired ones back (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django import forms
from django.utils.translation import gettext_lazy

from members.models import RulesVersion
from members.selectors import rules as rules_of
from members.selectors.member_page import PointsCard
from members.services.points import MOST_POINTS
from members.web.forms import OnceField
from members.web.number_fields import WholeField

ADD, TAKE = "add", "take"
LAST_ENTRY = 10**15
WAYS = [(ADD, gettext_lazy("Add points")), (TAKE, gettext_lazy("Take points away"))]
# Ready reasons: the words are what the ledger keeps, in the language of whoever chose them.
READY = {
    "goodwill": gettext_lazy("Goodwill after a complaint"),
    "missing": gettext_lazy("Points missing for an order"),
    "mistake": gettext_lazy("Correction of a mistake"),
    "present": gettext_lazy("A present of the shop"),
}


class AdjustForm(forms.Form):
    """How many points, which way, and why."""

    once = OnceField()
    way = forms.ChoiceField(
        label=gettext_lazy("What to do"), choices=WAYS, widget=forms.RadioSelect, initial=ADD
    )
    points = WholeField(
        label=gettext_lazy("Points"),
        least=-MOST_POINTS,
        most=MOST_POINTS,
        max_length=24,
        widget=forms.TextInput(attrs={"autofocus": True}),
    )
    ready = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        choices=list(READY.items()),
        widget=forms.RadioSelect,
        initial="goodwill",
    )
    words = forms.CharField(
        label=gettext_lazy("Another reason"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Kept in the ledger instead of the reason above, with your name."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def signed(self) -> int | None:
        """The change of the balance, as far as it is typed: "-50" takes away too; None for no number yet."""
        number = self.cleaned_data.get("points")
        if number is None:
            return None
        return -abs(number) if self.cleaned_data.get("way") == TAKE else number

    def reason(self) -> str:
        """One's own words, else the ready reason."""
        return self.cleaned_data["words"].strip() or str(READY[self.cleaned_data["ready"]])


class ReasonForm(forms.Form):
    """Why an entry is undone."""

    entry = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=LAST_ENTRY)
    reason = forms.CharField(
        label=gettext_lazy("Why is it reversed?"),
        max_length=200,
        error_messages={"required": gettext_lazy("Say why it is reversed; the reason stays in the ledger.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class GiveBackForm(forms.Form):
    """How many expired points come back, and why."""

    once = OnceField()
    entry = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=LAST_ENTRY)
    points = WholeField(label=gettext_lazy("Points to give back"), least=1, most=MOST_POINTS)
    reason = forms.CharField(
        label=gettext_lazy("Why are they given back?"),
        max_length=200,
        error_messages={
            "required": gettext_lazy("Say why they are given back; the reason stays in the ledger.")
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an adjustment of `change` would leave: available points and deficit, or why not."""

    change: int
    available: int
    deficit: int
    is_short: bool  # more is taken than there is
    is_proposal: bool  # over the limit for one person
    expires_on: dt.date | None = None


def outcome(
    form: AdjustForm, card: PointsCard, version: RulesVersion | None, today: dt.date
) -> Outcome | None:
    """What the form, as far as it is filled in, would do; None while no number is typed."""
    if not form.is_bound:
        return None
    form.is_valid()
    change = form.signed()
    if not change or version is None:
        return None
    repaid = min(card.deficit, max(change, 0))
    limit = version.adjust_limit
    return Outcome(
        change=change,
        available=card.available + change - repaid,
        deficit=card.deficit - repaid,
        is_short=card.available + change < 0,
        is_proposal=limit is not None and abs(change) > limit,
        expires_on=rules_of.point_rules(version).last_day(today) if change > 0 else None,
    )
