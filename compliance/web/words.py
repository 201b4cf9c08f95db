"""Compliance in words: states, time left, the rule with its version, why a benefit counts or not (ux.md)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from benefits.lib.kinds import KINDS, label_of
from benefits.web.words import PAPER
from compliance.lib.calendar import PLATFORM_ZONE
from compliance.lib.danger import old_enough_on
from compliance.lib.policy import AgeBoundary, CountingBasis, Policy, PolicyVersion
from compliance.lib.state import State
from compliance.lib.words import paper_in_words
from compliance.selectors.evidence import Line
from compliance.selectors.facts import Facts
from compliance.selectors.tonight import Tonight

HOURS_FROM = dt.timedelta(hours=72)

STATES = {
    State.DRAFT: (gettext_lazy("Not open yet"), "neutral"),
    State.CLOSED: (gettext_lazy("Closed by the shop"), "neutral"),
    State.APPEALING: (gettext_lazy("Appeal pending"), "info"),
    State.CLEARED: (gettext_lazy("Closed by a clearance"), "critical"),
    State.RESTORED: (gettext_lazy("Restored"), "success"),
    State.FINAL_NOTICE: (gettext_lazy("Final notice"), "critical"),
    State.AT_RISK: (gettext_lazy("At risk"), "warning"),
    State.OBSERVING: (gettext_lazy("Observed"), "info"),
    State.OPEN: (gettext_lazy("In good standing"), "success"),
}
ICONS = {"warning": "warning", "critical": "warning", "success": "check", "info": "info", "neutral": ""}


def chip(state: State) -> dict[str, str]:
    """Word, level and icon of a state."""
    text, level = STATES[state]
    return {"text": str(text), "level": level, "icon": ICONS[level], "state": str(state)}


def on_platform(at: dt.datetime) -> str:
    """An instant by the platform's clock, which it names where the viewer's own is another."""
    local = at.astimezone(PLATFORM_ZONE)
    text = local.strftime("%Y-%m-%d %H:%M")
    return text if _is_platform_clock(at) else _("{time} (Beijing time)").format(time=text)


def _is_platform_clock(at: dt.datetime) -> bool:
    return timezone.localtime(at).utcoffset() == at.astimezone(PLATFORM_ZONE).utcoffset()


def strong(text: Any) -> SafeString:
    """A date or figure that carries a sentence."""
    return format_html('<strong class="nowrap">{}</strong>', text)


def days_left(until: dt.datetime, at: dt.datetime) -> tuple[int, str]:
    """Time left as (number, unit): days, then hours under 72 hours, then minutes; rounded down, never below zero."""
    left = max(until - at, dt.timedelta())
    if left >= HOURS_FROM:
        return left.days, "days"
    hours, rest = divmod(left, dt.timedelta(hours=1))
    return (hours, "hours") if hours else (rest // dt.timedelta(minutes=1), "minutes")


def left_text(until: dt.datetime, at: dt.datetime) -> str:
    """Time left in words: "22 days"."""
    number, unit = days_left(until, at)
    if unit == "days":
        return ngettext("{n} day", "{n} days", number).format(n=number)
    if unit == "hours":
        return ngettext("{n} hour", "{n} hours", number).format(n=number)
    return ngettext("{n} minute", "{n} minutes", number).format(n=number)


def unit_text(number: int, unit: str) -> str:
    """The unit alone, beside a large figure."""
    return {
        "days": ngettext("day", "days", number),
        "hours": ngettext("hour", "hours", number),
        "minutes": ngettext("minute", "minutes", number),
    }[unit]


def tonight_text(found: Tonight, facts: Facts) -> str:
    """What a run tonight would decide of the program, and why, in one sentence."""
    policy = found.run.version.policy
    since = _("the beginning") if found.uncovered_since is None else on_platform(found.uncovered_since)
    if found.reason == "covered":
        return ngettext(
            "If clearance ran tonight, this program would be kept: a qualifying benefit lies in the last {n} day.",
            "If clearance ran tonight, this program would be kept: a qualifying benefit lies in the last {n} days.",
            policy.window_days,
        ).format(n=policy.window_days)
    if found.reason == "notice_too_short":
        return ngettext(
            "If clearance ran tonight, this program would be left to the next run: nothing has qualified since "
            "{since}, but it was not warned {n} day before.",
            "If clearance ran tonight, this program would be left to the next run: nothing has qualified since "
            "{since}, but it was not warned {n} days before.",
            policy.min_notice_days,
        ).format(n=policy.min_notice_days, since=since)
    text = {
        "too_young": _("If clearance ran tonight, this program would be kept: it is too young before {day}."),
        "exempt": _(
            "If clearance ran tonight, this program would be held out: the platform has exempted it."
        ),
        "appeal_pending": _(
            "If clearance ran tonight, this program would be held out: an appeal is being reviewed."
        ),
        "protected": _(
            "If clearance ran tonight, this program would be held out: it is protected until {until}."
        ),
        "held_out": _(
            "If clearance ran tonight, this program would be held out: the platform holds it out of this run. {reason}"
        ),
        "uncovered": _(
            "If clearance ran tonight, this program would be closed: nothing has qualified since {since}, and it was "
            "warned in time."
        ),
        "": _(
            "If clearance ran tonight, it would pass this program over: it is closed by the shop and not to be cleared."
        ),
    }[found.reason]
    return text.format(
        day=old_enough_on(facts.first_opened_on, policy).isoformat(),
        until="" if found.protected_until is None else on_platform(found.protected_until),
        reason="" if found.held_out is None else found.held_out.reason,
        since=since,
    )


def uncounted_text(policy: Policy) -> str:
    """Which kinds do not count, in one sentence; empty when all do."""
    kinds = [code for code in KINDS if code in policy.uncounted_kinds]
    if {code for code, kind in KINDS.items() if kind.is_draw} == set(kinds):
        return _("Draws don't count.")
    if not kinds:
        return ""
    return _("Not counted: {kinds}.").format(kinds=", ".join(str(label_of(code)) for code in kinds))


def rule_text(policy: Policy) -> SafeString:
    """Rules 1, 2 and 4 of domain.md 3 as a merchant reads them, with the numbers of this policy."""
    values = {
        "months": strong(ngettext("{n} month", "{n} months", policy.min_age_months).format(n=policy.min_age_months)),
        "window": strong(ngettext("{n} day", "{n} days", policy.window_days).format(n=policy.window_days)),
        "notice": strong(ngettext("{n} day", "{n} days", policy.min_notice_days).format(n=policy.min_notice_days)),
    }  # fmt: skip
    text = {
        CountingBasis.IN_FORCE_OR_CONFIGURED: _(
            "A program that has been open for over {months} is closed at a monthly run when, in the {window} before "
            "it, no qualifying benefit was in force or configured, and it was warned at least {notice} before."
        ),
        CountingBasis.IN_FORCE: _(
            "A program that has been open for over {months} is closed at a monthly run when, in the {window} before "
            "it, no qualifying benefit was in force, and it was warned at least {notice} before."
        ),
        CountingBasis.CONFIGURED: _(
            "A program that has been open for over {months} is closed at a monthly run when, in the {window} before "
            "it, no qualifying benefit was published or changed, and it was warned at least {notice} before."
        ),
    }[policy.counting_basis]
    return format_html("{} {}", format_html(text, **values), uncounted_text(policy))


def rule_facts(version: PolicyVersion) -> list[tuple[str, str]]:
    """Every number of the rule, by name."""
    policy = version.policy
    boundary = {
        AgeBoundary.OVER: _("older than that, not exactly as old"),
        AgeBoundary.AT_LEAST: _("at least as old"),
    }
    days = lambda n: ngettext("{n} day", "{n} days", n).format(n=n)  # noqa: E731
    rows = [
        (_("Version"), f"v{version.number}"),
        (_("In force from"), on_platform(version.effective_from)),
        (_("Age of the program"), _("{months} months, {boundary}").format(
            months=policy.min_age_months, boundary=boundary[policy.age_boundary])),
        (_("Window"), days(policy.window_days)),
        (_("Shortest notice"), days(policy.min_notice_days)),
        (_("Warnings before a run"), _("{list} days").format(list=", ".join(str(n) for n in policy.warn_days))),
        (_("Shortest stretch that counts when it is over"), days(policy.min_cover_days)),
        (_("Kinds that do not count"), ", ".join(str(label_of(k)) for k in sorted(policy.uncounted_kinds)) or "--"),
        (_("Runs"), _("the last day of every month at 23:00, Beijing time")),
        (_("Wait before reopening"), days(policy.reopen_wait_days)),
    ]  # fmt: skip
    if policy.paper_rules or policy.min_audience or policy.uncounted_channels:
        rows.insert(8, (_("Also does not count"), " ".join(paper_in_words(policy))))
    if policy.max_lead_days is not None:
        row = (_("Publishing counts if force begins within"), days(policy.max_lead_days))
        rows.insert(7, row)
    return rows


def reason_text(line: Line) -> tuple[str, str]:
    """Why a benefit counts or not: in a word or two, then in a sentence."""
    span = line.stretches[-1] if line.stretches else None
    start = "" if span is None or span.start is None else day_text(span.start)
    if line.reason in ("running", "counted", "configured"):
        title = ngettext("Counts for {n} day", "Counts for {n} days", line.days).format(n=line.days)
        return title, _counted_note(line)
    short = {
        "kind": (
            _("Kind not counted"),
            _("The rule does not count this kind: {kind}.").format(kind=label_of(line.kind)),
        ),
        "short": (_("Too short"), _("It was in force, but for too short a time to count once it was over.")),
        "unchanged": (_("Not configured"), _("The rule counts publishing and changing only; neither happened.")),
        "paused": (_("Paused"), _("While it is paused nobody can use it.")),
        "scheduled": (_("Not begun"), _("It comes into force on {date}.").format(date=start)),
        "before": (_("Ended before"), _("It was over before these days began.")),
        "never": (_("Not in force"), _("It was not in force on any of these days.")),
        "stock": (_("Nobody can use it"), str(PAPER["stock"])),
        "audience": (_("Nobody can use it"), str(PAPER["audience"])),
        "worth": (_("Nobody can use it"), str(PAPER["worth"])),
        "threshold": (
            _("Hardly anybody can use it"),
            _("Its threshold was above what 95 of 100 orders of the 90 days before came to."),
        ),
        "saving": (_("Saves too little"), _("It saved less than 1 % when it was published.")),
        "scope": (_("Nothing you sell"), _("None of the SKUs in its price list was in your price table.")),
        "channel": (_("On no counted channel"), _("It was to be had only on channels that the rule does not count.")),
        "small": (_("For too few"), _("Its audience was smaller than the rule asks for.")),
    }  # fmt: skip
    return short[line.reason]


def _counted_note(line: Line) -> str:
    if line.first is None or line.last is None:
        return _("It counts while it is in force.")
    first, last = line.first.strftime("%m-%d"), line.last.strftime("%m-%d")
    if line.reason == "configured":
        return _("Published or changed between {first} and {last}.").format(first=first, last=last)
    if line.is_in_force:
        return _("In force since {first} within these days, and still is.").format(first=first)
    if first == last:
        return _("In force on {first} within these days; over since.").format(first=first)
    return _("In force from {first} to {last} within these days; over since.").format(first=first, last=last)


def day_text(at: dt.datetime) -> str:
    """The platform day of an instant."""
    return at.astimezone(PLATFORM_ZONE).date().isoformat()
