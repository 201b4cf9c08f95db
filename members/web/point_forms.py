"""The form of the point rules: rate, wait, expiry, clawback, and what staff may do by hand (domain.md 6)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from members.lib.expiry import MOST_MONTHS, Expiry
from members.lib.points import MOST_COST, MOST_GIVE_BACK_DAYS, MOST_PENDING_DAYS, MOST_RATE
from members.lib.refusals import Invalid
from members.models import RulesVersion, Tier
from members.selectors.entry_words import decimal_text
from members.services.point_rules import MOST_NOTICE_DAYS
from members.services.points import MOST_POINTS
from members.web.number_fields import DaysField, MoneyField, RateField, WholeField

EXAMPLE_MINOR = 26_800
EXPIRIES = [
    ("never", gettext_lazy("Never")),
    ("rolling", gettext_lazy("Some months after they became available")),
    ("yearly", gettext_lazy("All on one date each year")),
]
EXPIRY_FIELDS: dict[str, tuple[str, ...]] = {"never": (), "rolling": ("months",), "yearly": ("month", "day")}
CLAWBACKS = [
    (
        "allow_deficit",
        gettext_lazy(
            "Everything the order brought; what is spent becomes a deficit that coming points repay"
        ),
    ),
    ("within_balance", gettext_lazy("At most what the member still has; the rest is forgotten")),
    ("only_pending", gettext_lazy("Only what still waits; available points stay with the member")),
]


class PointsForm(forms.Form):
    """The rule, and the amount of the example."""

    use_required_attribute = False  # a box that is hidden must not stop the browser

    per_major = RateField(label=gettext_lazy("Rate"), most=MOST_RATE, initial="1")
    pending_days = WholeField(
        label=gettext_lazy("Wait after completion"),
        most=MOST_PENDING_DAYS,
        initial="0",
        help_text=gettext_lazy("0: points can be used as soon as the order is completed."),
    )
    expiry = forms.ChoiceField(
        label=gettext_lazy("When points expire"), choices=EXPIRIES, widget=forms.RadioSelect, initial="never"
    )
    months = WholeField(label=gettext_lazy("Months of validity"), least=1, most=MOST_MONTHS, initial="12")
    month = WholeField(label=gettext_lazy("Month"), least=1, most=12, initial="12")
    day = WholeField(
        label=gettext_lazy("Day of the month"),
        least=1,
        most=31,
        initial="31",
        help_text=gettext_lazy("29 February means the last of February."),
    )
    clawback = forms.ChoiceField(
        label=gettext_lazy("What a refund takes back"),
        choices=CLAWBACKS,
        widget=forms.RadioSelect,
        initial="allow_deficit",
    )
    adjust_limit = WholeField(
        label=gettext_lazy("Most points one person adjusts alone"),
        most=MOST_POINTS,
        max_length=20,
        required=False,
        help_text=gettext_lazy("More needs a second person. Left empty: no limit."),
    )
    give_back_days = WholeField(
        label=gettext_lazy("Expired points can be given back for"),
        most=MOST_GIVE_BACK_DAYS,
        initial="90",
    )
    notice_days = DaysField(
        label=gettext_lazy("Tell members before points expire"),
        most=MOST_NOTICE_DAYS,
        initial="30, 7",
        required=False,
        help_text=gettext_lazy("Days before, such as 30, 7. Left empty: nobody is told."),
    )
    point_cost = RateField(
        label=gettext_lazy("Cost per point"),
        most=MOST_COST,
        required=False,
        help_text=gettext_lazy("Shows what points are worth and what you owe. Left empty: not shown."),
    )

    def __init__(self, *args: Any, tiers: Sequence[Tier], currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tiers, self.currency = tiers, currency
        self.digits = get_currency_precision(currency)
        for tier in tiers:
            self.fields[f"times_{tier.code}"] = RateField(
                label=_("Multiplier for %(tier)s") % {"tier": tier}, most=1000, initial="1"
            )
        self.fields["example"] = MoneyField(
            label=gettext_lazy("Example: an order of"), currency=currency, required=False
        )

    def clean(self) -> None:
        """What belongs to an expiry that is not chosen does not matter; a yearly date is one that there is."""
        super().clean()
        needed = EXPIRY_FIELDS.get(self.cleaned_data.get("expiry", ""), ())
        for name in {"months", "month", "day"} - set(needed):
            self.errors.pop(name, None)
        if not {"expiry", *needed} & set(self.errors):
            try:
                self.rule()
            except Invalid as refusal:
                self.add_error("day", refusal.detail)

    def rule(self) -> Expiry:
        """The expiry as it is filled in. Raises Invalid for a day that no year has, KeyError for a number missing."""
        kind = self.cleaned_data["expiry"]
        return Expiry.read({"kind": kind, **{name: self.cleaned_data[name] for name in EXPIRY_FIELDS[kind]}})

    @property
    def multiplier_fields(self) -> list[forms.BoundField]:
        """One a tier, in ladder order."""
        return [self[f"times_{tier.code}"] for tier in self.tiers]

    def multipliers(self) -> dict[str, Decimal]:
        """By tier code, only those that differ from one."""
        values = {tier.code: self.cleaned_data[f"times_{tier.code}"] for tier in self.tiers}
        return {code: value for code, value in values.items() if value != 1}

    def cost(self) -> Decimal | None:
        """Minor units per point; None where no cost is given."""
        typed: Decimal | None = self.cleaned_data.get("point_cost")
        return None if typed is None else typed.scaleb(self.digits)

    def settings(self) -> dict[str, Any]:
        """The rule as `point_rules.configure` takes it."""
        data = self.cleaned_data
        return {
            "per_major": data["per_major"],
            "tier_multipliers": self.multipliers(),
            "pending_days": data["pending_days"],
            "expiry": self.rule().stored(),
            "clawback": data["clawback"],
            "adjust_limit": data["adjust_limit"],
            "give_back_days": data["give_back_days"],
            "notice_days": data["notice_days"],
            "point_cost": self.cost(),
        }


def initial_of(version: RulesVersion | None, tiers: Sequence[Tier], currency: str) -> dict[str, str]:
    """What stands in the boxes: the version in force."""
    example = {"example": MoneyField(currency=currency).as_typed(EXAMPLE_MINOR)}
    if version is None:
        return example
    expiry = version.expiry or {"kind": "never"}
    digits = get_currency_precision(currency)
    return {
        **example,
        **{name: str(expiry[name]) for name in ("months", "month", "day") if name in expiry},
        **{
            f"times_{tier.code}": decimal_text(Decimal(version.tier_multipliers.get(str(tier.pk), "1")))
            for tier in tiers
        },
        "per_major": decimal_text(version.per_major),
        "pending_days": str(version.pending_days),
        "expiry": expiry.get("kind", "never"),
        "clawback": version.clawback,
        "adjust_limit": "" if version.adjust_limit is None else str(version.adjust_limit),
        "give_back_days": str(version.give_back_days),
        "notice_days": ", ".join(str(each) for each in version.notice_days),
        "point_cost": "" if version.point_cost is None else decimal_text(version.point_cost.scaleb(-digits)),
    }
