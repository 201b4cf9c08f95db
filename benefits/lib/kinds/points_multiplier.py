"""More points for orders, on every day or on certain ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind, Show
from benefits.lib.kinds.checks import Settings, invalid, is_count, is_number

MOST_TIMES = 100
MOST_DATES = 100
MOST_POINTS = 10**9
DAYS: Mapping[str, int] = {"weekdays": 7, "month_days": 31}
CAPS = ("day_most", "member_most")


class PointsMultiplierKind(Kind):
    """Orders paid while it is in force earn `multiplier` times the points: on `weekdays` (1, Monday, to 7),
    `month_days` (1 to 31) or `dates` (2026-11-11), whichever names the day; none named, on every day. `day_most` and
    `member_most` are the most that it gives a member a day, and in all.
    """

    code = "points_multiplier"
    label = _("Points multiplier")
    group = "value"
    place = 10
    text = _("More points for orders, on every day or on your members' days.")
    names = ("multiplier", *DAYS, "dates", *CAPS)
    inner: ClassVar = dict.fromkeys((*DAYS, "dates"), ())
    gives = asked = ("multiplier",)
    usual: ClassVar = {"multiplier": "2"}
    moves_points = True

    def nothing_given(self) -> str:
        return gettext("Say how many times the points members earn.")

    def check_own(self, settings: Settings, currency: str) -> None:
        if settings.get("multiplier") is not None:
            _check_times(settings["multiplier"])
        for name, most in DAYS.items():
            days = settings.get(name)
            is_list = days is None or (
                isinstance(days, list) and all(is_count(day, most) and day >= 1 for day in days)
            )
            if not is_list:
                text = _("“%(name)s” is a list of whole numbers from 1 to %(most)s.")
                raise invalid(name, text % {"name": name, "most": most})
        dates = settings.get("dates")
        if dates is not None and not (
            isinstance(dates, list) and len(dates) <= MOST_DATES and all(_is_date(day) for day in dates)
        ):
            raise invalid(
                "dates",
                _("Dates are a list of at most %(most)s days like 2026-11-11.") % {"most": MOST_DATES},
            )
        for name in CAPS:
            if settings.get(name) is not None and not (
                is_count(settings[name], MOST_POINTS) and settings[name]
            ):
                raise invalid(name, _("Give whole points above zero, or leave it empty."))

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        return is_number(settings.get("multiplier"), 1)

    def dates_of(self, settings: Settings) -> tuple[dt.date, ...] | None:
        if not settings.get("dates") or any(settings.get(name) for name in DAYS):
            return None
        return tuple(sorted(dt.date.fromisoformat(day) for day in settings["dates"]))

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        times, days = settings.get("multiplier"), _days(settings)
        if times is None:
            return gettext("More points for your orders.")
        if not days:
            return gettext("Your orders earn %(times)s times the points.") % {"times": times}
        told = gettext("Your orders earn %(times)s times the points: %(days)s.")
        return told % {"times": times, "days": gettext(", ").join(days)}


def _days(settings: Mapping[str, Any]) -> list[str]:
    """The days that settings name, in words."""
    told = [
        gettext("every %(weekday)s") % {"weekday": WEEKDAYS[day - 1]}
        for day in sorted(settings.get("weekdays") or ())
    ]
    if months := sorted(settings.get("month_days") or ()):
        numbers = gettext(", ").join(map(str, months))
        told.append(gettext("on the days %(days)s of each month") % {"days": numbers})
    return told + sorted(settings.get("dates") or ())


def _check_times(value: Any) -> None:
    """Raises Invalid."""
    try:
        times = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        times = Decimal("NaN")
    if not times.is_finite() or not 1 <= times <= MOST_TIMES or times != round(times, 2):
        text = _("A multiplier is a number from 1 to %(most)s with at most two decimals.")
        raise invalid("multiplier", text % {"most": MOST_TIMES})


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
