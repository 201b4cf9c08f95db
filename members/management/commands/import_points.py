"""Import a file of points, or take such an import back; run again after a crash it goes on where it stopped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from members.lib import tenant as tenancy
from members.management import base
from members.management.arguments import pair
from members.models import Channel, ImportJob, ImportKind, ImportState, Merchant
from members.services.audit import Actor
from members.services.order_import import jobs, reading, rejects, storage
from members.services.order_import import work as working
from members.services.point_import import undo as undoing
from members.services.point_import import work
from members.services.point_import.preview import foresee

ACTOR = Actor.job("import_points")


class Command(base.Command):
    """`import_points MERCHANT FILE --channel C [--dry-run]`, or `import_points MERCHANT --undo ID`."""

    help = (
        "Import a file of points (CSV in UTF-8 or GBK, XLSX, Parquet), for example opening balances of another system "
        "with their last usable days. The same file again changes nothing; run again after a crash it goes on where it "
        "stopped; an import can be undone for 72 hours."
    )

    def arguments(self, parser: CommandParser) -> None:
        """What to import, for whom; or what to undo."""
        parser.add_argument("merchant", help="the merchant's short name")
        parser.add_argument("file", type=Path, nargs="?")
        parser.add_argument(
            "--channel",
            default="",
            choices=Channel.values,
            help="whose ids the member keys are; for cards: pos",
        )
        parser.add_argument("--dry-run", action="store_true", help="read and check, change nothing")
        parser.add_argument("--undo", default="", metavar="ID", help="take the import of this id back")
        parser.add_argument(
            "--chunk", type=int, default=work.CHUNK, metavar="N", help="rows credited in one transaction"
        )
        parser.add_argument(
            "--map",
            dest="columns",
            action="append",
            default=[],
            type=pair,
            metavar="FIELD=HEADER",
            help="which column is a field, where its name does not tell",
        )

    def work(
        self,
        *,
        at: dt.datetime,
        merchant: str = "",
        file: Path | None = None,
        channel: str = "",
        dry_run: bool = False,
        undo: str = "",
        chunk: int = work.CHUNK,
        columns: list[tuple[str, str]] | None = None,
        **_: Any,
    ) -> Mapping[str, Any]:
        """JSON: import (its id), rows, credits (rows), points, members (dry run), months (dry run), unchanged (rows),
        rejected (rows), rejects_file (a path or null); of an undoing: import, rows, taken, expired, left."""
        with transaction.atomic():
            found = Merchant.objects.filter(slug=merchant).first()
        if found is None:
            raise CommandError(f"there is no merchant “{merchant}”")
        with tenancy.tenant(found.pk):
            if undo:
                return self.undo(found, undo, max(1, chunk), at)
            if file is None or not file.is_file():
                raise CommandError(f"there is no file {file or ''}".rstrip())
            if not channel:
                raise CommandError("--channel says whose ids the member keys are")
            given = dict(columns or ())
            if dry_run:
                return self.dry(found, file, channel, given, at)
            return self.real(found, file, channel, given, max(1, chunk), at)

    def real(
        self, merchant: Merchant, file: Path, channel: str, given: dict[str, str], chunk: int, at: dt.datetime
    ) -> Mapping[str, Any]:
        """Import, or go on with what a process that died left."""
        with file.open("rb") as content:
            job, made = jobs.create(
                merchant_id=merchant.pk,
                at=at,
                actor=ACTOR,
                content=content,
                file_name=file.name,
                channel=channel,
                kind=ImportKind.POINTS,
                columns=given,
                starts_itself=True,
            )
        if not made:
            if job.channel != channel:
                raise CommandError(
                    "this file is already on its way with another channel; cancel that import first"
                )
            if job.state == ImportState.CHECKED:
                jobs.start(merchant_id=job.merchant_id, public_id=job.public_id, at=at, actor=ACTOR)
        done = self.worked(job, chunk, at)
        if done.state == ImportState.FAILED:
            raise CommandError(done.failure)
        if done.state != ImportState.DONE:
            raise CommandError(f"the import is {done.get_state_display().lower()}")
        return {
            "import": done.public_id,
            "rows": done.rows,
            "credits": done.created,
            "points": done.points,
            "unchanged": done.unchanged,
            "rejected": done.rejected,
            "rejects_file": str(storage.rejects(done)) if done.rejects_as else None,
        }

    def undo(self, merchant: Merchant, public_id: str, chunk: int, at: dt.datetime) -> Mapping[str, Any]:
        """Take an import back, or go on with what a process that died left."""
        job = undoing.start(merchant_id=merchant.pk, public_id=public_id, at=at, actor=ACTOR)
        if job.state == ImportState.UNDOING:
            job = self.worked(job, chunk, at)
        if job.state != ImportState.UNDONE:
            raise CommandError(job.undo.get("failure") or "the import was not undone")
        return {
            "import": job.public_id,
            **{name: job.undo[name] for name in ("rows", "taken", "expired", "left")},
        }

    def worked(self, job: ImportJob, chunk: int, at: dt.datetime) -> ImportJob:
        """What the worker does, here and now."""
        done = working.work(
            merchant_id=job.merchant_id,
            import_id=job.pk,
            at=at,
            tell=self.tell,
            chunk=chunk,
            steps=work.POINTS,
        )
        if done is None:
            raise CommandError("another process works on this import right now")
        return done

    def tell(self, job: ImportJob) -> None:
        """One line of progress after each chunk."""
        if job.state in (ImportState.UNDOING, ImportState.UNDONE):
            self.say(f"{job.undo['rows']} of {job.created} rows taken back")
        else:
            self.say(f"{job.position} of {job.total_orders} rows, {job.rejected} left out")

    def dry(
        self, merchant: Merchant, file: Path, channel: str, given: dict[str, str], at: dt.datetime
    ) -> Mapping[str, Any]:
        """Read, check, compare; write nothing but the file of rejects."""
        source = reading.open_file(file)
        found = jobs.recognise(
            merchant_id=merchant.pk, headers=source.headers, kind=ImportKind.POINTS, given=given
        )
        found.require(source.headers)
        columns = {name: source.headers[place] for name, place in found.places.items()}
        checked = work.check_file(source, merchant=merchant, channel=channel, columns=columns, at=at)
        as_if = ImportJob(merchant_id=merchant.pk, sha256=storage.digest_of(file))
        with transaction.atomic():
            seen, more = foresee(as_if, merchant, checked, at)
        reasons = dict(sorted((checked.reasons | more).items()))
        path = None
        if reasons:
            path = Path(settings.UPLOADS_DIR) / storage.FOLDER / f"dry-run-{file.stem[:80]}.rejects.csv"
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            rejects.write(source, reasons, path)
        told = asdict(seen)
        return {
            "import": None,
            "rows": checked.rows,
            **{name: told[name] for name in ("credits", "points", "members", "months", "unchanged")},
            "rejected": len(reasons),
            "rejects_file": None if path is None else str(path),
        }
