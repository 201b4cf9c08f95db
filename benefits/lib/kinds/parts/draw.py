"""Draws: prizes with a number of pieces or odds, and the law's limit on the top prize (domain 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from babel.numbers import get_currency_precision
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind
from benefits.lib.kinds.checks import MOST_MINOR, Settings, invalid, is_count

TOP_PRIZE = 50_000  # yuan, by law; where another currency is used, as many of its units
MOST_PRIZES = 50
MOST_PIECES = 10_000_000
MOST_ODDS = 1_000_000_000
# The other settings that are whole numbers, with the most they may be: the points that an entry costs, how many
# entries a member has, the days in which a prize is claimed.
NUMBERS = {"points": 10**12, "entries": 100, "claim_days": 3_650}


def top_prize_minor(currency: str) -> int:
    """The most that a prize may be worth, in minor units."""
    return int(TOP_PRIZE * 10 ** get_currency_precision(currency))


class DrawKind(Kind):
    """What draws have in common: prizes with a number of pieces or odds, and the law's limit on the top prize."""

    group = "draw"
    is_draw = True
    needs_end = True
    names = ("prizes", "terms", "price_minor", *NUMBERS)
    inner: ClassVar = {"prizes": ("name", "count", "value_minor", "one_in")}

    def check_own(self, settings: Settings, currency: str) -> None:
        prizes = settings.get("prizes", [])
        if not isinstance(prizes, list) or len(prizes) > MOST_PRIZES:
            raise invalid("prizes", _("Give a list of at most %(most)d prizes.") % {"most": MOST_PRIZES})
        for number, prize in enumerate(prizes, start=1):
            _check_prize(number, prize, currency)
        if prizes and all(prize.get("count") == 0 for prize in prizes):
            raise invalid("prizes", _("A draw needs at least one piece of at least one prize."))
        for name, most in NUMBERS.items():
            value = settings.get(name)
            if value is not None and not (is_count(value, most) and (value or name == "points")):
                text = _("“%(name)s” must be a whole number from 1 to %(most)s.")
                raise invalid(name, text % {"name": name, "most": f"{most:,}"})

    def check_complete(self, settings: Mapping[str, Any], *, has_list: bool = False) -> None:
        """The law wants prizes with their value, their number or odds, and the rules published before."""
        prizes = settings.get("prizes") or []
        if not prizes:
            raise invalid(
                "prizes", _("A draw is published with its prizes: name, market value, number or odds.")
            )
        for number, prize in enumerate(prizes, start=1):
            if prize.get("value_minor") is None:
                raise invalid(
                    "prizes", _("Prize %(number)d: say what one is worth on the market.") % {"number": number}
                )
        if not str(settings.get("terms") or "").strip():
            raise invalid(
                "terms", _("A draw is published with its rules: who may enter, and how and until when a prize is "
                           "claimed.")
            )  # fmt: skip


def is_disclosed(kind: Kind, settings: Mapping[str, Any]) -> bool:
    """Whether settings say all that is published before a draw."""
    prizes = settings.get("prizes")
    is_whole = bool(prizes) and all(prize.get("value_minor") is not None for prize in prizes or ())
    return kind.is_draw and is_whole and bool(str(settings.get("terms") or "").strip())


def _check_prize(number: int, prize: Any, currency: str) -> None:
    if not isinstance(prize, dict) or not str(prize.get("name") or "").strip():
        raise invalid("prizes", _("Prize %(number)d has no name.") % {"number": number})
    count, odds = prize.get("count"), prize.get("one_in")
    if odds is not None and not (is_count(odds, MOST_ODDS) and odds):
        raise invalid(
            "prizes",
            _("Prize %(number)d: its odds are “one in” a whole number from 1.") % {"number": number},
        )
    if not (is_count(count, MOST_PIECES) or (count is None and odds is not None)):
        raise invalid(
            "prizes",
            _("Prize %(number)d: say how many pieces there are, a whole number.") % {"number": number},
        )
    worth = prize.get("value_minor")
    if worth is not None and not is_count(worth, MOST_MINOR):
        raise invalid(
            "prizes", _("Prize %(number)d: its value is a whole number of minor units.") % {"number": number}
        )
    if worth is not None and worth > top_prize_minor(currency):
        raise invalid("prizes", _too_much(number, currency))


def _too_much(number: int, currency: str) -> Any:
    if currency == "CNY":
        return _(
            "Prize %(number)d is worth more than 50,000 yuan, the most that the law allows in a draw."
        ) % {"number": number}
    return _(
        "Prize %(number)d is worth more than %(most)s %(currency)s, the most that is allowed in a draw."
    ) % {
        "number": number,
        "most": f"{TOP_PRIZE:,}",
        "currency": currency,
    }
