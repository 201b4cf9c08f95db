"""The compliance banner, the popup, and what a request knows of them: one look at the facts a page (ux.md)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from benefits.services import cures
from compliance.lib.appeals import appealable_until, may_be_appealed
from compliance.lib.calendar import platform_date
from compliance.lib.danger import is_young
from compliance.lib.state import State, uncovered_days
from compliance.lib.warnings import notice_given
from compliance.models import ReceiptChannel, ReceiptEvent
from compliance.selectors import appeals, evidence, glance
from compliance.selectors.glance import Glance, Told
from compliance.web import words
from compliance.web.words import strong
from members.models import ProgramStatus
from members.web import gates
from members.web.request import StaffRequest

MEMO = "_compliance_glance"
HIDDEN = "compliance_banner_hidden"  # session key: what a person hid, until it changes or the day ends


def glance_of(request: StaffRequest) -> Glance | None:
    """The program of the request, looked at once; None without a merchant and for cashiers, who decide nothing."""
    program, staff = getattr(request, "program", None), getattr(request, "staff", None)
    if program is None or staff is None or staff.role not in gates.READERS:
        return None
    if not hasattr(request, MEMO):
        setattr(request, MEMO, glance.look(program=program, user_id=request.user.pk, at=timezone.now()))
    found: Glance = getattr(request, MEMO)
    return found


def forget(request: StaffRequest) -> None:
    """Look again: something was changed within the request."""
    if hasattr(request, MEMO):
        delattr(request, MEMO)
    if request.program is not None:
        request.program.refresh_from_db()


def needs_final_notice(found: Glance) -> bool:
    """Whether the person still has to be shown the final notice: once for the run that it announces."""
    acknowledged = any(each.has("inbox", "acknowledged") for each in found.present)
    return found.state is State.FINAL_NOTICE and bool(found.present) and not acknowledged


def popup_notice(found: Glance) -> Told | None:
    """The notice that the person has not been shown as a popup yet: the newest one for the threatening run."""
    if not found.is_threatened or not found.present or needs_final_notice(found):
        return None
    newest = found.present[-1]
    known = newest.has("popup", "seen") or newest.has("inbox", "acknowledged")
    return None if known else newest


def unseen(found: Glance) -> list[tuple[str, str, str]]:
    """(public id, channel, event) of the receipts that showing banner and popup is worth."""
    if not found.is_threatened or not found.present:
        return []
    newest = found.present[-1]
    shown = [newest] if not newest.has("banner", "seen") else []
    receipts = [(each.notice.public_id, str(ReceiptChannel.BANNER), str(ReceiptEvent.SEEN)) for each in shown]
    popup = popup_notice(found)
    if popup is not None:
        receipts.append((popup.notice.public_id, str(ReceiptChannel.POPUP), str(ReceiptEvent.SEEN)))
    return receipts


# ---- the banner ---------------------------------------------------------------------------------------------------


def banner(found: Glance, *, role: str, here: str = "", hidden: str = "") -> dict[str, Any] | None:
    """The one banner of a state: level, lead, text, actions, whether it can be hidden; None for a good standing.

    here: the route of the page it stands on, so that it offers no link to that page. hidden: `hidden_as` of what
    the person hid; warnings and worse stay.
    """
    make = BANNERS.get(found.state)
    if make is None:
        return None
    level, lead, text = make(found)
    can_hide = level in ("info", "success")
    if can_hide and hidden == hidden_as(found):
        return None
    return {
        "level": level,
        "lead": lead,
        "text": text,
        "actions": actions(found, role=role, here=here),
        "dismissible": can_hide,
        "dismiss_url": reverse("compliance:banner_hide"),
        "state": str(found.state),
    }


def hidden_as(found: Glance) -> str:
    """What is remembered when a person hides the banner: it comes back the next day and in another state."""
    return f"{found.program.pk} {found.state} {platform_date(found.at).isoformat()}"


def _draft(found: Glance) -> tuple[str, str, str]:
    n = found.steps_left
    if n == 0:
        return "info", _("Your program isn't open yet. Every step is done: open it now."), ""
    text = ngettext(
        "Your program isn't open yet. {n} step left.", "Your program isn't open yet. {n} steps left.", n
    )
    return "info", text.format(n=n), ""


def _closed(found: Glance) -> tuple[str, str, str]:
    since = found.program.closed_at
    lead = _("The program is closed since {date}.").format(date=words.day_text(since) if since else "")
    run, policy = found.run, found.policy
    if (
        run is not None
        and policy is not None
        and (run.on - platform_date(found.at)).days <= policy.at_risk_days
    ):
        text = _(
            "Closing does not stop a clearance: open it again and publish one qualifying benefit before {date}, "
            "or it is cleared in that day's run."
        )
        return "warning", lead, format_html(text, date=strong(run.on.isoformat()))
    text = _(
        "Nothing expires and nobody falls meanwhile; orders are kept and earn nothing until it is open again."
    )
    return "info", lead, text


def _observing(found: Glance) -> tuple[str, str, str]:
    facts = found.facts
    assert facts is not None
    if is_young(facts.first_opened_on, facts.policy, found.at) and not facts.assessment.in_force:
        date = evidence.old_enough_on(facts).isoformat()
        return (
            "info",
            _("New programs are protected until {date}.").format(date=date),
            _("Publish a first benefit before then."),
        )
    n = uncovered_days(facts.assessment.uncovered_since, found.at) or 0
    lead = ngettext("No qualifying benefit for {n} day.", "No qualifying benefit for {n} days.", n).format(
        n=n
    )
    limit = facts.policy.window_days
    text = ngettext(
        "Nothing changes yet; after {limit} day the program can be closed.",
        "Nothing changes yet; after {limit} days the program can be closed.",
        limit,
    )
    return "info", lead, text.format(limit=limit)


def is_deferred(found: Glance) -> bool:
    """Whether the threatening run will defer the program: no warning of this episode came, or can come, in time."""
    run, facts = found.run, found.facts
    if run is None or facts is None or not found.is_threatened:
        return False
    policy = run.version.policy
    return found.at + policy.min_notice > run.at and notice_given(facts.episode, run.at, policy) is None


def _deferred(found: Glance) -> tuple[str, str, str]:
    run = found.run
    assert run is not None
    n = run.version.policy.min_notice_days
    lead = _("No qualifying benefit, and the next run is on {date}.").format(date=run.on.isoformat())
    text = ngettext(
        "You were not warned {n} day before it, so that run leaves the decision to the one after. "
        "Publish one qualifying benefit before then.",
        "You were not warned {n} days before it, so that run leaves the decision to the one after. "
        "Publish one qualifying benefit before then.",
        n,
    )
    return "warning", lead, text.format(n=n)


def _at_risk(found: Glance) -> tuple[str, str, str]:
    run = found.run
    assert run is not None
    if is_deferred(found):
        return _deferred(found)
    left, unit = words.days_left(run.at, found.at)
    if unit == "days":
        lead = ngettext("Program at risk: {d} day left.", "Program at risk: {d} days left.", left).format(
            d=left
        )
    else:
        lead = _("Program at risk: {time} left.").format(time=words.left_text(run.at, found.at))
    if run.version.policy.uncounted_kinds == cures.DRAWS:
        text = _(
            "Publish one qualifying benefit before {date}, or it closes in that day's run. Draws don't count."
        )
    else:
        text = _("Publish one qualifying benefit before {date}, or it closes in that day's run.")
    return "warning", lead, format_html(text, date=strong(run.on.isoformat()))


def _final(found: Glance) -> tuple[str, str, str]:
    run = found.run
    assert run is not None
    if is_deferred(found):
        return _deferred(found)
    left, unit = words.days_left(run.at, found.at)
    time = words.on_platform(run.at)
    lead = {
        "days": ngettext(
            "Final notice: the program closes at {time}, {d} day from now.",
            "Final notice: the program closes at {time}, {d} days from now.",
            left,
        ),
        "hours": ngettext(
            "Final notice: the program closes at {time}, {h} hour from now.",
            "Final notice: the program closes at {time}, {h} hours from now.",
            left,
        ),
        "minutes": ngettext(
            "Final notice: the program closes at {time}, {m} minute from now.",
            "Final notice: the program closes at {time}, {m} minutes from now.",
            left,
        ),
    }[unit].format(time=time, d=left, h=left, m=left)
    text = _(
        "Member data, recruitment, benefits and outreach will stop. "
        "One benefit live before then cancels the closure."
    )
    return "critical", lead, text


def _cleared(found: Glance) -> tuple[str, str, str]:
    closed_at = found.program.closed_at or found.at
    date = words.day_text(closed_at)
    row = found.decision
    lead = _("Program closed on {date} by a clearance.").format(date=date)
    if row is not None and row.uncovered_since is not None:
        n = (row.run.run_on - platform_date(row.uncovered_since)).days
        lead = ngettext(
            "Program closed on {date}: {n} day without a qualifying benefit (rule {v}).",
            "Program closed on {date}: {n} days without a qualifying benefit (rule {v}).",
            n,
        ).format(date=date, n=n, v=f"v{row.policy_id}")
    until = appeal_until(found)
    if until is None:
        return "critical", lead, _("You can still export data and refund paid members.")
    text = _("You can still export data, refund paid members and appeal until {date2}.")
    return "critical", lead, text.format(date2=until.isoformat())


def appeal_until(found: Glance) -> dt.date | None:
    """The last platform day on which the clearing decision can be appealed; None when it is past."""
    if found.decision is None or not found.is_cleared:
        return None
    cleared_at = appeals.cleared_at(found.decision.run)
    return platform_date(appealable_until(cleared_at)) if may_be_appealed(cleared_at, found.at) else None


def _restored(found: Glance) -> tuple[str, str, str]:
    row = found.protection
    assert row is not None
    lead = _("Program restored on {date}.").format(date=words.day_text(row.from_at))
    text = _("Members, tiers and points are back as they were. Protected until {date2}.")
    return "success", lead, text.format(date2=words.day_text(row.until_at))


def _appealing(found: Glance) -> tuple[str, str, str]:
    ref = "" if found.appeal is None else found.appeal.reference
    date2 = "" if found.appeal is None else found.appeal.decision_by.isoformat()
    if found.program.status == ProgramStatus.CLEARED:
        text = _("Appeal {ref} accepted; decision by {date2}.")
        return "critical", _("The program is still closed."), text.format(ref=ref, date2=date2)
    lead = _("Appeal {ref} accepted; decision by {date2}.").format(ref=ref, date2=date2)
    if found.is_held or found.run is None:
        return "info", lead, _("No clearance meanwhile.")
    text = _(
        "It holds no run, since another appeal was filed in the half year before. Publish one qualifying benefit "
        "before {date}, or the program closes in that day's run."
    )
    return "warning", lead, format_html(text, date=strong(found.run.on.isoformat()))


BANNERS: dict[State, Callable[[Glance], tuple[str, str, str]]] = {
    State.DRAFT: _draft,
    State.CLOSED: _closed,
    State.APPEALING: _appealing,
    State.CLEARED: _cleared,
    State.RESTORED: _restored,
    State.FINAL_NOTICE: _final,
    State.AT_RISK: _at_risk,
    State.OBSERVING: _observing,
}
CURABLE = (State.OBSERVING, State.AT_RISK, State.FINAL_NOTICE, State.RESTORED)


def can_cure(found: Glance, role: str) -> bool:
    """Whether the ready choices are offered to this person."""
    return found.program.status == ProgramStatus.OPEN and role in gates.WRITERS


def actions(found: Glance, *, role: str, here: str = "") -> list[dict[str, Any]]:
    """Where to go from the banner; the last one is the main one."""
    status = reverse("compliance:status")
    shown = []
    if here != "compliance:status" and found.state is not State.DRAFT:
        shown.append({"label": _("See why"), "url": status, "primary": False})
    if here != "compliance:appeals":
        shown += _to_appeals(found, role)
    is_exposed = found.state in CURABLE or (found.state is State.APPEALING and not found.is_held)
    if is_exposed and can_cure(found, role):
        url = "#cure" if here in ("compliance:home", "compliance:status") else f"{status}#cure"
        shown.append({"label": _("Publish now"), "url": url, "primary": True})
    if found.state is State.DRAFT and role in gates.MANAGERS:
        url = "#guide" if here == "compliance:home" else f"{reverse('compliance:home')}#guide"
        shown.append({"label": _("Go on setting up"), "url": url, "primary": here != "compliance:home"})
    if found.state is State.RESTORED and role in gates.MANAGERS and here != "members:gap_list":
        shown.append(
            {"label": _("Orders of the closure"), "url": reverse("members:gap_list"), "primary": False}
        )
    if found.state is State.CLOSED and role in gates.MANAGERS:
        shown.append(
            {
                "label": _("Open program"),
                "url": f"{reverse('members:program_page')}#open",
                "primary": here != "members:program_page",
            }
        )
    return shown


def _to_appeals(found: Glance, role: str) -> list[dict[str, Any]]:
    """To the form while a clearance can be appealed, to the appeal while it is reviewed."""
    url = reverse("compliance:appeals")
    if found.state is State.APPEALING and role in gates.READERS:
        return [{"label": _("See the appeal"), "url": url, "primary": False}]
    if found.state is State.CLEARED and appeal_until(found) is not None and role in gates.MANAGERS:
        return [{"label": _("Appeal"), "url": url, "primary": True}]
    return []


def context_of(request: StaffRequest) -> dict[str, Any]:
    """What `_banner.html` is given."""
    found = glance_of(request)
    match = request.resolver_match
    if found is None:
        return {"banner": None}
    here = match.view_name if match else ""
    hidden = request.session.get(HIDDEN, "")
    return {"banner": banner(found, role=request.staff.role, here=here, hidden=hidden)}


# ---- the popup ----------------------------------------------------------------------------------------------------


def popup(found: Glance, *, role: str) -> dict[str, Any] | None:
    """The popup of a warning that this person has not been shown yet."""
    told = popup_notice(found)
    if told is None or found.run is None or found.facts is None:
        return None
    level, lead, text = BANNERS[found.state](found)
    danger_at = found.facts.assessment.danger_at
    facts = [
        (_("Run date"), words.on_platform(found.run.at)),
        (_("Warning"), warning_text(told.notice.days_before, told.notice.sent_at)),
    ]
    if danger_at is not None:
        facts.insert(0, (_("Rule fails from"), words.day_text(danger_at)))
    status = reverse("compliance:status")
    return {
        "level": level,
        "title": str(words.STATES[found.state][0]),
        "lead": lead,
        "text": text,
        "facts": facts,
        "actions": [
            {"label": _("Publish now"), "url": f"{status}#cure", "primary": True}
            if can_cure(found, role)
            else {"label": _("See why"), "url": status, "primary": True}
        ],
        "receipt_url": reverse("compliance:receipt"),
        "notice": told.notice.public_id,
    }


def warning_text(days_before: int, sent_at: dt.datetime) -> str:
    """Which warning it is, and when it was sent."""
    text = ngettext(
        "{n} day before the run, sent {date}", "{n} days before the run, sent {date}", days_before
    )
    return text.format(n=days_before, date=words.on_platform(sent_at))
