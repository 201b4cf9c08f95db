"""Import a file of order lines; run again after a crash it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from members.management.imports import ImportCommand
from members.models import ImportJob, ImportKind
from members.services.imports.kinds import Foreseen


class Command(ImportCommand):
    """`import_orders MERCHANT FILE --channel C [--declare-members SOURCE] [--dry-run]`.

    JSON: rows, orders (new or changed), lines (of those), members_created, unchanged (orders), rejected (rows),
    rejects_file (a path or null), notes (sentences: what to look at although it is no error).
    """

    help = (
        "Import a file of order lines (CSV in UTF-8 or GBK, XLSX, Parquet). Buyers stay customers unless "
        "their membership is declared. "
        "The same file again changes nothing; run again after a crash it goes on where it stopped."
    )
    kind, things = ImportKind.ORDERS, "orders"
    chunk_help = "orders posted in one transaction"

    def own_arguments(self, parser: CommandParser) -> None:
        """Whether the buyers are members."""
        parser.add_argument(
            "--declare-members",
            default="",
            metavar="SOURCE",
            help="the file's people are members; SOURCE says where their consent comes from",
        )

    def declared(self, options: Mapping[str, Any]) -> str:
        """Of buyers declared members."""
        return str(options.get("declare_members") or "")

    def imported(self, job: ImportJob) -> Mapping[str, Any]:
        """Counts of rows, orders, lines and members."""
        return {
            "rows": job.rows,
            "orders": job.created + job.changed,
            "lines": job.lines,
            "members_created": job.members_created,
            "unchanged": job.unchanged,
            "rejected": job.rejected,
        }

    def foreseen(self, found: Foreseen) -> Mapping[str, Any]:
        """The same counts as they would be."""
        seen = found.preview
        return {
            "rows": found.rows,
            "orders": seen.new + seen.changed,
            "lines": seen.lines,
            "members_created": seen.members_created,
            "unchanged": seen.unchanged,
            "rejected": len(found.reasons),
        }

    def notes(self, notes: list[str]) -> dict[str, Any]:
        """A cut file, say."""
        return {"notes": notes}
