"""Import a file of order lines; run again after a crash it goes on where it stopped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from members.lib import tenant as tenancy
from members.management import base
from members.management.arguments import pair
from members.models import Channel, ImportJob, ImportState, Merchant
from members.services import programs
from members.services.audit import Actor
from members.services.order_import import jobs, posting, preview, reading, rejects, storage, work

ACTOR = Actor.job("import_orders")


class Command(base.Command):
    """`import_orders MERCHANT FILE --channel C [--declare-members SOURCE] [--dry-run]`."""

    help = (
        "Import a file of order lines (CSV in UTF-8 or GBK, XLSX, Parquet). Buyers stay customers unless "
        "their membership is declared. "
        "The same file again changes nothing; run again after a crash it goes on where it stopped."
    )

    def arguments(self, parser: CommandParser) -> None:
        """What to import, for whom, as whose."""
        parser.add_argument("merchant", help="the merchant's short name")
        parser.add_argument("file", type=Path)
        parser.add_argument("--channel", required=True, choices=Channel.values)
        parser.add_argument(
            "--declare-members",
            default="",
            metavar="SOURCE",
            help="the file's people are members; SOURCE says where their consent comes from",
        )
        parser.add_argument("--dry-run", action="store_true", help="read and check, change nothing")
        parser.add_argument(
            "--chunk", type=int, default=posting.CHUNK, metavar="N", help="orders posted in one transaction"
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
        file: Path = Path(),
        channel: str = "",
        declare_members: str = "",
        dry_run: bool = False,
        chunk: int = posting.CHUNK,
        columns: list[tuple[str, str]] | None = None,
        **_: Any,
    ) -> Mapping[str, Any]:
        """JSON: rows, orders (new or changed), lines (of those), members_created, unchanged (orders), rejected (rows),
        rejects_file (a path or null), notes (sentences: what to look at although it is no error)."""
        with transaction.atomic():
            found = Merchant.objects.filter(slug=merchant).first()
        if found is None:
            raise CommandError(f"there is no merchant “{merchant}”")
        if not file.is_file():
            raise CommandError(f"there is no file {file}")
        with tenancy.tenant(found.pk):
            if dry_run:
                return self.dry(found, file, channel, declare_members, dict(columns or ()), at)
            return self.real(found, file, channel, declare_members, dict(columns or ()), chunk, at)

    def summary(self, result: Mapping[str, Any]) -> str:
        """Without the notes, which are on stderr."""
        return super().summary({name: value for name, value in result.items() if name != "notes"})

    def real(
        self,
        merchant: Merchant,
        file: Path,
        channel: str,
        declared: str,
        given: dict[str, str],
        chunk: int,
        at: dt.datetime,
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
                declared_source=declared,
                columns=given,
                starts_itself=True,
            )
        if not made:
            self.adopt(job, channel, declared, at)
        done = work.work(
            merchant_id=merchant.pk, import_id=job.pk, at=at, tell=self.tell, chunk=max(1, chunk)
        )
        if done is None:
            raise CommandError("this file is being imported by another process right now")
        if done.state == ImportState.FAILED:
            raise CommandError(done.failure)
        if done.state != ImportState.DONE:
            raise CommandError(f"the import is {done.get_state_display().lower()}")
        for note in done.notes:
            self.say(note)
        return {
            "rows": done.rows,
            "orders": done.created + done.changed,
            "lines": done.lines,
            "members_created": done.members_created,
            "unchanged": done.unchanged,
            "rejected": done.rejected,
            "rejects_file": str(storage.rejects(done)) if done.rejects_as else None,
            "notes": done.notes,
        }

    def adopt(self, job: ImportJob, channel: str, declared: str, at: dt.datetime) -> None:
        """Take over an import of the same file that is not finished."""
        if (job.channel, job.declared_source) != (channel, declared[:200]):
            raise CommandError(
                "this file is already on its way with another channel or another source of its members; "
                "cancel that import first, or repeat its options"
            )
        if job.state == ImportState.CHECKED:
            jobs.start(merchant_id=job.merchant_id, public_id=job.public_id, at=at, actor=ACTOR)
        elif job.state == ImportState.RUNNING and not job.worker:
            self.say(f"goes on after {job.position} of {job.total_orders} orders")

    def tell(self, job: ImportJob) -> None:
        """One line of progress after each chunk."""
        self.say(f"{job.position} of {job.total_orders} orders, {job.rejected} rows left out")

    def dry(
        self,
        merchant: Merchant,
        file: Path,
        channel: str,
        declared: str,
        given: dict[str, str],
        at: dt.datetime,
    ) -> Mapping[str, Any]:
        """Read, check, compare; write nothing but the file of rejects."""
        source = reading.open_file(file)
        found = jobs.recognise(merchant_id=merchant.pk, headers=source.headers, given=given)
        found.require(source.headers)
        columns = {name: source.headers[place] for name, place in found.places.items()}
        checked = work.check_file(source, merchant=merchant, channel=channel, columns=columns, at=at)
        with transaction.atomic():
            if declared:
                programs.lock_open(merchant_id=merchant.pk)
            seen = preview.foresee(
                checked, merchant_id=merchant.pk, channel=channel, is_declared=bool(declared)
            )
        for note in checked.notes:
            self.say(note)
        rejects_file = None
        if checked.reasons:
            rejects_file = (
                Path(settings.UPLOADS_DIR) / storage.FOLDER / f"dry-run-{file.stem[:80]}.rejects.csv"
            )
            rejects_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            rejects.write(source, checked.reasons, rejects_file)
        return {
            "rows": checked.rows,
            "orders": seen.new + seen.changed,
            "lines": seen.lines,
            "members_created": seen.members_created,
            "unchanged": seen.unchanged,
            "rejected": len(checked.reasons),
            "rejects_file": None if rejects_file is None else str(rejects_file),
            "notes": checked.notes,
        }
