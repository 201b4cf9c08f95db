"""What forms of several topics share."""

from __future__ import annotations

import datetime as dt
import unicodedata
import zoneinfo
from collections.abc import Iterable
from typing import Any

from babel import Locale
from babel.dates import get_timezone_location, get_timezone_name
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from members.lib.fields import ALPHABET, opaque_id
from members.lib.periods import YEARS, local_instant, zones
from members.lib.refusals import Refusal

# Currencies offered; any ISO code is accepted over the API and the command line.
CURRENCIES = (
    "CNY",
    "HKD",
    "TWD",
    "MOP",
    "USD",
    "EUR",
    "GBP",
    "JPY",
    "KRW",
    "SGD",
    "MYR",
    "THB",
    "AUD",
    "CAD",
)
ZONES = (
    "Asia/Shanghai", "Asia/Urumqi", "Asia/Hong_Kong", "Asia/Macau", "Asia/Taipei", "Asia/Singapore",
    "Asia/Kuala_Lumpur", "Asia/Bangkok", "Asia/Tokyo", "Asia/Seoul", "Australia/Sydney", "Europe/London",
    "Europe/Paris", "America/New_York", "America/Chicago", "America/Los_Angeles", "UTC",
)  # fmt: skip

LONGEST_ASKED = 128  # characters of a text in an address
FIRST_DAY, LAST_DAY = dt.date(YEARS[0], 1, 1), dt.date(YEARS[-1], 12, 30)


def one_line(text: str, *, most: int = LONGEST_ASKED) -> str:
    """A text from outside that no field of a form has cleaned, trimmed and cut, without control characters.

    PostgreSQL refuses a NUL wherever it stands, a look-up included.
    """
    return "".join(char for char in text if unicodedata.category(char) != "Cc").strip()[:most].rstrip()


def asked(request: HttpRequest, name: str = "q", *, most: int = LONGEST_ASKED) -> str:
    """A text of the address: what is searched for, which row is opened. Every view reads them through this."""
    return one_line(request.GET.get(name, ""), most=most)


def within_years(day: dt.date) -> dt.date:
    """A day; the first or last that people may name where it lies beyond."""
    return min(max(day, FIRST_DAY), LAST_DAY)


def midnight(day: dt.date | None, zone: zoneinfo.ZoneInfo, *, after: bool = False) -> dt.datetime | None:
    """The instant at which a day of an address begins (or, `after`, the one at which it is over); None for no day.

    A day before or after the years that people may name is taken as their first or last.
    """
    if day is None:
        return None
    day = within_years(day)
    return local_instant(day + dt.timedelta(days=1) if after else day, dt.time(), zone)


def locale() -> Locale:
    """Babel's locale of the active language."""
    return Locale.parse((get_language() or "en").replace("-", "_"), sep="_")


def currency_choices(present: str = "") -> list[tuple[str, str]]:
    """(code, "CNY · Chinese Yuan") in the active language; the present one is among them."""
    names = locale().currencies
    codes = [*CURRENCIES, *([present] if present and present not in CURRENCIES else [])]
    return [(code, f"{code} · {names.get(code, code)}") for code in codes]


def zone_choices(present: str = "") -> list[tuple[str, str]]:
    """(zone, its place in the active language); the present one is among them."""
    zones = [*ZONES, *([present] if present and present not in ZONES else [])]
    return [(zone, zone_label(zone)) for zone in zones]


def zone_label(zone: str) -> str:
    """A zone's place, and its name in the database of zones."""
    if zone == "UTC" or zone not in zones():
        return zone
    place = get_timezone_location(zone, locale=locale(), return_city=True)
    country = get_timezone_location(zone, locale=locale())
    both = country if place in country else f"{country} {place}"
    return f"{both} · {get_timezone_name(zoneinfo.ZoneInfo(zone), width='long', locale=locale())}"


class OnceField(forms.CharField):
    """A hidden random id that the made thing takes as its public id: the same form sent twice makes one thing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False, max_length=16, widget=forms.HiddenInput, initial=lambda: opaque_id(16), **kwargs
        )

    def clean(self, value: Any) -> str:
        """The id; one of our own making when it is missing or looks different."""
        text = str(value or "")
        return text if len(text) == 16 and set(text) <= set(ALPHABET) else opaque_id(16)


class LanguageField(forms.ChoiceField):
    """One of the three languages, each in its own words."""

    def __init__(self, **kwargs: Any) -> None:
        from django.conf import settings

        kwargs.setdefault("label", _("Language"))
        super().__init__(choices=settings.LANGUAGES, **kwargs)


def offer(form: forms.BaseForm, name: str, choices: Iterable[tuple[str, Any]]) -> None:
    """Give a form's field the choices of this moment."""
    field = form.fields[name]
    if not isinstance(field, forms.ChoiceField):
        raise TypeError(f"{name} is no field with choices")
    field.choices = list(choices)


def add_refusal(form: forms.BaseForm, refusal: Refusal) -> None:
    """Show a service's refusal in the form: at its fields where it names them, else above them."""
    named = {field: detail for field, detail in refusal.errors.items() if field in form.fields}
    for field, detail in named.items():
        form.add_error(field, str(detail))
    if not named:
        form.add_error(None, refusal.detail)


def answer(
    request: HttpRequest, template: str, context: dict[str, Any], *forms_shown: forms.BaseForm
) -> HttpResponse:
    """The page; 422 when one of its forms is in error."""
    wrong = any(form.is_bound and form.errors for form in forms_shown)
    return render(request, template, context, status=422 if wrong else 200)
