"""The forms of the tier ladder and what is wrong with a ladder, in exact words (domain.md 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from members.lib.fields import opaque_id
from members.lib.tiers import METRICS, MOST_GRACE_DAYS, MOST_VALIDITY_MONTHS, MOST_WELCOME, MOST_WINDOW_DAYS
from members.models import Tier
from members.templatetags.fmt import money_text
from members.web.number_fields import MoneyField, RateField, WholeField

MOST_TIERS = 12
MOST_COUNTED = 1_000_000_000
COLUMNS = ("code", "name", "needs", "welcome", *METRICS)
COUNTED = {
    "orders": gettext_lazy("Orders in the window"),
    "active_days": gettext_lazy("Days with an order"),
    "points_earned": gettext_lazy("Points earned"),
    "growth": gettext_lazy("Growth"),
}
MORE = ("active_days", "points_earned", "growth")  # asked for less often, so folded away
BLANK = {**dict.fromkeys(COLUMNS, ""), "needs": "all"}
DOWNGRADES = [
    ("to_qualified", gettext_lazy("To the highest tier that is still reached or valid")),
    ("one_step", gettext_lazy("By one tier, for a full validity")),
]


WINDOWS = [
    ("rolling", gettext_lazy("The last days, today included")),
    ("calendar_year", gettext_lazy("The calendar year, from 1 January")),
    ("membership_year", gettext_lazy("The year of membership, from the anniversary of joining")),
    ("lifetime", gettext_lazy("Everything since joining")),
]


class SettingsForm(forms.Form):
    """What holds for the whole ladder."""

    window_kind = forms.ChoiceField(
        label=gettext_lazy("Orders that count"), choices=WINDOWS, widget=forms.RadioSelect, initial="rolling"
    )
    window_days = WholeField(
        label=gettext_lazy("Window"),
        least=1,
        most=MOST_WINDOW_DAYS,
        initial="365",
        required=False,
        help_text=gettext_lazy("Orders paid in these last days count; today is one of them."),
    )
    validity_months = WholeField(
        label=gettext_lazy("Validity"),
        least=1,
        most=MOST_VALIDITY_MONTHS,
        initial="12",
        help_text=gettext_lazy("How long a tier is kept from the day it was reached or reached again."),
    )
    grace_days = WholeField(
        label=gettext_lazy("Grace"),
        least=0,
        most=MOST_GRACE_DAYS,
        initial="0",
        help_text=gettext_lazy("Days after the end of validity before a member falls."),
    )
    downgrade = forms.ChoiceField(
        label=gettext_lazy("How members fall"),
        choices=DOWNGRADES,
        widget=forms.RadioSelect,
        initial="to_qualified",
    )
    growth_spend_minor = RateField(label="", places=4, required=False)
    growth_orders = RateField(label=gettext_lazy("For each order"), required=False)
    growth_active_days = RateField(label=gettext_lazy("For each day with an order"), required=False)
    growth_points_earned = RateField(label=gettext_lazy("For each point earned"), required=False)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.minor_per_major = 10 ** get_currency_precision(currency)
        self.fields["growth_spend_minor"].label = _("For each 1 %(currency)s spent") % {"currency": currency}

    @property
    def weights(self) -> list[forms.BoundField]:
        """The boxes of growth."""
        return [self[f"growth_{metric}"] for metric in METRICS[:-1]]

    @property
    def has_growth(self) -> bool:
        """Whether any weight was typed or is wrong."""
        return any(str(box.value() or "").strip() or box.errors for box in self.weights)

    def clean(self) -> dict[str, Any]:
        """A rolling window needs its days."""
        data = super().clean() or self.cleaned_data
        if (
            data.get("window_kind") == "rolling"
            and not data.get("window_days")
            and "window_days" not in self.errors
        ):
            self.add_error("window_days", _("Say how many days count."))
        return data

    def window(self) -> dict[str, Any]:
        """The window as the service takes it."""
        data = self.cleaned_data
        days = {"days": data["window_days"]} if data["window_kind"] == "rolling" else {}
        return {"kind": data["window_kind"], **days}

    def growth(self) -> dict[str, Decimal]:
        """The weights by metric, of money for a minor unit."""
        given = {metric: self.cleaned_data.get(f"growth_{metric}") for metric in METRICS[:-1]}
        if given["spend_minor"]:
            given["spend_minor"] /= self.minor_per_major
        return {metric: weight for metric, weight in given.items() if weight}


class RungForm(forms.Form):
    """One tier. The lowest has a name only."""

    code = forms.RegexField(r"^[\w-]{1,32}$", widget=forms.HiddenInput, required=False)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=40)
    needs = forms.ChoiceField(
        label=gettext_lazy("Needs"),
        choices=[("all", gettext_lazy("all of these")), ("any", gettext_lazy("any of these"))],
    )

    def __init__(self, *args: Any, currency: str, place: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"prefix": f"t{place}"})
        self.is_lowest = place == 0
        if self.is_lowest:
            del self.fields["needs"]
            return
        self.fields["spend_minor"] = MoneyField(
            label=gettext_lazy("Spend in the window"), currency=currency, least_minor=1, required=False
        )
        self.fields["welcome"] = WholeField(
            label=gettext_lazy("Welcome points"), least=0, most=MOST_WELCOME, required=False
        )
        for metric, label in COUNTED.items():
            self.fields[metric] = WholeField(label=label, least=1, most=MOST_COUNTED, required=False)

    @property
    def more(self) -> list[forms.BoundField]:
        """The boxes of metrics asked for less often."""
        return [] if self.is_lowest else [self[metric] for metric in MORE]

    @property
    def has_more(self) -> bool:
        """Whether any of them was typed or is wrong."""
        return any(str(box.value() or "").strip() or box.errors for box in self.more)

    @property
    def title(self) -> str:
        """The tier's name as typed, for messages about it."""
        return str(self["name"].value() or "").strip() or _("this tier")

    @property
    def requirements(self) -> dict[str, int]:
        """What the tier asks: {metric: at least}; needs a form that was cleaned."""
        if self.is_lowest:
            return {}
        data = self.cleaned_data
        return {metric: data[metric] for metric in METRICS if data.get(metric)}

    def rung(self) -> dict[str, Any]:
        """The tier as the service takes it."""
        data = self.cleaned_data
        rung: dict[str, Any] = {"code": data.get("code") or f"tier-{opaque_id(6)}", "name": data["name"]}
        if self.requirements:
            rung[data.get("needs") or "all"] = self.requirements
        if data.get("welcome"):
            rung["welcome"] = data["welcome"]
        return rung


