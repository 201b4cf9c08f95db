"""Settings of plain kinds in words: what each is called in a form, and what it says of a benefit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from members.templatetags.fmt import money_text, points

# name -> label, help. Settings of money end in `_minor`, those of `TEXTS` are text, all others whole numbers.
LABELS: dict[str, tuple[Promise, Promise | str]] = {
    "item": (gettext_lazy("Item"), gettext_lazy("As the cashier should read it: “a box of tea”.")),
    "contents": (gettext_lazy("What is in the box"), ""),
    "partner": (gettext_lazy("Partner and what it gives"), gettext_lazy("Such as “music app, one month”.")),
    "event": (gettext_lazy("Event"), gettext_lazy("What, where and when.")),
    "contact": (
        gettext_lazy("How members reach it"),
        gettext_lazy("A person, a phone number or an account. Members see it."),
    ),
    "group": (gettext_lazy("Group"), gettext_lazy("Its name and how members get in. Members see it.")),
    "value_minor": (gettext_lazy("What it is worth"), gettext_lazy("Told as what the member saved.")),
    "price_minor": (gettext_lazy("Price for members"), ""),
    "at_least_minor": (gettext_lazy("Orders from"), gettext_lazy("Empty: any order.")),
    "cap_minor": (
        gettext_lazy("At most a time"),
        gettext_lazy("The most that one use costs you. A budget needs it."),
    ),
    "within_hours": (gettext_lazy("Within hours"), gettext_lazy("Counted from the order or the report.")),
    "hours": (gettext_lazy("Hours before others"), ""),
    "days": (gettext_lazy("Days of the trial"), gettext_lazy("Empty: it is kept.")),
    "months": (gettext_lazy("Months"), gettext_lazy("Empty: as long as the benefit.")),
    "seats": (gettext_lazy("Seats a member"), gettext_lazy("Empty: one. All seats together are the stock.")),
}
TEXTS = ("item", "contents", "partner", "event", "contact", "group")
MOST = {"within_hours": 24 * 90, "hours": 24 * 90, "days": 366, "months": 36, "seats": 100}


def told(settings: Mapping[str, Any], currency: str) -> str:
    """What settings say, the parts with commas between; "" where they say nothing that has words."""
    named = (*LABELS, "per_month", "per_member_month")
    parts = [_told(name, settings[name], currency) for name in named if settings.get(name) not in (None, "")]
    return _(", ").join(part for part in parts if part)


def _told(name: str, value: Any, currency: str) -> str:
    if name in TEXTS:
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return ""
    if name.endswith("_minor"):
        return _money(name) % {"amount": money_text(value, currency)}
    return _number(name, value) % {"number": points(value)}


def _money(name: str) -> str:
    return {
        "value_minor": _("worth %(amount)s"),
        "price_minor": _("for %(amount)s"),
        "at_least_minor": _("orders from %(amount)s"),
        "cap_minor": _("at most %(amount)s a time"),
    }.get(name, "%(amount)s")


def _number(name: str, value: int) -> str:
    if name in ("per_month", "per_member_month"):
        return ngettext("%(number)s time a month", "%(number)s times a month", value)
    if name == "within_hours":
        return ngettext("within %(number)s hour", "within %(number)s hours", value)
    if name == "hours":
        return ngettext("%(number)s hour before others", "%(number)s hours before others", value)
    if name == "days":
        return ngettext("%(number)s day", "%(number)s days", value)
    if name == "months":
        return ngettext("%(number)s month", "%(number)s months", value)
    return ngettext("%(number)s seat", "%(number)s seats", value)
