"""The forms of benefits that the rules of earning keep: points multiplier and check-in."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.check_in import MOST_DAYS
from benefits.lib.kinds.check_in import MOST_POINTS as MOST_CHECK_IN
from benefits.lib.kinds.points_multiplier import CAPS, MOST_DATES, MOST_POINTS, MOST_TIMES
from benefits.web.base_forms import BenefitForm
from benefits.web.fields import CountField, plain_text
from members.web.earning_forms import WEEKDAYS

STREAK_ROWS = 3
SEPARATORS = re.compile(r"[\s,，、;；]+")


class PointsForm(BenefitForm):
    """For all members, or those of certain tiers: the rules of earning know neither segments nor stores; and nothing is
    in stock."""

    stock = None  # type: ignore[assignment]
    stores = None  # type: ignore[assignment]

    def __init__(self, *args: Any, segments: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class TimesField(forms.CharField):
    """A multiplier; text without needless zeros in Python."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_length=10,
            widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
            **kwargs,
        )

    def clean(self, value: Any) -> str:
        text = super().clean(plain_text(value)).lstrip("×xX").rstrip("倍").strip()
        try:
            times = Decimal(text)
        except InvalidOperation:
            raise ValidationError(_("“%(text)s” is not a number."), params={"text": text}) from None
        if not times.is_finite() or not 1 < times <= MOST_TIMES or times != round(times, 2):
            raise ValidationError(
                _("Give a number above 1, at most %(most)s, with at most two decimals."),
                params={"most": MOST_TIMES},
            )
        return f"{times.normalize():f}"


class ListField(forms.CharField):
    """Things with spaces or commas between; each once, in Python."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_length=2_000,
            required=False,
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """What is stored back to what is typed."""
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> list[Any]:
        parts = [part for part in SEPARATORS.split(plain_text(super().clean(value))) if part]
        return list(dict.fromkeys(self.read(part) for part in parts))

    def read(self, text: str) -> Any:
        """One of them. Raises ValidationError."""
        return text


class MonthDaysField(ListField):
    """Days of the month."""

    def read(self, text: str) -> int:
        number = text.rstrip("日号號.")
        if not re.fullmatch(r"[0-9]{1,2}", number) or not 1 <= int(number) <= 31:
            raise ValidationError(_("“%(text)s” is no day of a month."), params={"text": text})
        return int(number)


class DatesField(ListField):
    """Days of the calendar."""

    def clean(self, value: Any) -> list[str]:
        found = super().clean(value)
        if len(found) > MOST_DATES:
            raise ValidationError(_("Name at most %(most)s dates."), params={"most": MOST_DATES})
        return found

    def read(self, text: str) -> str:
        try:
            year, month, day = map(int, re.split(r"[-/.年月]", text.rstrip("日")))
            return dt.date(year, month, day).isoformat()
        except ValueError:
            raise ValidationError(
                _("“%(text)s” is no day; write it like 2026-11-11."), params={"text": text}
            ) from None


class PointsMultiplierForm(PointsForm):
    """How many times the points, and on which days."""

    kind = "points_multiplier"
    multiplier = TimesField(label=_("Times the points"), help_text=_("2 doubles the points of an order."))
    weekdays = forms.TypedMultipleChoiceField(
        label=_("Days of the week"),
        choices=WEEKDAYS,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Name no day at all, and every day counts."),
    )
    month_days = MonthDaysField(
        label=_("Days of the month"), help_text=_("Such as 8, 18, 28. A shorter month leaves a day out.")
    )
    dates = DatesField(label=_("Dates"), help_text=_("Such as 2026-11-11, 2026-12-12."))
    day_most = CountField(
        label=_("Most it gives a member a day"),
        least=1,
        most=MOST_POINTS,
        required=False,
        help_text=_("In points. Empty: no limit."),
    )
    member_most = CountField(
        label=_("Most it gives a member in all"),
        least=1,
        most=MOST_POINTS,
        required=False,
        help_text=_("In points. Empty: no limit."),
    )

    def field_rows(self) -> list[list[forms.BoundField]]:
        """For the page."""
        return [
            [self["multiplier"]],
            [self["weekdays"]],
            [self["month_days"], self["dates"]],
            [self[name] for name in CAPS],
        ]

    def settings(self) -> dict[str, Any]:
        values = self.cleaned_data
        found = {name: values[name] for name in ("multiplier", "weekdays", "month_days", "dates", *CAPS)}
        return {name: value for name, value in found.items() if value not in (None, [])}

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return dict(settings)


class CheckInForm(PointsForm):
    """Points a day, and what days in a row bring."""

    kind = "check_in"
    channels = scenes = None  # type: ignore[assignment]
    points = CountField(label=_("Points a day"), least=1, most=MOST_CHECK_IN)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rows(self.initial.get("streaks") or ())
        for number in self.numbers:
            self.fields[f"days_{number}"] = CountField(
                label=_("Days in a row"), least=2, most=MOST_DAYS, required=False
            )
            self.fields[f"more_{number}"] = CountField(
                label=_("Points besides"), least=1, most=MOST_CHECK_IN, required=False
            )

    def _rows(self, streaks: Sequence[Mapping[str, Any]]) -> None:
        for number, row in enumerate(streaks, start=1):
            self.initial[f"days_{number}"], self.initial[f"more_{number}"] = row["days"], row["points"]
        told = [n for n in range(1, 11) if self.data.get(f"days_{n}") or self.initial.get(f"days_{n}")]
        self.numbers = range(1, max([STREAK_ROWS, *told]) + 1)

    def field_rows(self) -> list[list[forms.BoundField]]:
        """For the page."""
        return [[self["points"]], *([self[f"days_{n}"], self[f"more_{n}"]] for n in self.numbers)]

    def clean(self) -> dict[str, Any]:
        """A row that is begun is told whole, and no two are of the same days."""
        values = super().clean()
        seen: set[int] = set()
        for number in self.numbers:
            days, more = values.get(f"days_{number}"), values.get(f"more_{number}")
            if (days is None) != (more is None) and not self.errors:
                missing = "days" if days is None else "more"
                self.add_error(f"{missing}_{number}", _("Days and points belong together."))
            if days is not None and days in seen:
                self.add_error(f"days_{number}", _("Two rows have the same number of days."))
            seen |= {days} if days is not None else set()
        return values

    def settings(self) -> dict[str, Any]:
        values = self.cleaned_data
        rows = [(values.get(f"days_{n}"), values.get(f"more_{n}")) for n in self.numbers]
        streaks = [{"days": days, "points": more} for days, more in rows if days and more]
        return {"points": values["points"], **({"streaks": streaks} if streaks else {})}

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return dict(settings)
