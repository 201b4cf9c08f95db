"""Points as a part of the price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind, Show
from benefits.lib.kinds.checks import Settings, invalid, is_count, is_number

MOST_POINTS = 10**9


class PointsOffsetKind(Kind):
    """`points` of them take `off_minor` off, in multiples of `step` (`points` unless told); from goods of
    `at_least_minor` on, at most `max_percent` of them and `max_off_minor`."""

    code = "points_offset"
    label = _("Points offset")
    group = "price"
    place = 70
    text = _("Members pay a part of the price with points.")
    asked = ("points", "off_minor")
    names = (*asked, "step", "at_least_minor", "max_percent", "max_off_minor")
    gives = asked
    acts_in_quotes = True

    def check_own(self, settings: Settings, currency: str) -> None:
        for name in ("points", "step"):
            value = settings.get(name)
            if value is not None and not (is_count(value, MOST_POINTS) and value):
                text = _("“%(name)s” must be a whole number from 1 to %(most)s.")
                raise invalid(name, text % {"name": name, "most": f"{MOST_POINTS:,}"})

    def check_complete(self, settings: Mapping[str, Any], *, has_list: bool = False) -> None:
        """How many points take how much off."""
        for name in self.asked:
            if settings.get(name) in (None, ""):
                raise invalid(
                    name,
                    _("Say how many points take how much off: “points” and “off_minor” belong together."),
                )

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        return 0 in (settings.get("off_minor"), settings.get("max_off_minor")) or is_number(
            settings.get("max_percent"), 0
        )

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("Pay a part of the price with points.")
        return gettext("Pay a part with points: %(gives)s.") % {"gives": show.gives}
