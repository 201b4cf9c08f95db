"""The forms of benefits: what all kinds share, and one small form a kind that has settings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from benefits.lib.audience import segments_of, tiers_of
from benefits.lib.coverage import EVERYONE
from benefits.models import Benefit
from benefits.services.arguments import Arguments
from benefits.web.fields import CountField, MomentField, MoneyField, ShareField
from members.models import Merchant
from members.web.forms import OnceField

PRIZE_ROWS = 5


class BenefitForm(forms.Form):
    """What every benefit is asked for. Subclasses add their kind's settings."""

    kind = ""
    name = forms.CharField(
        label=_("Name"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    from_at = MomentField(
        label=_("Starts"), required=False, help_text=_("A day or a time. Empty: as soon as it is published.")
    )
    to_at = MomentField(
        label=_("Ends"),
        required=False,
        last=True,
        help_text=_("The last day, included, or a time. Empty: no end."),
    )
    audience = forms.ChoiceField(
        label=_("For whom"),
        widget=forms.RadioSelect,
        choices=[("everyone", _("All members")), ("tiers", _("Members of certain tiers"))],
        initial="everyone",
    )
    tiers = forms.MultipleChoiceField(label=_("Tiers"), required=False, widget=forms.CheckboxSelectMultiple)
    segments = forms.MultipleChoiceField(
        label=_("Segments"), required=False, widget=forms.CheckboxSelectMultiple
    )
    stock = CountField(
        label=_("Stock"), required=False, help_text=_("How many times in all. Empty: no limit.")
    )
    once = OnceField()

    def __init__(
        self,
        *args: Any,
        merchant: Merchant,
        tiers: Sequence[tuple[str, str]] = (),
        segments: Sequence[tuple[str, str]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.merchant = merchant
        for field in self.fields.values():
            if isinstance(field, MomentField):
                field.zone = merchant.zone
            if isinstance(field, MoneyField):
                field.currency = merchant.currency
        self._offer_audiences(tiers, segments)

    def _offer_audiences(self, tiers: Sequence[tuple[str, str]], segments: Sequence[tuple[str, str]]) -> None:
        """With one tier there is nothing to choose by it: everyone is in it."""
        self.fields["tiers"].choices = list(tiers)  # type: ignore[attr-defined]
        self.fields["segments"].choices = list(segments)  # type: ignore[attr-defined]
        choices = [("everyone", _("All members"))]
        if len(tiers) > 1:
            choices.append(("tiers", _("Members of certain tiers")))
        else:
            self.fields.pop("tiers")
        if segments:
            choices.append(("segments", _("Members of certain segments")))
        else:
            self.fields.pop("segments")
        self.fields["audience"].choices = choices  # type: ignore[attr-defined]
        if len(choices) == 1:
            self.fields.pop("audience")

    def clean(self) -> dict[str, Any]:
        """The period is in order, and a named audience is named."""
        values = super().clean() or {}
        start, end = values.get("from_at"), values.get("to_at")
        if start and end and end <= start:
            self.add_error("to_at", _("The benefit ends before it starts. Choose an end after its start."))
        if values.get("audience") == "tiers" and not values.get("tiers") and "tiers" not in self.errors:
            self.add_error("tiers", _("Choose at least one tier, or all members."))
        if (
            values.get("audience") == "segments"
            and not values.get("segments")
            and "segments" not in self.errors
        ):
            self.add_error("segments", _("Choose at least one segment, or all members."))
        return values

    def check_not_over(self, at: dt.datetime) -> None:
        """An end that lies in the past is a slip of the pen: nobody could ever use such a benefit."""
        end = self.cleaned_data.get("to_at")
        if end and end <= at:
            self.add_error("to_at", _("This end is past already. Choose a later one."))

    def settings(self) -> dict[str, Any]:
        """The kind's settings from the entries."""
        return {}

    def arguments(self) -> Arguments:
        """What the services take."""
        values = self.cleaned_data
        named = values.get("audience")
        chosen = {named: values[named]} if named in ("tiers", "segments") else EVERYONE
        return Arguments(
            kind=self.kind,
            name=values["name"],
            from_at=values["from_at"],
            to_at=values["to_at"],
            settings=self.settings(),
            audience=chosen,
            stock=values.get("stock"),
        )

    @classmethod
    def initial_of(cls, benefit: Benefit) -> dict[str, Any]:
        """The entries that a benefit stands for."""
        codes, segments = tiers_of(benefit.audience), segments_of(benefit.audience)
        return {
            "name": benefit.name,
            "from_at": benefit.from_at,
            "to_at": benefit.to_at,
            "audience": "tiers" if codes is not None else "everyone" if segments is None else "segments",
            "tiers": codes or [],
            "segments": segments or [],
            "stock": benefit.stock,
            **cls.initial_settings(benefit.settings),
        }

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The entries that settings stand for."""
        return {}


class CouponForm(BenefitForm):
    """An amount or a share off."""

    kind = "coupon"
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
    field_order = (
        "name", "sort", "off_minor", "off_percent", "at_least_minor", "max_off_minor", "stock", "from_at", "to_at",
        "audience", "tiers", "segments",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """The discount chosen is given, and is not more than the order it needs."""
        values = super().clean()
        field = "off_percent" if values.get("sort") == "share" else "off_minor"
        if field not in self.errors and values.get(field) is None:
            self.add_error(field, _("Say how much the coupon takes off."))
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
    field_order = ("name", "file", "from_at", "to_at", "audience", "tiers", "segments")

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
    field_order: tuple[str, ...] = ("name", "from_at", "to_at", "terms", "audience", "tiers", "segments")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("stock")
        self.fields["to_at"].required = True
        self.fields["to_at"].help_text = _("The last day, included, or a time.")
        for number in range(1, PRIZE_ROWS + 1):
            self.fields[f"prize_{number}"] = forms.CharField(
                label=_("Prize %(number)d") % {"number": number}, max_length=60, required=number == 1
            )
            self.fields[f"count_{number}"] = CountField(
                label=_("Pieces"), most=10_000_000, required=number == 1
            )
            worth = MoneyField(label=_("Market value of one"), required=number == 1)
            worth.currency = self.merchant.currency
            self.fields[f"value_{number}"] = worth

    def prize_rows(self) -> list[list[forms.BoundField]]:
        """The fields of each prize, for the page."""
        numbers = range(1, PRIZE_ROWS + 1)
        return [[self[f"{part}_{n}"] for part in ("prize", "count", "value")] for n in numbers]

    def shared(self) -> list[forms.BoundField]:
        """The other visible fields, in their order."""
        return [f for f in self.visible_fields() if not f.name.startswith(("prize_", "count_", "value_"))]

    def clean(self) -> dict[str, Any]:
        """A prize begun is a prize told whole."""
        values = super().clean()
        for number in range(2, PRIZE_ROWS + 1):
            parts = {part: values.get(f"{part}_{number}") for part in ("prize", "count", "value")}
            if not any(part is not None and part != "" for part in parts.values()):
                continue
            for part, value in parts.items():
                if (value is None or value == "") and f"{part}_{number}" not in self.errors:
                    self.add_error(f"{part}_{number}", _("Name, pieces and value belong together."))
        return values

    def settings(self) -> dict[str, Any]:
        values = self.cleaned_data
        prizes = [
            {"name": values[f"prize_{n}"], "count": values[f"count_{n}"], "value_minor": values[f"value_{n}"]}
            for n in range(1, PRIZE_ROWS + 1)
            if values.get(f"prize_{n}")
        ]
        return {"prizes": prizes, "terms": values["terms"]}

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {"terms": settings.get("terms", "")}
        for number, prize in enumerate(settings.get("prizes", [])[:PRIZE_ROWS], start=1):
            found[f"prize_{number}"] = prize.get("name")
            found[f"count_{number}"] = prize.get("count")
            found[f"value_{number}"] = prize.get("value_minor")
        return found


class LuckyDrawForm(DrawForm):
    kind = "lucky_draw"


class DrawPurchaseForm(DrawForm):
    """A draw for the right to buy: the prize is the thing, and winners pay its price."""

    kind = "draw_purchase"
    price_minor = MoneyField(label=_("Price that winners pay"))
    field_order = ("name", "price_minor", "from_at", "to_at", "terms", "audience", "tiers", "segments")

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "price_minor": self.cleaned_data["price_minor"]}

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {**super().initial_settings(settings), "price_minor": settings.get("price_minor")}


FORMS: dict[str, type[BenefitForm]] = {
    form.kind: form for form in (CouponForm, MemberPriceForm, LuckyDrawForm, DrawPurchaseForm)
}


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
