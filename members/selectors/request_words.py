"""What somebody asked of a member's points, in words: a till, a person of the shop, a rule (domain.md 6)."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from django.utils.translation import gettext as _

from members.models import PointsEntry, PointsRequest, PointsVerb
from members.selectors import award_words
from members.templatetags.fmt import points as points_text


def moment_text(at: dt.datetime | None) -> str:
    """2026-06-30 14:05 in the active time zone."""
    return "--" if at is None else f"{timezone.localtime(at):%Y-%m-%d %H:%M}"


def is_reversal(entry: PointsEntry) -> bool:
    """Whether the entry undoes an adjustment or an award: the second entry of its request."""
    return (
        entry.request is not None
        and entry.request.verb in (PointsVerb.ADJUST, PointsVerb.AWARD, PointsVerb.IMPORT)
        and entry.posting > 1
    )


def describe(entry: PointsEntry, request: PointsRequest) -> str:
    """An entry that somebody or a rule asked for, in a short sentence."""
    if request.verb == PointsVerb.IMPORT:
        return _of_import(entry, request)
    what = request.reason or request.key
    if entry.kind == "restore" and request.verb == PointsVerb.GIVE_BACK:
        return _("Expired points given back: %(what)s") % {"what": what}
    if is_reversal(entry):
        return _("Reversed: %(what)s") % {"what": request.details.get("reversal_reason") or what}
    if entry.kind == "release" and entry.cause == "rule":
        return _("The time of a hold was over: %(what)s") % {"what": what}
    sentences = {
        "redeem": _("Redemption: %(what)s"),
        "hold": _("Set aside for: %(what)s"),
        "release": _("A hold was released: %(what)s"),
        "capture": _("A hold was spent: %(what)s"),
        "restore": _("A redemption was cancelled: %(what)s"),
        "transfer_out": _("Moved to another member: %(what)s"),
        "transfer_in": _("Came from another member: %(what)s"),
    }
    if request.verb == PointsVerb.AWARD and (event := award_words.described(request)):
        return event
    if entry.kind in sentences:
        return sentences[entry.kind] % {"what": what}
    if entry.kind == "adjust" and request.actor_label:
        return _("%(who)s: %(what)s") % {"who": request.actor_label, "what": what}
    return what


def _of_import(entry: PointsEntry, request: PointsRequest) -> str:
    if is_reversal(entry):
        return _("The import of points was undone")
    return request.reason or _("Opening balance from another system")


def _import_explained(entry: PointsEntry, request: PointsRequest) -> list[str]:
    details = request.details
    values = {
        "who": request.actor_label or "--",
        "by": details.get("reversed_by") or "--",
        "at": moment_text(request.at),
        "undone": moment_text(request.settled_at),
        "file": details.get("file", "--"),
        "line": details.get("line", "--"),
        "points": points_text(request.points),
        "taken": points_text(details.get("taken", 0)),
        "left": points_text(details.get("left", 0)),
    }
    sentences = [
        _("%(who)s imported line %(line)s of the file %(file)s at %(at)s: %(points)s points.") % values
    ]
    if request.reason and not is_reversal(entry):
        sentences.append(_("The reason given is “%(reason)s”.") % {"reason": request.reason})
    if request.settled_at is not None:
        sentences.append(
            _("%(by)s undid the import at %(undone)s: %(taken)s points of this line were taken back.")
            % values
        )
        if details.get("left"):
            sentences.append(_("%(left)s points of this line were spent before and stay spent.") % values)
    return sentences


def explain(entry: PointsEntry, request: PointsRequest) -> list[str]:
    """Who asked for what, and why; and what others decided of it."""
    if request.verb == PointsVerb.IMPORT:
        return _import_explained(entry, request)
    if is_reversal(entry):
        return [_reversed(request)]
    values = {
        "points": points_text(abs(entry.points)),
        "who": request.actor_label or "--",
        "at": moment_text(request.at),
        "until": moment_text(request.ends_at),
    }
    if request.verb == PointsVerb.AWARD:
        return [
            *award_words.explained(request),
            *([_reversed(request)] if "reversed_by" in request.details else []),
        ]
    told = _told(entry, request)
    sentences = [told % values] if told else []
    if request.reason:
        sentences.append(_("The reason given is “%(reason)s”.") % {"reason": request.reason})
    if request.details.get("decided_by"):
        approved = _("It was over the limit for one person: %(who)s approved it.")
        sentences.append(approved % {"who": request.details["decided_by"]})
    if request.details.get("reversed_by"):
        sentences.append(_reversed(request))
    return sentences


def _reversed(request: PointsRequest) -> str:
    return _("%(who)s reversed at %(at)s what was posted at %(posted)s: %(reason)s") % {
        "who": request.details.get("reversed_by", "--"),
        "at": moment_text(request.settled_at),
        "posted": moment_text(request.at),
        "reason": request.details.get("reversal_reason", "--"),
    }


def _told(entry: PointsEntry, request: PointsRequest) -> str:
    if entry.kind == "release":
        return (
            _("Nobody spent what %(who)s set aside at %(at)s until its time was over, so it came back.")
            if entry.cause == "rule"
            else _("What %(who)s set aside at %(at)s was released.")
        )
    if entry.kind == "restore":
        return (
            _("%(who)s gave %(points)s expired points back.")
            if request.verb == PointsVerb.GIVE_BACK
            else _("What %(who)s redeemed at %(at)s was cancelled.")
        )
    return {
        "redeem": _("%(who)s redeemed %(points)s points."),
        "hold": _("%(who)s set %(points)s points aside until %(until)s."),
        "capture": _(
            "The points that %(who)s set aside at %(at)s were spent; the balance fell when they were set aside."
        ),
        "adjust": _("%(who)s adjusted the points by hand."),
        "transfer_out": _("%(who)s moved everything of this member to another one who is the same person."),
        "transfer_in": _("%(who)s moved everything of another member who is the same person here."),
    }.get(entry.kind, "")
