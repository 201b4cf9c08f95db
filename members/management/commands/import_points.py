"""Import a file of points, or take such an import back; run again after a crash it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from members.management.imports import ImportCommand
from members.models import ImportJob, ImportKind
from members.services.imports.kinds import Foreseen


class Command(ImportCommand):
    """`import_points MERCHANT FILE --channel C [--dry-run]`, or `import_points MERCHANT --undo ID`.

    JSON: import (its id), rows, credits (rows), points, members (dry run), months (dry run), unchanged (rows), rejected
    (rows), rejects_file (a path or null); of an undoing: import, rows, taken, expired, left.
    """

    help = (
        "Import a file of points (CSV in UTF-8 or GBK, XLSX, Parquet), for example opening balances of another system "
        "with their last usable days. The same file again changes nothing; run again after a crash it goes on where it "
        "stopped; an import can be undone for 72 hours."
    )
    kind, things = ImportKind.POINTS, "rows"
    channel_help = "whose ids the member keys are; for cards: pos"
    chunk_help = "rows credited in one transaction"

    def imported(self, job: ImportJob) -> Mapping[str, Any]:
        """Counts of rows and points."""
        return {
            "import": job.public_id,
            "rows": job.rows,
            "credits": job.created,
            "points": job.points,
            "unchanged": job.unchanged,
            "rejected": job.rejected,
        }

    def foreseen(self, found: Foreseen) -> Mapping[str, Any]:
        """The same as they would be, with how many members and which months."""
        told = asdict(found.preview)
        return {
            "import": None,
            "rows": found.rows,
            **{name: told[name] for name in ("credits", "points", "members", "months", "unchanged")},
            "rejected": len(found.reasons),
        }

    def undone(self, job: ImportJob) -> Mapping[str, Any]:
        """What became of the points."""
        return {name: job.undo[name] for name in ("rows", "taken", "expired", "left")}
