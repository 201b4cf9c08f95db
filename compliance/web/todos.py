"""What to do next: steps read from facts, the most urgent first (ux.md, Home)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.lib.calendar import platform_date
from compliance.lib.danger import stretches_in_force
from compliance.lib.runs import coming_runs
from compliance.selectors.evidence import Line
from compliance.selectors.glance import Glance
from compliance.services import life
from compliance.web import banner, cards
from members.models import ProgramStatus
from members.selectors import ledger, members
from members.templatetags.fmt import points as points_text
from members.web import gates

RENEW_WITHIN = dt.timedelta(days=30)  # how long before cover ends Home proposes a successor
FRESH = dt.timedelta(days=2)  # how old a daily job's figure may be; older, and there was none
PAPER = ("stock", "audience", "worth")
Todo = dict[str, str]


def steps(role: str, found: Glance, lines: Sequence[Line], *, user_id: int) -> dict[str, Any]:
    """Context of `compliance/home/_todos.html`."""
    return {"todos": todos(role, found, lines, user_id=user_id), "coming": coming(found, lines)}


def todos(role: str, found: Glance, lines: Sequence[Line], *, user_id: int) -> list[Todo]:
    """The next steps that this person may take; `lines` is the evidence of the program."""
    if found.is_cleared:
        return [*_appealing(role, found), *_reopening(role, found), _closing()]
    if found.facts is None or found.program.status != ProgramStatus.OPEN or role not in gates.WRITERS:
        return []
    return [
        *_cover(found),
        *_paper(lines),
        *_members(found),
        *_expiring(found),
        *_proposals(role, found, user_id),
    ]


def _todo(title: str, text: str, url: str, label: str, level: str = "") -> Todo:
    return {"title": title, "text": text, "url": url, "label": label, "level": level}


def _reopening(role: str, found: Glance) -> Iterator[Todo]:
    reopens_at = life.reopens_at(found.program, at=found.at)
    if reopens_at is not None and reopens_at <= found.at and role in gates.MANAGERS:
        note = _("The wait is over; a new life begins.")
        yield _todo(_("Open the program again"), note, reverse("compliance:status"), _("Go there"), "now")


def _appealing(role: str, found: Glance) -> Iterator[Todo]:
    """To appeal while that can still be done, or what is being reviewed."""
    until, url = banner.appeal_until(found), reverse("compliance:appeals")
    if found.appeal is not None and role in gates.READERS:
        text = _("Decision by {date}.").format(date=cards.near(found.appeal.decision_by, found.at))
        yield _todo(_("Your appeal is being reviewed"), text, url, _("See the appeal"))
    elif until is not None and role in gates.MANAGERS:
        text = _("Until {date}. The page of appeals says how soon the platform decides.").format(
            date=cards.near(until, found.at)
        )
        yield _todo(_("Appeal against the clearance"), text, url, _("Appeal"), "now")


def _closing() -> Todo:
    title, text = _("See why the program was closed"), _("With the evidence, and what you can still do.")
    return _todo(title, text, reverse("compliance:status"), _("See why"))


def _cover(found: Glance) -> Iterator[Todo]:
    """A first benefit where nothing qualifies, a successor where the last one ends soon."""
    facts, run = found.facts, found.run
    assert facts is not None  # the program is open
    if not facts.assessment.in_force:
        note = _("Ready choices, one confirmation.")
        if run is not None and found.state in banner.CURABLE:
            note = _("Before {date}; ready choices, one confirmation.").format(
                date=f"{cards.near(run.on, found.at)} 23:00"
            )
        level = "now" if found.is_threatened else ""
        yield _todo(_("Publish one qualifying benefit"), note, "#cure", _("Choose"), level)
        return
    ends_at = cover_ends(found)
    if ends_at is not None:
        day = cards.near(platform_date(ends_at), found.at)
        title = _("The last qualifying benefit ends on {date}").format(date=day)
        note = _("After that nothing counts unless a successor is live.")
        yield _todo(title, note, "#cure", _("Renew"), "now" if found.is_threatened else "")


def _paper(lines: Sequence[Line]) -> Iterator[Todo]:
    n = sum(line.reason in PAPER for line in lines)
    if n:
        title = ngettext("{n} live benefit that nobody can use", "{n} live benefits that nobody can use", n)
        url = f"{reverse('compliance:status')}#why"
        yield _todo(title.format(n=n), _("It does not count until somebody can."), url, _("See which"))


def _members(found: Glance) -> Iterator[Todo]:
    if not members.has_any(merchant_id=found.program.pk):
        url = reverse("members:members_list")
        yield _todo(_("Bring in the first member"), _("Nobody has joined yet."), url, _("See how"))


def _expiring(found: Glance) -> Iterator[Todo]:
    """Points that expire soon, as counted in the last daily job."""
    soon = found.program.points_expiring
    if not soon or dt.date.fromisoformat(soon["on"]) < platform_date(found.at) - FRESH:
        return
    values = {
        "points": points_text(soon["points"]),
        "n": points_text(soon["members"]),
        "date": cards.near(dt.date.fromisoformat(soon["until"]), found.at),
    }
    title = ngettext(
        "{points} points of {n} member expire by {date}",
        "{points} points of {n} members expire by {date}",
        soon["members"],
    )
    day = cards.near(dt.date.fromisoformat(soon["on"]), found.at)
    text = _("As of {date}. Their pages say so; a reason to use them brings people back.").format(date=day)
    if mailed := soon.get("mailed"):
        said = ngettext(
            "{n} notice went to a member by e-mail in the last 7 days.",
            "{n} notices went to members by e-mail in the last 7 days.",
            mailed,
        )
        text = f"{text} {said.format(n=points_text(mailed))}"
    yield _todo(title.format(**values), text, reverse("members:books_page"), _("See when"))


def _proposals(role: str, found: Glance, user_id: int) -> Iterator[Todo]:
    """Adjustments of points that others proposed."""
    if role not in gates.MANAGERS:
        return
    n, points = ledger.proposed(merchant_id=found.program.pk, beside=user_id)
    if n:
        title = ngettext("Review {n} adjustment of points", "Review {n} adjustments of points", n)
        text = _("{points} points in all, over the limit for one person.").format(points=points_text(points))
        yield _todo(title.format(n=n), text, reverse("members:ledger_proposals"), _("Review"))


def coming(found: Glance, lines: Sequence[Line]) -> list[tuple[str, str]]:
    """What comes up by itself: the next run, and the first end of a benefit that counts."""
    facts = found.facts
    if facts is None or found.program.status != ProgramStatus.OPEN:
        return []
    run = next(coming_runs(facts.ground.history, found.at, facts.ground.done), None)
    ending = [
        (line.benefit.to_at, line.benefit)
        for line in lines
        if line.counts and line.is_in_force and line.benefit.to_at is not None
    ]
    rows = []
    if run is not None:
        rows.append((_("Next run of the platform"), f"{cards.near(run.on, found.at)} 23:00"))
    if ending:
        to_at, benefit = min(ending, key=lambda pair: pair[0])
        rows.append((_("{name} ends").format(name=benefit), cards.near(platform_date(to_at), found.at)))
    return rows


def cover_ends(found: Glance) -> dt.datetime | None:
    """When the cover that runs now ends, if that is within the coming weeks; None when it goes on."""
    facts = found.facts
    if facts is None:
        return None
    for stretch in stretches_in_force(facts.coverages, facts.policy):
        if stretch.holds(found.at) and stretch.end is not None:
            return stretch.end if stretch.end - found.at <= RENEW_WITHIN else None
    return None
