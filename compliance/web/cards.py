"""What Home and the status page are made of: the state card, the countdown, the strip with its lanes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from benefits.lib.kinds import label_of
from benefits.lib.spans import Span
from compliance.lib import strip as strips
from compliance.lib.appeals import appealable_until
from compliance.lib.calendar import PLATFORM_ZONE, platform_date
from compliance.lib.state import State, uncovered_days
from compliance.lib.strip import ONE_DAY
from compliance.selectors import evidence, notices
from compliance.selectors.evidence import Line
from compliance.selectors.facts import Facts
from compliance.selectors.glance import Glance
from compliance.services import life
from compliance.web import words
from members.models import ProgramStatus

AHEAD = 21  # days of the future that a strip shows where no run is near
APART = 7  # days between two labels under a strip
FARTHEST = 62  # a run farther off than this is not drawn
_INSTANT = dt.timedelta(microseconds=1)


def horizon(facts: Facts, at: dt.datetime) -> dt.date:
    """The last day that a strip shows: that of the threatening run when it is near, else three weeks ahead."""
    today, run = platform_date(at), facts.threat
    if run is not None and (run.on - today).days <= FARTHEST:
        return max(run.on, today + 2 * ONE_DAY)
    return today + AHEAD * ONE_DAY


def coverage(facts: Facts, at: dt.datetime, *, until: dt.date | None = None) -> dict[str, Any]:
    """The strip's days with its marks and what it says in figures."""
    first, today = strips.window_of(facts.policy, at), platform_date(at)
    last = until or horizon(facts, at)
    days = [
        {"date": day.date, "state": day.state}
        for day in strips.strip(facts.coverages, facts.policy, at, first, last)
    ]
    covered = sum(day["state"] == strips.COVERED for day in days)
    return {
        "days": days,
        "marks": _marks(facts, at, first, last),
        "first": first,
        "last": last,
        "today": today,
        "window": facts.policy.window_days,
        "covered": covered,
        "has_uncounted": any(day["state"] == strips.UNCOUNTED for day in days),
        "without": facts.policy.window_days - covered,
    }


def _marks(facts: Facts, at: dt.datetime, first: dt.date, last: dt.date) -> list[tuple[dt.date, str, str]]:
    """First day, firsts of months, today, when the rule fails, the run; labels keep their distance."""
    today, run = platform_date(at), facts.threat
    fails = None if facts.assessment.danger_at is None else platform_date(facts.assessment.danger_at)
    named = {first: (short(first), "")}
    is_closed = facts.status == ProgramStatus.CLEARED
    if today <= last:
        named[today] = (short(today) if is_closed else _("Today"), "now")
    if run is not None and run.on <= last and not is_closed:
        named[run.on] = (short(run.on), "warning")
        if (run.on - today).days <= APART:
            named[today] = ("", "now")
    if fails is not None and first < fails <= last and fails not in named:
        is_near = any(abs((fails - day).days) <= APART for day, (text, _level) in named.items() if text)
        named[fails] = ("" if is_near else short(fails), "warning")
    month = first.replace(day=1)
    while month <= last:
        if all(abs((month - day).days) > APART + 2 for day in (*named, last)):
            named[month] = (short(month), "minor")
        month = (month + 32 * ONE_DAY).replace(day=1)
    return [(day, *text) for day, text in sorted(named.items())]


def short(day: dt.date) -> str:
    """06-30."""
    return day.strftime("%m-%d")


def near(day: dt.date, at: dt.datetime) -> str:
    """06-30, with its year when it is another one."""
    return short(day) if day.year == platform_date(at).year else day.isoformat()


# ---- Home's card --------------------------------------------------------------------------------------------------


def state_card(found: Glance) -> dict[str, Any]:
    """The card of Home: chip, date, strip, facts."""
    card: dict[str, Any] = {
        "chip": words.chip(found.state),
        "is_cleared": found.is_cleared,
        "sentence": "",
        "coverage": None,
        "facts": [],
        "lines": [],
    }
    card |= _figure(found)
    facts = found.facts
    if facts is not None:
        lines = evidence.lines(facts=facts, at=found.at, until=platform_date(found.at))
        live = evidence.qualifying(lines)
        card["lines"] = lines
        card["coverage"] = coverage(facts, found.at)
        card["facts"] = _facts(found, facts, live)
        if found.state is State.OPEN:
            card["sentence"] = good_standing(found, live)
    return card


