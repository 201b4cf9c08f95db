"""Form fields that take what merchants type: money, shares, whole numbers, days and times."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from decimal import Decimal, InvalidOperation
from typing import Any

from babel.numbers import get_currency_precision
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from benefits.lib.prices import parse_amount
from benefits.web.words import last_day_text, moment_text

MOST_YEARS = (2000, 2100)


def plain_text(value: Any) -> str:
    """What was typed, in one width and without space at its ends."""
    return unicodedata.normalize("NFKC", str(value or "")).strip()


class MoneyField(forms.CharField):
    """Money as people write it; a whole number of minor units in Python. `currency` is set by the form."""

    currency = "CNY"

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}))
        super().__init__(max_length=40, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Minor units back to what is typed; what was typed stays as it was."""
        if not isinstance(value, int):
            return value
        digits = get_currency_precision(self.currency)
        return f"{Decimal(value).scaleb(-digits):.{digits}f}"

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_amount(text, self.currency)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class ShareField(forms.CharField):
    """A share taken off, in per cent: 15, 15 %, or 8.5 折. Text of the per cent in Python, None when empty."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}))
        super().__init__(max_length=20, **kwargs)

    def clean(self, value: Any) -> int | str | None:
        text = super().clean(plain_text(value))
        if not text:
            return None
        is_paid = text.endswith("折")
        try:
            share = Decimal(text.rstrip("折%").strip())
        except InvalidOperation:
            raise ValidationError(_("“%(text)s” is not a number."), params={"text": text}) from None
        if not share.is_finite():
            raise ValidationError(_("“%(text)s” is not a number."), params={"text": text})
        if is_paid:
            share = 100 - share * 10
        if share <= 0:
            raise ValidationError(_("Give a share above 0 %."))
        if share > 100:
            raise ValidationError(
                _("%(share)s %% is more than 100 %%. Give a number up to 100."),
                params={"share": f"{share:f}"},
            )
        if share != share.quantize(Decimal("0.01")):
            raise ValidationError(_("A share has at most two digits behind the point."))
        return int(share) if share == share.to_integral_value() else f"{share.normalize():f}"


class CountField(forms.CharField):
    """A whole number, `least` or more; full-width digits and commas are understood."""

    def __init__(self, *, least: int = 0, most: int = 2_000_000_000, **kwargs: Any) -> None:
        self.least, self.most = least, most
        kwargs.setdefault("widget", forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}))
        super().__init__(max_length=20, **kwargs)

    def clean(self, value: Any) -> int | None:
        text = super().clean(plain_text(value)).replace(",", "")
        if not text:
            return None
        if not re.fullmatch(r"[0-9]{1,15}", text):
            raise ValidationError(_("“%(text)s” is not a whole number."), params={"text": text})
        if int(text) > self.most:
            raise ValidationError(_("The most is %(most)s."), params={"most": f"{self.most:,}"})
        if int(text) < self.least:
            raise ValidationError(_("The least is %(least)s."), params={"least": f"{self.least:,}"})
        return int(text)


class MomentField(forms.CharField):
    """A day, or a day and a time, in the merchant's zone; an instant in Python. `zone` is set by the form.

    With `last=True` a day alone is the last one, included: its instant is the midnight after it.
    """

    zone: dt.tzinfo = dt.UTC

    def __init__(self, *, last: bool = False, **kwargs: Any) -> None:
        self.last = last
        kwargs.setdefault("widget", forms.DateInput())
        super().__init__(max_length=40, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """An instant back to what is typed."""
        if not isinstance(value, dt.datetime):
            return value
        return last_day_text(value, self.zone) if self.last else moment_text(value, self.zone)

    def clean(self, value: Any) -> dt.datetime | None:
        text = (
            re.sub(r"[/.年月]", "-", super().clean(plain_text(value)))
            .replace("日", " ")
            .replace("T", " ")
            .strip()
        )
        if not text:
            return None
        found = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})(?: +(\d{1,2}):(\d{2}))?", text)
        if found is None:
            raise ValidationError(_("Write a day like 2026-06-30, or a time like 2026-06-30 14:05."))
        year, month, day, hour, minute = (int(part or 0) for part in found.groups())
        try:
            local = dt.datetime(year, month, day, hour, minute, tzinfo=self.zone)
        except ValueError:
            raise ValidationError(
                _("“%(text)s” does not exist in the calendar."), params={"text": text}
            ) from None
        if not MOST_YEARS[0] <= year < MOST_YEARS[1]:
            raise ValidationError(
                _("Give a year from %(first)d to %(last)d."), params={"first": 2000, "last": 2099}
            )
        if self.last and found.group(4) is None:
            local = dt.datetime.combine(local.date() + dt.timedelta(days=1), dt.time(), tzinfo=self.zone)
        return local
