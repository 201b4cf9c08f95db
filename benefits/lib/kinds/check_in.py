"""Points for coming by each day, and more for days in a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind, Show
from benefits.lib.kinds.checks import Settings, invalid, is_count

MOST_POINTS = 1_000_000
MOST_STREAKS, MOST_DAYS = 10, 366


class CheckInKind(Kind):
    """`points` for the first check-in of a day, and by `streaks` more for so many days in a row: [{"days": 7, "points":
    20}]. After the longest row the count begins anew."""

    code = "check_in"
    label = _("Check-in")
    group = "social"
    place = 20
    text = _("Points for coming by each day, and more for days in a row.")
    names = ("points", "streaks")
    inner: ClassVar = {"streaks": ("days", "points")}
    gives = asked = ("points",)
    usual: ClassVar = {"points": 5, "streaks": [{"days": 7, "points": 20}]}
    moves_points = True

    def nothing_given(self) -> str:
        return gettext("Say how many points a check-in brings.")

    def check_own(self, settings: Settings, currency: str) -> None:
        points, streaks = settings.get("points"), settings.get("streaks")
        if points is not None and not is_count(points, MOST_POINTS):
            raise invalid("points", _("Give whole points, 0 to %(most)s.") % {"most": f"{MOST_POINTS:,}"})
        if streaks is None:
            return
        if not (isinstance(streaks, list) and len(streaks) <= MOST_STREAKS and all(map(_is_streak, streaks))):
            text = _(
                "“streaks” is a list of at most %(most)s rows of 2 to %(days)s days, each with points above zero."
            )
            raise invalid("streaks", text % {"most": MOST_STREAKS, "days": MOST_DAYS})
        if len({each["days"] for each in streaks}) < len(streaks):
            raise invalid("streaks", _("Two rows have the same number of days."))

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        return settings.get("points") == 0 and not settings.get("streaks")

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        points, rows = settings.get("points") or 0, settings.get("streaks") or ()
        told = [
            ngettext("%(points)s point a day", "%(points)s points a day", points)
            % {"points": show.points(points)}
        ]
        for row in sorted(rows, key=lambda each: each["days"]):
            text = ngettext(
                "%(points)s more for %(days)s day in a row",
                "%(points)s more for %(days)s days in a row",
                row["days"],
            )
            told.append(text % {"points": show.points(row["points"]), "days": show.points(row["days"])})
        return gettext("Check in here each day: %(gives)s.") % {"gives": gettext(", ").join(told)}


def _is_streak(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    days, points = value.get("days", 0), value.get("points", 0)
    return is_count(days, MOST_DAYS) and days >= 2 and is_count(points, MOST_POINTS) and points >= 1