class TargetsForm(forms.Form):
    """Where members of tiers that were taken out go."""

    def __init__(
        self, *args: Any, gone: Sequence[tuple[Tier, int]], rows: Sequence[RungForm], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        left = [(str(row["code"].value()), row.title) for row in rows if row["code"].value()]
        for tier, count in gone:
            self.fields[f"target_{tier.code}"] = forms.ChoiceField(
                label=_("%(count)s members hold %(tier)s. They move to")
                % {"count": f"{count:,}", "tier": tier},
                choices=[("", _("Choose a tier")), *left],
                error_messages={"required": _("Choose where the members of %(tier)s go.") % {"tier": tier}},
            )

    def targets(self) -> dict[str, str]:
        """By code."""
        return {name.removeprefix("target_"): code for name, code in self.cleaned_data.items()}


def typed_rows(data: Mapping[str, str]) -> list[dict[str, str]]:
    """The rows that were sent, in their order, after the row to take out and the row to add."""
    removed, rows = data.get("remove", ""), []
    for place in range(MOST_TIERS + 1):
        if f"t{place}-name" in data and (removed != str(place) or place == 0):
            rows.append({name: data.get(f"t{place}-{name}", BLANK[name]) for name in COLUMNS})
    if "add" in data and len(rows) < MOST_TIERS:
        rows.append(dict(BLANK))
    return rows or [dict(BLANK)]


def rung_forms(rows: Sequence[Mapping[str, Any]], currency: str, *, bound: bool) -> list[RungForm]:
    """A form a row; unbound ones show what was typed and find nothing wrong with it yet."""
    forms_made = []
    for place, row in enumerate(rows):
        if bound:
            data = {f"t{place}-{name}": value for name, value in row.items()}
            forms_made.append(RungForm(data, currency=currency, place=place))
        else:
            forms_made.append(RungForm(initial=dict(row), currency=currency, place=place))
    return forms_made


def as_typed(ladder: Sequence[Mapping[str, Any]], currency: str) -> list[dict[str, str]]:
    """A ladder (code, name, all or any) as somebody would have typed it."""
    money, rows = MoneyField(currency=currency), []
    for rung in ladder:
        needs = "any" if rung.get("any") else "all"
        asked = rung.get(needs) or {}
        rows.append(
            {
                "code": rung["code"],
                "name": rung["name"],
                "needs": needs,
                "welcome": str(rung.get("welcome") or ""),
                **{metric: str(asked.get(metric, "")) for metric in METRICS},
                "spend_minor": money.as_typed(asked.get("spend_minor")),
            }
        )
    return rows


def check_order(rows: Sequence[RungForm], currency: str) -> None:
    """Put an exact message on every tier that asks for nothing, or for less than a lower one."""
    highest: dict[str, tuple[int, str]] = {}
    below: tuple[dict[str, int], str] | None = None
    for row in rows[1:]:
        if row.errors:
            continue
        asked = row.requirements
        if not asked:
            problem = _("%(tier)s needs a requirement: a spend, a number of orders, or another.") % {
                "tier": row.title
            }
            row.add_error("spend_minor", problem)
            continue
        for metric, at_least in asked.items():
            most, lower = highest.get(metric, (0, ""))
            if at_least < most:
                row.add_error(metric, _out_of_order(metric, at_least, most, row.title, lower, currency))
            else:
                highest[metric] = (at_least, row.title)
        if below is not None and below[0] == asked:
            problem = _("%(tier)s asks for exactly what %(lower)s asks for, so nobody would hold %(lower)s.")
            row.add_error("spend_minor", problem % {"tier": row.title, "lower": below[1]})
        below = (asked, row.title)


def _out_of_order(metric: str, at_least: int, most: int, tier: str, lower: str, currency: str) -> str:
    if metric == "spend_minor":
        return _(
            "%(tier)s asks for %(amount)s, less than the lower tier %(lower)s with %(most)s. "
            "Raise it, or swap the two."
        ) % {
            "tier": tier,
            "amount": money_text(at_least, currency),
            "lower": lower,
            "most": money_text(most, currency),
        }
    if metric != "orders":
        return _(
            "%(tier)s asks for %(n)s, less than the lower tier %(lower)s with %(most)s. "
            "Raise it, or swap the two."
        ) % {"tier": tier, "n": f"{at_least:,}", "lower": lower, "most": f"{most:,}"}
    return _(
        "%(tier)s asks for %(n)s orders, fewer than the lower tier %(lower)s with %(most)s. "
        "Raise it, or swap the two."
    ) % {"tier": tier, "n": f"{at_least:,}", "lower": lower, "most": f"{most:,}"}
