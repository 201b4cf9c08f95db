"""Import a file of members, or take such an import back; run again after a crash it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from members.management.imports import ImportCommand
from members.models import ImportJob, ImportKind
from members.services.imports.kinds import Foreseen


class Command(ImportCommand):
    """`import_members MERCHANT FILE --channel C --source S [--dry-run]`, or `import_members MERCHANT --undo ID`.

    JSON: import (its id), rows, members_created, filled_in (rows), unchanged (rows), remarks (rows taken whose file
    says something else than what is stored), tiers (dry run: tier and rows), rejected (rows), rejects_file (a path or
    null); of an undoing: import, rows, taken, kept.
    """

    help = (
        "Import a file of members (CSV in UTF-8 or GBK, XLSX, Parquet) with their tier, its validity and their "
        "consent. Members who are here are filled in, never overwritten. The same file again changes nothing; run "
        "again after a crash it goes on where it stopped; an import can be undone for 72 hours."
    )
    kind, things = ImportKind.MEMBERS, "rows"
    channel_help = "whose ids the member keys are; for cards: pos"
    chunk_help = "rows posted in one transaction"

    def own_arguments(self, parser: CommandParser) -> None:
        """What makes these people members."""
        parser.add_argument(
            "--source",
            default="",
            help="where the consent of these people comes from; kept with each of them",
        )

    def declared(self, options: Mapping[str, Any]) -> str:
        """Said on the command line, always."""
        source = str(options.get("source") or "").strip()
        if not source:
            raise CommandError("--source says where the consent of these people comes from")
        return source

    def imported(self, job: ImportJob) -> Mapping[str, Any]:
        """Counts of rows and members."""
        return {
            "import": job.public_id,
            "rows": job.rows,
            "members_created": job.created,
            "filled_in": job.changed,
            "unchanged": job.unchanged,
            "remarks": job.remarks,
            "rejected": job.rejected,
        }

    def foreseen(self, found: Foreseen) -> Mapping[str, Any]:
        """The same as they would be; the first remarks are said."""
        seen = found.preview
        for line, remark in seen.first:
            self.say(f"line {line}: {remark}")
        return {
            "import": None,
            "rows": found.rows,
            "members_created": seen.new,
            "filled_in": seen.filled,
            "unchanged": seen.unchanged,
            "remarks": seen.remarks,
            "tiers": seen.tiers,
            "rejected": len(found.reasons),
        }

    def undone(self, job: ImportJob) -> Mapping[str, Any]:
        """How many members were taken back, and how many kept."""
        return {name: job.undo[name] for name in ("rows", "taken", "kept")}
