"""What an import of members would do, found without doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from members.services.imports.members.books import Books
from members.services.imports.members.checking import Person

BATCH = 20_000
FIRST = 20


@dataclass(slots=True)
class Preview:
    """Counts of rows. `tiers` is (tier, rows that would be given it), `first` the first remarks (line, what)."""

    new: int = 0
    filled: int = 0
    unchanged: int = 0
    remarks: int = 0
    tiers: list[tuple[str, int]] = field(default_factory=list)
    first: list[tuple[int, str]] = field(default_factory=list)


def foresee(books: Books, persons: Sequence[Person]) -> tuple[Preview, dict[int, str]]:
    """The counts, and why further rows would be left out, by line. Reads only."""
    found, tiers = Preview(), Counter[int]()
    reasons: dict[int, str] = {}
    for begin in range(0, len(persons), BATCH):
        part = books.sort_out(persons[begin : begin + BATCH])
        reasons |= part.reasons
        for row in part.rows:
            if row.stored is None:
                found.new += 1
            elif row.fills:
                found.filled += 1
            else:
                found.unchanged += 1
            if row.tier_id is not None:
                tiers[row.tier_id] += 1
            if row.remarks:
                found.remarks += 1
                if len(found.first) < FIRST:
                    found.first.append((row.person.line, "; ".join(row.remarks)))
    found.tiers = [(books.names[tier_id], rows) for tier_id, rows in sorted(tiers.items())]
    return found, reasons