def good_standing(found: Glance, live: int) -> Any:
    """The sentence of a program with nothing to fear."""
    run = found.run
    if run is None:
        return ngettext(
            "In good standing. {k} qualifying benefit live; with what is set up now, no clearance is in sight.",
            "In good standing. {k} qualifying benefits live; with what is set up now, no clearance is in sight.",
            live,
        ).format(k=live)
    text = ngettext(
        "In good standing. {k} qualifying benefit live; with what is set up now, no clearance before {date}.",
        "In good standing. {k} qualifying benefits live; with what is set up now, no clearance before {date}.",
        live,
    )
    return format_html(text, k=live, date=words.strong(run.on.isoformat()))


def _figure(found: Glance) -> dict[str, Any]:
    """The large figure of a state, its unit, and the line below it."""
    run, closed_at = found.run, found.program.closed_at
    if found.state is State.DRAFT:
        n = found.steps_left
        return {
            "big": n,
            "unit": ngettext("step left", "steps left", n),
            "note": _("of the set-up guide"),
        }
    if closed_at is not None:
        local = closed_at.astimezone(PLATFORM_ZONE)
        note = _("closed by the run of that day") if found.is_cleared else _("closed by the shop")
        return {"big": near(local.date(), found.at), "unit": local.strftime("%H:%M"), "note": note}
    if run is None:
        exempt = found.facts is not None and found.facts.exempt_until is not None
        if exempt:
            return {"big": _("Exempt"), "unit": "", "note": _("kept out of runs by the platform")}
        return {"big": _("Safe"), "unit": "", "note": _("no clearance in sight")}
    left = words.left_text(run.at, found.at)
    if found.is_threatened:
        level = "bad" if found.state is State.FINAL_NOTICE else "warn"
        left_html = format_html('<strong class="{}">{}</strong>', level, left)
        note = format_html(_("until the run, {time} left"), time=left_html)
        return {"big": short(run.on), "unit": "23:00", "note": note}
    is_this_year = run.on.year == platform_date(found.at).year
    return {
        "big": short(run.on),
        "unit": "" if is_this_year else str(run.on.year),
        "note": format_html(_("safe until then, {time}"), time=left),
    }


def _facts(found: Glance, facts: Facts, live: int) -> list[dict[str, str]]:
    at, danger_at = found.at, facts.assessment.danger_at
    n = uncovered_days(facts.assessment.uncovered_since, at) or 0
    rows = [
        {"label": _("Live and counted"), "value": str(live), "level": "" if live else "bad"},
        {
            "label": _("Days without"),
            "value": ngettext("{n} day", "{n} days", n).format(n=n),
            "level": "warn" if n and found.is_threatened else "",
        },
    ]
    if danger_at is not None:
        label = ngettext("{n} day reached", "{n} days reached", facts.policy.window_days)
        past = danger_at <= at
        rows.append(
            {
                "label": label.format(n=facts.policy.window_days),
                "value": near(platform_date(danger_at), at),
                "level": "bad" if past else "warn" if found.is_threatened else "",
            }
        )
    coming = next_warning(found)
    if coming is not None:
        rows.append({"label": _("Next warning"), "value": near(coming[0], at), "level": ""})
    return rows


def next_warning(found: Glance) -> tuple[dt.date, int] | None:
    """The next warning of an open program: its platform day, and how many days before the run it is."""
    run, policy = found.run, found.policy
    if run is None or policy is None or found.is_cleared or found.state is State.CLOSED:
        return None
    return notices.next_warning(policy=policy, run_on=run.on, at=found.at)


# ---- the status page ----------------------------------------------------------------------------------------------


