"""Draws: prizes with a number of pieces, and the law's limit on the top prize."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind
from benefits.lib.kinds.checks import MOST_MINOR, Settings, invalid, is_count

TOP_PRIZE_MINOR = {"CNY": 5_000_000}  # the law names 50,000 yuan; no amount in other currencies
MOST_PRIZES = 50


class DrawKind(Kind):
    """What draws have in common: prizes with a number of pieces, and the law's limit on the top prize."""

    group = "draw"
    is_draw = True
    names = ("prizes", "terms", "price_minor")
    inner: ClassVar = {"prizes": ("name", "count", "value_minor")}

    def check_own(self, settings: Settings, currency: str) -> None:
        prizes = settings.get("prizes", [])
        if not isinstance(prizes, list) or len(prizes) > MOST_PRIZES:
            raise invalid("prizes", _("Give a list of at most %(most)d prizes.") % {"most": MOST_PRIZES})
        for number, prize in enumerate(prizes, start=1):
            _check_prize(number, prize, currency)
        if prizes and sum(prize["count"] for prize in prizes) == 0:
            raise invalid("prizes", _("A draw needs at least one piece of at least one prize."))


def _check_prize(number: int, prize: Any, currency: str) -> None:
    if not isinstance(prize, dict) or not str(prize.get("name") or "").strip():
        raise invalid("prizes", _("Prize %(number)d has no name.") % {"number": number})
    if not is_count(prize.get("count"), 10_000_000):
        raise invalid(
            "prizes",
            _("Prize %(number)d: say how many pieces there are, a whole number.") % {"number": number},
        )
    worth = prize.get("value_minor")
    if worth is not None and not is_count(worth, MOST_MINOR):
        raise invalid(
            "prizes", _("Prize %(number)d: its value is a whole number of minor units.") % {"number": number}
        )
    top = TOP_PRIZE_MINOR.get(currency)
    if top is not None and worth is not None and worth > top:
        raise invalid(
            "prizes",
            _("Prize %(number)d is worth more than 50,000 yuan, the most that the law allows in a draw.")
            % {"number": number},
        )
