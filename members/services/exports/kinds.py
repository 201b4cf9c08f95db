"""The kinds of exports: who or what is in a file, in which order, and its lines. A kind is one entry here."""

from __future__ import annotations

from members.models import ExportKind
from members.services.exports import books, people
from members.services.exports.kind import GONE, Filters, Kind, sealed, without_people

__all__ = ["GONE", "Filters", "Kind", "of", "sealed", "without_people"]

KINDS = {
    ExportKind.MEMBERS: people.MEMBERS,
    ExportKind.SEGMENT: people.SEGMENT,
    ExportKind.LEDGER: books.LEDGER,
    ExportKind.MOVES: books.MOVES,
}


def of(kind: str) -> Kind:
    """The kind of an export."""
    return KINDS[ExportKind(kind)]
