"""Pools of a partner's codes: reading a file of them, how a code is shown, when a pool runs low (domain.md 8).

A file is CSV, a sheet or plain text with a code a line. A line that cannot be used is reported by its number and the
rest goes on; a code that stands in the file twice is taken once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from benefits.lib.prices import unreadable

POOL = "pool"
MOST_BYTES = 2_000_000
MOST_LINES = 20_000
MOST_POOL = 500_000
LONGEST = 100
SHOWN_SIGNS = 4
LOW_SHARE = 10  # a pool is low when a tenth of its codes is left
HEADS = frozenset(
    (
        "code",
        "codes",
        "coupon code",
        "coupon_code",
        "voucher",
        "voucher code",
        "券码",
        "券碼",
        "兑换码",
        "兌換碼",
    )
    + ("卡密", "激活码", "激活碼", "序列号", "序號", "代码", "代碼")
)
# What a spreadsheet makes of a long number: its last digits are gone.
SHORTENED = re.compile(r"\d(\.\d+)?E\+\d+", re.IGNORECASE)


@dataclass(slots=True)
class CodeSheet:
    """What a file gave: codes in its order, each once; repeated: how many lines said one again; rejects: [line, reason]
    of the lines that were left out, those among them."""

    codes: list[str] = field(default_factory=list)
    repeated: int = 0
    rejects: list[list[Any]] = field(default_factory=list)


def is_pooled(settings: Mapping[str, Any]) -> bool:
    """Whether a benefit hands out codes of an uploaded pool."""
    return settings.get(POOL) is True


def is_low(free: int, total: int) -> bool:
    """Whether a pool should be filled: a tenth of all its codes is left, or less."""
    return free * LOW_SHARE <= total


def masked(code: str) -> str:
    """A code for who does not need it whole: its last signs, of a short one nothing; "" for none."""
    if not code:
        return ""
    return f"****{code[-SHOWN_SIGNS:]}" if len(code) > 2 * SHOWN_SIGNS else "****"


def read(lines: Iterable[tuple[int, list[str]]]) -> CodeSheet:
    """The codes of a table's lines. A first line that names the column of codes says which it is; without one, there is
    one column alone. Raises Invalid for a file that is empty, too long, or of which nobody can say where codes are."""
    found, seen, place = CodeSheet(), dict[str, int](), 0
    is_first, has_head, count = True, False, 0
    for number, cells in lines:
        if not any(cells):
            continue
        if is_first:
            is_first = False
            names = [unicodedata.normalize("NFKC", cell).strip().casefold() for cell in cells]
            if head := [at for at, name in enumerate(names) if name in HEADS]:
                place, has_head = head[0], True
                continue
        count += 1
        if count > MOST_LINES:
            raise unreadable(_("The file has more than %(most)d rows. Split it.") % {"most": MOST_LINES})
        if not has_head and sum(1 for cell in cells if cell) > 1:
            raise unreadable(
                _(
                    "Line %(line)d has several columns. Name the column of codes “code” in the first line, or upload "
                    "one column alone."
                )
                % {"line": number}
            )
        _take(found, seen, number, cells[place].strip() if place < len(cells) else "")
    if is_first:
        raise unreadable(_("The file is empty."))
    return found


def _take(found: CodeSheet, seen: dict[str, int], number: int, code: str) -> None:
    reason = _wrong(code)
    if not reason and code in seen:
        reason = _("The code stands in line %(line)s already.") % {"line": seen[code]}
        found.repeated += 1
    if reason:
        found.rejects.append([number, reason])
        return
    seen[code] = number
    found.codes.append(code)


def _wrong(code: str) -> str:
    """Why a code cannot be used; "" where it can."""
    if not code:
        return _("There is no code in this line.")
    if len(code) > LONGEST:
        return _("The code is longer than %(most)s characters.") % {"most": LONGEST}
    if not code.isprintable():
        return _("The code has signs that cannot be shown.")
    if SHORTENED.fullmatch(code):
        return _("The spreadsheet has cut the number short. Format the column as text, and paste it again.")
    return ""
