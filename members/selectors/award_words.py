"""What an event brought, in words: what it was, by which rule, what a cap trimmed (domain.md 6)."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from members.models import PointsRequest
from members.templatetags.fmt import points as points_text

EVENTS = {
    "joining": gettext_lazy("Joined the program"),
    "birthday": pgettext_lazy("points", "Birthday"),
    "check_in": gettext_lazy("Daily check-in"),
    "referral": gettext_lazy("Brought a friend"),
    "referred": gettext_lazy("Was brought by a friend"),
    "review": gettext_lazy("Wrote a review"),
    "survey": gettext_lazy("Answered a survey"),
    "tier_welcome": gettext_lazy("Welcome to a tier"),
}
TRIMS = {
    "day": gettext_lazy("The cap per day trimmed it: %(wanted)s points were due, %(points)s were left."),
    "month": gettext_lazy(
        "The cap per month trimmed it: %(wanted)s points were due, and so many friends are rewarded no more."
    ),
}


def described(request: PointsRequest) -> str:
    """The event in a short sentence; "" for one that nobody knows."""
    event = EVENTS.get(request.details.get("event", ""))
    reference = request.details.get("reference")
    if event is None:
        return ""
    return (
        _("%(event)s (%(reference)s)") % {"event": event, "reference": reference} if reference else str(event)
    )


def explained(request: PointsRequest) -> list[str]:
    """The rule that gave the points, and what trimmed them."""
    details = request.details
    if "event" not in details:
        return []
    wanted = details.get("wanted", request.points)
    told = _("Version %(version)s of the rules gives %(points)s points for this.")
    sentences = [told % {"version": details.get("version", "--"), "points": points_text(wanted)}]
    if details.get("by"):
        sentences.append(_("They come by the benefit “%(name)s”.") % {"name": details["by"]})
    if details.get("streak_points"):
        row = ngettext(
            "%(points)s of them are for %(n)s day in a row.",
            "%(points)s of them are for %(n)s days in a row.",
            details["streak"],
        )
        sentences.append(row % {"points": points_text(details["streak_points"]), "n": details["streak"]})
    if trim := TRIMS.get(details.get("trimmed_by", "")):
        sentences.append(trim % {"wanted": points_text(wanted), "points": points_text(request.points)})
    return sentences
