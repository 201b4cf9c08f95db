"""Fields for money, rates and counts, as people type them: full-width digits, thousands, 元. No floats."""

from __future__ import annotations

import unicodedata
from decimal import Decimal, InvalidOperation
from typing import Any

from babel.numbers import get_currency_precision
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from members.templatetags.fmt import SYMBOLS

MOST_MINOR = 10**14
_DROPPED = str.maketrans("", "", ", \u00a0_'") | {ord("\u2212"): "-"}  # the minus that our own pages write


def plain_number(text: str) -> str:
    """What is typed as Decimal reads it: "１，２３４．５０ 元" -> "1234.50"."""
    return unicodedata.normalize("NFKC", text).translate(_DROPPED).strip("¥￥$€£元圆圓")


class _NumberField(forms.CharField):
    """A text box that keeps what was typed and says what is wrong with it."""

    inputmode = "decimal"

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "inputmode": self.inputmode, "autocomplete": "off"}

    def number(self, value: str) -> Decimal:
        """The number typed. Raises ValidationError."""
        try:
            number = Decimal(plain_number(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            raise ValidationError(_("“%(text)s” is not a number."), params={"text": value}, code="number")
        return number


class MoneyField(_NumberField):
    """An amount in the merchant's currency; cleans to minor units."""

    def __init__(self, *, currency: str, least_minor: int = 0, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 24)
        super().__init__(**kwargs)
        self.currency = currency
        self.digits = get_currency_precision(currency)
        self.least_minor = least_minor

    @property
    def symbol(self) -> str:
        """What stands before the box."""
        return SYMBOLS.get(self.currency, self.currency)

    def clean(self, value: Any) -> int | None:
        """Minor units; None when left empty."""
        text = super().clean(value)
        if not text:
            return None
        minor = self.number(text).scaleb(self.digits)
        if minor != minor.to_integral_value():
            raise ValidationError(
                _("“%(text)s” has more than %(digits)s decimals."),
                params={"text": value, "digits": self.digits},
                code="decimals",
            )
        if not self.least_minor <= minor <= MOST_MINOR:
            raise ValidationError(
                _("An amount lies between %(least)s and %(most)s."),
                params={"least": self.as_typed(self.least_minor), "most": self.as_typed(MOST_MINOR)},
                code="range",
            )
        return int(minor)

    def as_typed(self, minor: int | None) -> str:
        """123450 -> "1234.50", the way it goes into the box."""
        return "" if minor is None else f"{Decimal(minor).scaleb(-self.digits):f}"


class RateField(_NumberField):
    """A rate as an exact decimal, not negative, with at most six decimals."""

    def __init__(self, *, most: int = 1_000_000, places: int = 6, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 24)
        super().__init__(**kwargs)
        self.most, self.places = most, places

    def clean(self, value: Any) -> Decimal | None:
        """The rate; None when left empty."""
        text = super().clean(value)
        if not text:
            return None
        rate = self.number(text)
        if not 0 <= rate <= self.most:
            raise ValidationError(
                _("“%(text)s” does not lie between 0 and %(most)s."),
                params={"text": value, "most": f"{self.most:,}"},
                code="range",
            )
        if rate != rate.quantize(Decimal(1).scaleb(-self.places)):
            raise ValidationError(
                _("“%(text)s” has more than %(digits)s decimals."),
                params={"text": value, "digits": self.places},
                code="decimals",
            )
        return rate


class WholeField(_NumberField):
    """A whole number within bounds."""

    inputmode = "numeric"

    def __init__(self, *, least: int = 0, most: int = 1_000_000, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 12)
        super().__init__(**kwargs)
        self.least, self.most = least, most

    def clean(self, value: Any) -> int | None:
        """The number; None when left empty."""
        text = super().clean(value)
        if not text:
            return None
        number = self.number(text)
        if number != number.to_integral_value() or not self.least <= number <= self.most:
            raise ValidationError(
                _("“%(text)s” is not a whole number from %(least)s to %(most)s."),
                params={"text": value, "least": f"{self.least:,}", "most": f"{self.most:,}"},
                code="whole",
            )
        return int(number)


class DaysField(_NumberField):
    """Some numbers of days, as "30, 7"; cleans to a list, the largest first, each once."""

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 60)
        super().__init__(**kwargs)
        self.most = most

    def to_python(self, value: Any) -> Any:
        """Raises ValidationError for what is no number of days."""
        text = unicodedata.normalize("NFKC", super().to_python(value) or "").replace("、", ",")
        found = set()
        for part in text.replace(",", " ").split():
            if not part.isdecimal() or not 1 <= int(part) <= self.most:
                raise ValidationError(
                    _("“%(text)s” is not a number of days from 1 to %(most)s."),
                    params={"text": part, "most": self.most},
                    code="number",
                )
            found.add(int(part))
        return sorted(found, reverse=True)
