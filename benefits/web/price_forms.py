"""The forms of benefits that quotes act on by themselves: prices for followers, points as a part of the price."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.fan_price import LONGEST_SKU, MOST_SKUS
from benefits.lib.kinds.points_offset import MOST_POINTS
from benefits.web.base_forms import BenefitForm
from benefits.web.fields import CountField, MoneyField, ShareField

SHARED = ("from_at", "to_at", "audience", "tiers", "plans", "segments")


def taken_off(percent_paid: Any) -> str:
    """The share that is taken off where so many per cent are paid."""
    return f"{100 - Decimal(str(percent_paid)):f}"


def paid(share_off: Any) -> int | str:
    """The per cent that are paid where such a share is taken off."""
    left = 100 - Decimal(str(share_off))
    return int(left) if left == left.to_integral_value() else f"{left:f}"


class _Listed:
    """The fields of the kind itself, one after the other."""

    names: tuple[str, ...] = ()

    def plain_fields(self) -> list[forms.BoundField]:
        """For the page."""
        return [self[name] for name in self.names]  # type: ignore[index]


class FanPriceForm(_Listed, BenefitForm):
    """A price for followers, of certain SKUs or of all."""

    kind = "fan_price"
    way = forms.ChoiceField(
        label=_("Fan price"),
        widget=forms.RadioSelect,
        choices=[("share", _("A share off")), ("amount", _("An amount off")), ("price", _("One price"))],
        initial="share",
    )
    share = ShareField(
        label=_("Share off"), required=False, help_text=_("15 takes 15 % off. “8.5 折” is understood too.")
    )
    off_minor = MoneyField(label=_("Amount off"), required=False)
    fixed_minor = MoneyField(label=_("Price"), required=False)
    skus = forms.CharField(
        label=_("SKUs"),
        required=False,
        max_length=MOST_SKUS * (LONGEST_SKU + 1),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_(
            "Separated by spaces or lines. Empty: all SKUs without a fan price of their own in the price table."
        ),
    )
    names = ("way", "share", "off_minor", "fixed_minor", "skus")
    field_order = ("name", *names, *SHARED)
    settings_of: Mapping[str, str] = {"share": "percent", "amount": "off_minor", "price": "fixed_minor"}
    field_of: Mapping[str, str] = {"share": "share", "amount": "off_minor", "price": "fixed_minor"}

    def clean(self) -> dict[str, Any]:
        """The price chosen is given; one price is that of certain SKUs."""
        values = super().clean()
        field = self.field_of.get(values.get("way") or "", "share")
        if field not in self.errors and values.get(field) is None:
            self.add_error(field, _("Say what followers pay."))
        if values.get("way") == "price" and "skus" not in self.errors and not values.get("skus"):
            self.add_error("skus", _("Name the SKUs that have this price."))
        return values

    def settings(self) -> dict[str, Any]:
        values = self.cleaned_data
        value = values[self.field_of[values["way"]]]
        found = {self.settings_of[values["way"]]: paid(value) if values["way"] == "share" else value}
        skus = list(dict.fromkeys(values["skus"].split()))
        return {**found, "skus": skus} if skus else found

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        way = next((way for way, name in cls.settings_of.items() if settings.get(name) is not None), "share")
        share = settings.get("percent")
        return {
            "way": way,
            "share": None if share is None else taken_off(share),
            "off_minor": settings.get("off_minor"),
            "fixed_minor": settings.get("fixed_minor"),
            "skus": "\n".join(settings.get("skus") or ()),
        }


class PointsOffsetForm(_Listed, BenefitForm):
    """How many points take how much off, and how far."""

    kind = "points_offset"
    points = CountField(label=_("Points"), most=MOST_POINTS, least=1)
    off_minor = MoneyField(label=_("They take off"), help_text=_("What so many points take off the price."))
    step = CountField(
        label=_("In steps of points"),
        most=MOST_POINTS,
        least=1,
        required=False,
        help_text=_("Points are taken in multiples of it. Empty: of the number above."),
    )
    at_least_minor = MoneyField(label=_("Orders from"), required=False, help_text=_("Empty: any order."))
    max_percent = ShareField(
        label=_("At most this share"),
        required=False,
        help_text=_("Of the goods, in per cent. Empty: all of it."),
    )
    max_off_minor = MoneyField(
        label=_("At most"), required=False, help_text=_("The most that points take off one order.")
    )
    names = ("points", "off_minor", "step", "at_least_minor", "max_percent", "max_off_minor")
    field_order = ("name", *names, *SHARED)

    def settings(self) -> dict[str, Any]:
        values = self.cleaned_data
        return {name: values[name] for name in self.names if values[name] is not None}

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {name: settings.get(name) for name in cls.names}
