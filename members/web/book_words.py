"""How the books of points are told: lines of a month, of what is owed, and of money; for pages and files alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from members.lib import books
from members.lib.books import MOVEMENTS, PPM, Breakage, Bucket, Movements, Pots
from members.selectors.entry_words import decimal_text

MOVED = {
    "issued": gettext_lazy("Issued"),
    "imported": gettext_lazy("Taken over from another system"),
    "redeemed": gettext_lazy("Redeemed"),
    "cancelled": gettext_lazy("Redemptions cancelled"),
    "expired": gettext_lazy("Expired"),
    "given_back": gettext_lazy("Given back after expiry"),
    "clawed_back": gettext_lazy("Clawed back"),
    "adjusted": gettext_lazy("Adjusted by hand"),
    "transferred": gettext_lazy("Moved between members"),
}
NEVER = gettext_lazy("Never expire")
PENDING = gettext_lazy("Pending, not available yet")
HELD = pgettext_lazy("points", "Held for redemptions under way")


@dataclass(frozen=True, slots=True)
class Owed:
    """A line of what is owed: points, what they cost, and what is expected of that after breakage."""

    label: str
    points: int
    minor: int | None
    expected_minor: int | None
    month: dt.date | None = None


def month_text(month: dt.date) -> str:
    """2026-06."""
    return f"{month:%Y-%m}"


def month_of(text: str) -> dt.date | None:
    """The first day of a month told as 2026-06; None for anything else."""
    try:
        return dt.date.fromisoformat(f"{text}-01") if len(text) == 7 else None
    except ValueError:
        return None


def movements(moved: Movements, *, all_lines: bool = False) -> list[tuple[str, int]]:
    """(what, points) of a month; without `all_lines` those that are not 0."""
    return [
        (str(MOVED[name]), getattr(moved, name)) for name in MOVEMENTS if all_lines or getattr(moved, name)
    ]


def owed(
    buckets: Sequence[Bucket], pots: Pots, cost: Decimal | None, breakage: Breakage | None
) -> list[Owed]:
    """What is owed, line by line: months of expiry, never expiring, pending, held. Money adds up to that of all."""
    ppm = breakage.ppm if breakage else None
    lines: list[tuple[str, int, dt.date | None]] = [
        (month_text(each.month) if each.month else str(NEVER), each.points, each.month) for each in buckets
    ]
    lines += [(str(PENDING), pots.pending, None), (str(HELD), pots.held, None)]
    shown = [line for line in lines if line[1] or line[2]]
    money = books.shared([points for _label, points, _month in shown], cost)
    used = [books.expected(points, ppm) if month is not None else points for _label, points, month in shown]
    expected = books.shared(used, cost) if ppm is not None else (None,) * len(shown)
    return [
        Owed(label, points, minor, later, month)
        for (label, points, month), minor, later in zip(shown, money, expected, strict=True)
    ]


def total(lines: Sequence[Owed]) -> Owed:
    """The sum of what is owed."""

    def sum_of(values: list[int | None]) -> int | None:
        known = [each for each in values if each is not None]
        return sum(known) if known else None

    return Owed(
        _("All that is owed"),
        sum(each.points for each in lines),
        sum_of([each.minor for each in lines]),
        sum_of([each.expected_minor for each in lines]),
    )


def share_text(ppm: int) -> str:
    """The estimate as a percentage, rounded down to a tenth: 363636 -> 36.3%."""
    whole, rest = divmod(ppm * 1000 // PPM, 10)
    return f"{whole}.{rest}%"


def cost_text(cost: Decimal | None, currency: str) -> str:
    """What a point costs in major units, exactly; "" while it is not set."""
    return "" if cost is None else decimal_text(cost.scaleb(-get_currency_precision(currency)))


def amount(minor: int | None, currency: str) -> str:
    """Money for a file: plain digits in major units; "" when it is not known."""
    if minor is None:
        return ""
    digits = get_currency_precision(currency)
    return f"{Decimal(minor).scaleb(-digits):.{digits}f}"


def statement_lines(row: Any, lines: Sequence[Owed]) -> list[tuple[str, int, int | None]]:
    """A statement whole: (line, points, money), from its opening to what members owe."""
    told: list[tuple[str, int, int | None]] = [(_("Opening balance"), row.opening, None)]
    told += [(str(MOVED[name]), getattr(row, name), None) for name in MOVEMENTS]
    told.append((_("Closing balance"), row.closing, None))
    for each in lines:
        label = _("Available, last usable in %(month)s") % {"month": each.label} if each.month else each.label
        told.append((label, each.points, each.minor))
    told.append((_("All that is owed"), row.available + row.pending + row.held, row.liability_minor))
    told.append((_("Owed by members (deficit)"), -row.deficit, None))
    return told
