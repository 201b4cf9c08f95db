"""The forms of benefits, one small form a kind that has settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds import LIMITS
from benefits.lib.kinds.parts.draw import MOST_ODDS, MOST_PIECES, MOST_PRIZES, NUMBERS
from benefits.lib.scope import PARTS
from benefits.web.base_forms import BenefitForm, LimitedForm
from benefits.web.fields import CountField, MoneyField, ShareField
from benefits.web.plain_forms import PLAIN_FORMS
from benefits.web.point_forms import CheckInForm, PointsMultiplierForm
from benefits.web.price_forms import SHARED, FanPriceForm, PointsOffsetForm, taken_off
from benefits.web.words import DELIVERIES

__all__ = ["FORMS", "BenefitForm", "PriceListForm", "uploaded"]

PRIZE_ROWS = 5
OFF = ("sort", "off_minor", "off_percent", "at_least_minor", "max_off_minor")


class OffForm(BenefitForm):
    """An amount or a share off."""

    sort = forms.ChoiceField(
        label=_("Discount"),
        widget=forms.RadioSelect,
        choices=[("amount", _("An amount off")), ("share", _("A share off"))],
        initial="amount",
    )
    off_minor = MoneyField(label=_("Amount off"), required=False)
    off_percent = ShareField(
        label=_("Share off"), required=False, help_text=_("15 takes 15 % off. “8.5 折” is understood too.")
    )
    at_least_minor = MoneyField(label=_("Orders from"), required=False, help_text=_("Empty: any order."))
    max_off_minor = MoneyField(
        label=_("At most"), required=False, help_text=_("The most that a share takes off.")
    )
    field_order: tuple[str, ...] = ("name", *OFF, *SHARED)
    nothing_given = _("Say how much the discount takes off.")

    def clean(self) -> dict[str, Any]:
        """The discount chosen is given, and is not more than the order it needs."""
        values = super().clean()
        field = "off_percent" if values.get("sort") == "share" else "off_minor"
        if field not in self.errors and values.get(field) is None:
            self.add_error(field, self.nothing_given)
        off, at_least = values.get("off_minor"), values.get("at_least_minor")
        if field == "off_minor" and off and at_least and off > at_least:
            self.add_error(
                "off_minor",
                _(
                    "The coupon takes off more than the order it needs: a discount over 100 %. Lower the discount."
                ),
            )
        return values

    def settings(self) -> dict[str, Any]:
        values = self.cleaned_data
        names = ("off_percent", "max_off_minor") if values["sort"] == "share" else ("off_minor",)
        found = {name: values[name] for name in (*names, "at_least_minor")}
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {**settings, "sort": "share" if settings.get("off_percent") is not None else "amount"}


class CouponForm(OffForm, LimitedForm):
    """A code for an amount or a share off."""

    kind = "coupon"
    field_order = ("name", *OFF, "stock", *LIMITS, *SHARED)
    nothing_given = _("Say how much the coupon takes off.")

    def settings(self) -> dict[str, Any]:
        return super().settings() | self.limits()


class DiscountForm(OffForm):
    """The same for all members, without a code."""

    kind = "discount"

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        if settings.get("percent") is not None:  # said by API: what is paid
            settings = {**settings, "off_percent": taken_off(settings["percent"])}
        return super().initial_settings(settings)


class RepurchaseForm(CouponForm):
    """The same for the next order."""

    kind = "repurchase_coupon"


class MemberPriceForm(BenefitForm):
    """Member prices come from a list; stock is the SKU's affair."""

    kind = "member_price"
    file = forms.FileField(
        label=_("Price list"),
        help_text=_(
            "CSV (UTF-8 or GBK), XLSX or Parquet with the columns sku, name, list_price, member_price and, where "
            "prices differ by tier, tier."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.xlsx,.parquet"}),
    )
    field_order = ("name", "file", "from_at", "to_at", "audience", "tiers", "plans", "segments")

    def __init__(self, *args: Any, with_file: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("stock")
        if not with_file:
            self.fields.pop("file")


class DrawForm(BenefitForm):
    """A draw: prizes with a number of pieces, the terms published before."""

    terms = forms.CharField(
        label=_("Rules and how prizes are claimed"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Shown to members before they take part: who may enter, when winners are drawn, until when "
                    "and how a prize is claimed."),
    )  # fmt: skip
    points = CountField(
        label=_("Points of an entry"), most=NUMBERS["points"], required=False, help_text=_("Empty: none.")
    )
    entries = CountField(
        label=_("Entries of one member"), most=NUMBERS["entries"], required=False, help_text=_("Empty: one.")
    )
    claim_days = CountField(
        label=_("Days to claim a prize"),
        most=NUMBERS["claim_days"],
        required=False,
        help_text=_("After the draw. Empty: no end."),
    )
    field_order: tuple[str, ...] = (
        "name", "from_at", "to_at", "terms", "points", "entries", "claim_days",
        "audience", "tiers", "plans", "segments",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("stock", *PARTS):
            self.fields.pop(name, None)
        self.fields["from_at"].help_text = _("Entries open. From then on nothing of the draw can be changed.")
        self.fields["to_at"].required = True
        self.fields["to_at"].help_text = _("The last day, included, or a time. Winners are drawn then.")
        told = [
            n
            for n in range(1, MOST_PRIZES + 1)
            if self.data.get(f"prize_{n}") or self.initial.get(f"prize_{n}")
        ]
        self.numbers = range(1, max([PRIZE_ROWS, *told]) + 1)
        for number in self.numbers:
            self.fields[f"prize_{number}"] = forms.CharField(
                label=_("Prize %(number)d") % {"number": number}, max_length=60, required=number == 1
            )
            self.fields[f"count_{number}"] = CountField(label=_("Pieces"), most=MOST_PIECES, required=False)
            self.fields[f"odds_{number}"] = CountField(
                label=_("Odds: one in"), most=MOST_ODDS, required=False
            )
            worth = MoneyField(label=_("Market value of one"), required=number == 1)
            worth.currency = self.merchant.currency
            self.fields[f"value_{number}"] = worth

    def prize_rows(self) -> list[list[forms.BoundField]]:
        """The fields of each prize, for the page."""
        return [[self[f"{part}_{n}"] for part in ("prize", "count", "odds", "value")] for n in self.numbers]

    def shared(self) -> list[forms.BoundField]:
        """The other visible fields, in their order."""
        parts = ("prize_", "count_", "odds_", "value_")
        return [f for f in self.visible_fields() if not f.name.startswith(parts)]

    def clean(self) -> dict[str, Any]:
        """A prize begun is a prize told whole."""
        values = super().clean()
        for number in self.numbers:
            parts = {part: values.get(f"{part}_{number}") for part in ("prize", "count", "value", "odds")}
            if number > 1 and not any(part is not None and part != "" for part in parts.values()):
                continue
            if parts.pop("odds") is not None:
                parts.pop("count")
            for part, value in parts.items():
                if (value is None or value == "") and f"{part}_{number}" not in self.errors:
                    text = _("Name, value, and pieces or odds belong together.")
                    self.add_error(f"{part}_{number}", text)
        return values

    def settings(self) -> dict[str, Any]:
        values = self.cleaned_data
        names = {"prize": "name", "count": "count", "odds": "one_in", "value": "value_minor"}
        prizes = [
            {name: each for part, name in names.items() if (each := values[f"{part}_{n}"]) is not None}
            for n in self.numbers
            if values.get(f"prize_{n}")
        ]
        found = {name: values[name] for name in NUMBERS if values.get(name) is not None}
        return {"prizes": prizes, "terms": values["terms"], **found}

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {"terms": settings.get("terms", "")}
        found |= {name: settings.get(name) for name in NUMBERS}
        for number, prize in enumerate(settings.get("prizes", []), start=1):
            found[f"prize_{number}"] = prize.get("name")
            found[f"count_{number}"] = prize.get("count")
            found[f"odds_{number}"] = prize.get("one_in")
            found[f"value_{number}"] = prize.get("value_minor")
        return found


class LuckyDrawForm(DrawForm):
    kind = "lucky_draw"


class DrawPurchaseForm(DrawForm):
    """A draw for the right to buy: the prize is the thing, and winners pay its price."""

    kind = "draw_purchase"
    price_minor = MoneyField(label=_("Price that winners pay"))
    field_order = ("name", "price_minor", *DrawForm.field_order[1:])

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "price_minor": self.cleaned_data["price_minor"]}

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {**super().initial_settings(settings), "price_minor": settings.get("price_minor")}


class GiftForm(LimitedForm):
    """A thing of a value."""

    names: tuple[str, str] = ("gift", "value_minor")
    gift = forms.CharField(
        label=_("What is given"), max_length=80, help_text=_("As the cashier should read it: “a box of tea”.")
    )
    value_minor = MoneyField(
        label=_("What it is worth"), required=False, help_text=_("Told as what the member saved.")
    )
    field_order: tuple[str, ...] = (
        "name", "gift", "value_minor", "stock", *LIMITS, "from_at", "to_at", "audience", "tiers", "plans", "segments",
    )  # fmt: skip

    def settings(self) -> dict[str, Any]:
        found = {self.names[0]: self.cleaned_data["gift"], "value_minor": self.cleaned_data["value_minor"]}
        return {name: value for name, value in found.items() if value is not None} | self.limits()

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {**settings, "gift": settings.get(cls.names[0])}


class WelcomeGiftForm(GiftForm):
    """For all members it welcomes who joins; for certain tiers, who reaches them."""

    kind = "welcome_gift"


class BirthdayGiftForm(GiftForm):
    kind = "birthday_gift"


class ExchangeForm(GiftForm):
    """A thing for points."""

    kind = "points_exchange"
    names = ("item", "value_minor")
    points = CountField(label=_("Points"), most=10**12)
    delivery = forms.ChoiceField(
        label=_("How it comes"), widget=forms.RadioSelect, choices=DELIVERIES, initial="code", required=False
    )
    money_minor = MoneyField(
        label=_("Money besides"),
        required=False,
        help_text=_("Only for what is sent: paid to you before it is sent. Empty: points alone."),
    )
    field_order = ("name", "gift", "points", "delivery", "money_minor", *GiftForm.field_order[2:])

    def settings(self) -> dict[str, Any]:
        values = self.cleaned_data
        found = {**super().settings(), "points": values["points"]}
        if values["delivery"] == "order":
            found["delivery"] = "order"
        if values["money_minor"]:
            found["money_minor"] = values["money_minor"]
        return found

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {**super().initial_settings(settings), "delivery": settings.get("delivery") or "code"}


FORMS: dict[str, type[BenefitForm]] = {
    form.kind: form
    for form in (
        CouponForm, RepurchaseForm, MemberPriceForm, WelcomeGiftForm, BirthdayGiftForm, ExchangeForm, LuckyDrawForm,
        DrawPurchaseForm, DiscountForm, FanPriceForm, PointsOffsetForm, PointsMultiplierForm, CheckInForm,
    )
} | PLAIN_FORMS  # fmt: skip


class PriceListForm(forms.Form):
    """A new list for member prices that exist."""

    file = forms.FileField(
        label=_("Price list"),
        help_text=MemberPriceForm.base_fields["file"].help_text,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.xlsx,.parquet"}),
    )


def uploaded(form: forms.Form, most_bytes: int) -> bytes | None:
    """The content of the form's file; None, with the error in the form, when it is too large."""
    file = form.cleaned_data["file"]
    if file.size > most_bytes:
        text = _("The file is larger than %(size)d MB. Split it.") % {"size": most_bytes // 10**6}
        form.add_error("file", ValidationError(text))
        return None
    return bytes(file.read())
