"""The calendar of benefits: a month, what is in force each day, and the days without anything that counts."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from benefits.lib.kinds import label_of
from benefits.selectors import calendar
from benefits.selectors.calendar import Day, Lane
from benefits.web.benefits import may_write, reads
from benefits.web.words import period_text
from members.lib.periods import add_months, merchant_day
from members.web.forms import asked
from members.web.request import StaffRequest

YEARS = (2000, 2099)
SHOWN = 3  # benefits named in a day's cell; the table has them all


def _month(text: str, today: dt.date) -> dt.date:
    """The first day of the month asked for, 2026-06; this month where none is meant."""
    year, _dash, month = text.partition("-")
    is_month = len(text) == 7 and text.isascii() and year.isdecimal() and month.isdecimal()
    if is_month and YEARS[0] <= int(year) <= YEARS[1] and 1 <= int(month) <= 12:
        return dt.date(int(year), int(month), 1)
    return today.replace(day=1)


@reads
@require_safe
def calendar_page(request: StaffRequest) -> HttpResponse:
    """A month, days of the merchant's zone."""
    at, merchant = timezone.now(), request.merchant
    today = merchant_day(at, merchant.zone)
    first = _month(asked(request, "month", most=7), today)
    days, lanes = calendar.month(merchant_id=merchant.pk, first=first, zone=merchant.zone, at=at)
    names = [lane.benefit.name or str(label_of(lane.benefit.kind)) for lane in lanes]
    gaps = [
        {
            "first": start,
            "last": end,
            "days": (end - start).days + 1,
            "is_open": end >= today,
            "from": max(start, today),
        }
        for start, end in calendar.gaps(days)
    ]
    context: dict[str, Any] = {
        "title": date_format(first, "YEAR_MONTH_FORMAT"),
        "month": f"{first:%Y-%m}",
        "before": f"{add_months(first, -1):%Y-%m}",
        "after": f"{add_months(first, 1):%Y-%m}",
        "is_now": first == today.replace(day=1),
        "weekdays": [date_format(dt.date(2024, 1, number), "D") for number in range(1, 8)],
        "lead": range(first.weekday()),
        "days": [_day(day, lanes, names, today) for day in days],
        "lanes": [
            {
                "row": lane.benefit,
                "name": name,
                "counts": lane.counts,
                "periods": [period_text(span.start, span.end, merchant.zone) for span in lane.spans],
            }
            for lane, name in zip(lanes, names, strict=True)
        ],
        "gaps": gaps,
        "today": today,
        "may_write": may_write(request),
    }
    return render(request, "benefits/calendar/page.html", context)


def _day(day: Day, lanes: list[Lane], names: list[str], today: dt.date) -> dict[str, Any]:
    """A day as its cell shows it."""
    some = [
        {"name": names[place], "row": lanes[place].benefit, "counts": lanes[place].counts}
        for place in day.lanes
    ]
    return {
        "on": day.on,
        "label": date_format(day.on, "l j F Y"),
        "some": some[:SHOWN],
        "more": max(0, len(some) - SHOWN),
        "all": _(", ").join(names[place] for place in day.lanes),
        "is_gap": day.is_gap,
        "is_today": day.on == today,
        "is_past": day.on < today,
    }