def countdown(found: Glance) -> dict[str, Any]:
    """The large figure with its way: today, when the rule fails, the run; or what follows a closing."""
    if found.is_cleared:
        return _after_clearing(found)
    facts, run, at = found.facts, found.run, found.at
    if facts is None:
        figure = _figure(found)
        return {"label": "", "big": figure["big"], "unit": figure["unit"], "level": "", "steps": []}
    n = uncovered_days(facts.assessment.uncovered_since, at)
    without = _("a qualifying benefit is in force") if n is None else ngettext(
        "{n} day without", "{n} days without", n).format(n=n)  # fmt: skip
    today = platform_date(at)
    steps = [{"date": short(today), "title": _("Today"), "note": without, "level": "done", "day": today}]
    danger_at = facts.assessment.danger_at
    if danger_at is not None:
        steps.append(_danger_step(facts, danger_at, at))
    if run is None:
        label = _("Exempt") if facts.exempt_until else _("No clearance in sight")
        return {"label": label, "big": "--", "unit": "", "level": "", "steps": _ordered(steps)}
    number, unit = words.days_left(run.at, at)
    level = {State.AT_RISK: "warn", State.FINAL_NOTICE: "bad"}.get(found.state, "")
    steps.append(
        {
            "date": f"{near(run.on, at)} 23:00",
            "title": _("Run of the month"),
            "note": _("closes then") if found.is_threatened else _("as set up now"),
            "level": "due" if found.is_threatened else "",
            "day": run.on,
        }
    )
    return {
        "label": _("To the run"),
        "big": number,
        "unit": words.unit_text(number, unit),
        "level": level,
        "steps": _ordered(steps),
    }


def _danger_step(facts: Facts, danger_at: dt.datetime, at: dt.datetime) -> dict[str, Any]:
    past, day, window = danger_at <= at, platform_date(danger_at), facts.policy.window_days
    title = ngettext("{n} day reached", "{n} days reached", window).format(n=window)
    note = _("the rule holds") if past else _("from then the rule holds")
    if past and danger_at <= facts.opened_at:
        title = _("Opened")
        note = _("nothing qualified since")
    return {
        "date": near(day, at),
        "title": title,
        "note": note,
        "level": "warn",
        "day": day,
    }


def _ordered(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(steps, key=lambda step: step["day"])


def _after_clearing(found: Glance) -> dict[str, Any]:
    """Closed, until when it can be appealed, from when it can be opened again."""
    at, closed_at = found.at, found.program.closed_at
    assert closed_at is not None
    reopens_at = life.reopens_at(found.program, at=at)
    day = platform_date(closed_at)
    appeal = platform_date(appealable_until(closed_at))
    steps: list[dict[str, Any]] = [
        {
            "date": f"{near(day, at)} 23:00",
            "title": _("Closed"),
            "note": _("by that day's run"),
            "level": "done",
            "day": day,
        },
        {
            "date": near(appeal, at),
            "title": _("Appeal until"),
            "note": "",
            "level": "done" if appeal < platform_date(at) else "",
            "day": appeal,
        },
    ]
    big: dict[str, Any] = {"label": _("Closed"), "big": near(day, at), "unit": "", "level": "bad"}
    if reopens_at is not None:
        can = reopens_at <= at
        steps.append(
            {
                "date": near(platform_date(reopens_at), at),
                "title": _("Reopening"),
                "note": _("possible now") if can else _("possible from then on"),
                "level": "due" if can else "",
                "day": platform_date(reopens_at),
            }
        )
        if not can:
            number, unit = words.days_left(reopens_at, at)
            big = {
                "label": _("To reopening"),
                "big": number,
                "unit": words.unit_text(number, unit),
                "level": "bad",
            }
    return big | {"steps": _ordered(steps)}


def lanes(found: list[Line], url: Callable[[Line], str]) -> list[dict[str, Any]]:
    """One lane a benefit: what was in force, each stretch counted or not."""
    rows = []
    for line in found:
        if not line.spans:
            continue
        counted = set(line.counted)
        rows.append(
            {
                "label": line.benefit.name or str(label_of(line.kind)),
                "url": url(line),
                "spans": [_bar(span, span in counted) for span in line.spans],
                "caption": lane_caption(line),
            }
        )
    return rows


def lane_caption(line: Line) -> str:
    """A lane in one sentence."""
    title, note = words.reason_text(line)
    return f"{line.benefit.name or label_of(line.kind)}: {title}. {note}"


def _bar(span: Span, is_counted: bool) -> tuple[dt.date, dt.date | None, bool]:
    assert span.start is not None  # clipped to the window
    end = None if span.end is None else platform_date(span.end - _INSTANT) + ONE_DAY
    return platform_date(span.start), end, is_counted
