"""What the commands that take files in share: import, go on with what a killed one left, look first, take back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from members.lib import tenant as tenancy
from members.management import base
from members.management.arguments import pair
from members.models import Channel, ImportJob, ImportKind, ImportState, Merchant
from members.services.audit import Actor
from members.services.imports import jobs, kinds, reading, rejects, storage, undo, work
from members.services.imports.kinds import Foreseen


@dataclass(slots=True)
class Asked:
    """What the command line asks for."""

    merchant: Merchant
    file: Path
    channel: str
    at: dt.datetime
    declared: str = ""
    chunk: int = 1
    columns: dict[str, str] = field(default_factory=dict)


class ImportCommand(base.Command):
    """A command for one kind of file: it brings its own options and says what came of it."""

    kind: ClassVar[ImportKind]
    things: ClassVar[str]  # what is posted, in the lines of progress
    channel_help: ClassVar[str] = ""
    chunk_help: ClassVar[str]

    @property
    def brings(self) -> kinds.Kind:
        """The kind of file."""
        return kinds.of(self.kind)

    @property
    def actor(self) -> Actor:
        """Who does it, in the audit log."""
        return Actor.job(f"import_{self.kind}")

    def arguments(self, parser: CommandParser) -> None:
        """What to import, for whom, as whose; or what to undo."""
        can_undo = self.brings.undoing is not None
        parser.add_argument("merchant", help="the merchant's short name")
        parser.add_argument("file", type=Path, nargs="?" if can_undo else None)
        parser.add_argument(
            "--channel", required=not can_undo, default="", choices=Channel.values, help=self.channel_help
        )
        parser.add_argument("--dry-run", action="store_true", help="read and check, change nothing")
        if can_undo:
            parser.add_argument("--undo", default="", metavar="ID", help="take the import of this id back")
        parser.add_argument("--chunk", type=int, default=self.brings.chunk, metavar="N", help=self.chunk_help)
        parser.add_argument(
            "--map",
            dest="columns",
            action="append",
            default=[],
            type=pair,
            metavar="FIELD=HEADER",
            help="which column is a field, where its name does not tell",
        )
        self.own_arguments(parser)

    def own_arguments(self, parser: CommandParser) -> None:
        """Options of this kind alone."""

    def declared(self, options: Mapping[str, Any]) -> str:
        """Where the consent of the file's people comes from, of this kind's options."""
        return ""

    def imported(self, job: ImportJob) -> Mapping[str, Any]:
        """The result of an import that is done."""
        raise NotImplementedError

    def foreseen(self, found: Foreseen) -> Mapping[str, Any]:
        """The result of a dry run."""
        raise NotImplementedError

    def undone(self, job: ImportJob) -> Mapping[str, Any]:
        """The result of an undoing."""
        raise NotImplementedError

    def work(
        self,
        *,
        at: dt.datetime,
        merchant: str = "",
        file: Path | None = None,
        channel: str = "",
        dry_run: bool = False,
        undo: str = "",
        chunk: int = 0,
        columns: list[tuple[str, str]] | None = None,
        **options: Any,
    ) -> Mapping[str, Any]:
        """JSON: what the kind's `imported`, `foreseen` or `undone` gives; the first two with rejects_file."""
        with transaction.atomic():
            found = Merchant.objects.filter(slug=merchant).first()
        if found is None:
            raise CommandError(f"there is no merchant “{merchant}”")
        chunk = max(1, chunk or self.brings.chunk)
        with tenancy.tenant(found.pk):
            if undo:
                return self.take_back(found, undo, chunk, at)
            if file is None or not file.is_file():
                raise CommandError(f"there is no file {file or ''}".rstrip())
            if not channel:
                raise CommandError("--channel says whose ids the member keys are")
            asked = Asked(found, file, channel, at, self.declared(options), chunk, dict(columns or ()))
            return self.dry(asked) if dry_run else self.real(asked)

    def summary(self, result: Mapping[str, Any]) -> str:
        """Without the notes, which are on stderr."""
        return super().summary({name: value for name, value in result.items() if name != "notes"})

    def real(self, asked: Asked) -> Mapping[str, Any]:
        """Import, or go on with what a process that died left."""
        with asked.file.open("rb") as content:
            job, made = jobs.create(
                merchant_id=asked.merchant.pk,
                at=asked.at,
                actor=self.actor,
                content=content,
                file_name=asked.file.name,
                channel=asked.channel,
                kind=self.kind,
                declared_source=asked.declared,
                columns=asked.columns,
                starts_itself=True,
            )
        if not made:
            self.adopt(job, asked)
        done = self.worked(job, asked.chunk, asked.at)
        if done.state == ImportState.FAILED:
            raise CommandError(done.failure)
        if done.state != ImportState.DONE:
            raise CommandError(f"the import is {done.get_state_display().lower()}")
        for note in done.notes:
            self.say(note)
        path = str(storage.rejects(done)) if done.rejects_as else None
        return {**self.imported(done), "rejects_file": path, **self.notes(done.notes)}

    def notes(self, notes: list[str]) -> dict[str, Any]:
        """Sentences that are part of the result, where the kind has any."""
        return {}

    def adopt(self, job: ImportJob, asked: Asked) -> None:
        """Take over an import of the same file that is not finished."""
        if (job.channel, job.declared_source) != (asked.channel, asked.declared[:200]):
            raise CommandError(
                "this file is already on its way with another channel or another source of its members; "
                "cancel that import first, or repeat its options"
            )
        if job.state == ImportState.CHECKED:
            jobs.start(merchant_id=job.merchant_id, public_id=job.public_id, at=asked.at, actor=self.actor)
        elif job.state == ImportState.RUNNING and not job.worker:
            self.say(f"goes on after {job.position} of {job.total_orders} {self.things}")

    def worked(self, job: ImportJob, chunk: int, at: dt.datetime) -> ImportJob:
        """What the worker does, here and now."""
        done = work.work(merchant_id=job.merchant_id, import_id=job.pk, at=at, tell=self.tell, chunk=chunk)
        if done is None:
            raise CommandError("this file is being imported by another process right now")
        return done

    def tell(self, job: ImportJob) -> None:
        """One line of progress after each chunk."""
        if job.state in (ImportState.UNDOING, ImportState.UNDONE):
            self.say(f"{job.undo['rows']} of {job.created} rows taken back")
        else:
            self.say(f"{job.position} of {job.total_orders} {self.things}, {job.rejected} rows left out")

    def take_back(self, merchant: Merchant, public_id: str, chunk: int, at: dt.datetime) -> Mapping[str, Any]:
        """Take an import back, or go on with what a process that died left."""
        job = undo.start(merchant_id=merchant.pk, public_id=public_id, at=at, actor=self.actor)
        if job.state == ImportState.UNDOING:
            job = self.worked(job, chunk, at)
        if job.state != ImportState.UNDONE:
            raise CommandError(job.undo.get("failure") or "the import was not undone")
        return {"import": job.public_id, **self.undone(job)}

    def dry(self, asked: Asked) -> Mapping[str, Any]:
        """Read, check, compare, as the check of an import does; write nothing but the file of rejects."""
        source = reading.open_file(asked.file)
        found = jobs.recognise(
            merchant_id=asked.merchant.pk, headers=source.headers, kind=self.kind, given=asked.columns
        )
        found.require(source.headers)
        with transaction.atomic():
            self.brings.check_handing_in(merchant_id=asked.merchant.pk, declared_source=asked.declared)
        as_if = ImportJob(
            merchant_id=asked.merchant.pk,
            kind=self.kind,
            channel=asked.channel,
            declared_source=asked.declared[:200],
            columns={name: source.headers[place] for name, place in found.places.items()},
            sha256=storage.digest_of(asked.file),
        )
        seen = self.brings.foresee(as_if, asked.merchant, source, asked.at)
        for note in seen.notes:
            self.say(note)
        path = None
        if seen.reasons:
            name = f"dry-run-{asked.file.stem[:80]}.rejects.csv"
            path = Path(settings.UPLOADS_DIR) / storage.FOLDER / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            rejects.write(source, seen.reasons, path)
        return {
            **self.foreseen(seen),
            "rejects_file": None if path is None else str(path),
            **self.notes(seen.notes),
        }
