"""Something for points: as a code for the till, or sent to the member, who then may pay money too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
from benefits.lib.kinds.checks import Settings, invalid, is_count
from benefits.lib.kinds.parts.goods import GoodsKind

MOST_POINTS = 10**12
DELIVERIES = ("code", "order")
NOT_SENT = ("uses", "valid_days", "budget_minor", "pool")  # what only a code has


class PointsExchangeKind(GoodsKind):
    """Something for points. `delivery`: "code" (also where nothing is said) or "order": ordered, and sent to the member
    for `points` and `money_minor`."""

    code = "points_exchange"
    is_exchanged = True
    label = _("Points exchange")
    group = "value"
    place = 20
    names = ("item", "points", "value_minor", "delivery", "money_minor")

    def check_own(self, settings: Settings, currency: str) -> None:
        delivery = settings.get("delivery")
        if delivery is not None and delivery not in DELIVERIES:
            raise invalid("delivery", _("A reward comes as a “code” or by “order”."))
        if delivery != "order":
            if settings.get("money_minor"):
                raise invalid(
                    "money_minor", _("Money beside points is paid only for what is sent to members.")
                )
            return
        points = settings.get("points")
        if not (is_count(points, MOST_POINTS) and points):
            raise invalid("points", _("Say how many points it costs: a whole number above zero."))
        for name in NOT_SENT:
            if settings.get(name) not in (None, False):
                raise invalid(
                    name,
                    _("What is sent has a stock and limits for one member, and no “%(name)s”.")
                    % {"name": name},
                )

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("Something for your points.")
        return gettext("%(gives)s. Exchange your points here.") % {"gives": show.gives}
