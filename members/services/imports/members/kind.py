"""Files of members as a kind of import."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from members.lib.refusals import Invalid
from members.models import ImportJob, ImportKind, Merchant
from members.services import programs
from members.services.audit import Actor
from members.services.imports import reading
from members.services.imports.members import checking, posting
from members.services.imports.members.books import Books
from members.services.imports.members.checking import Person
from members.services.imports.members.columns import FIELDS
from members.services.imports.members.preview import foresee
from members.services.imports.members.undo import MembersUndoing
from members.services.imports.rows import Checked, Posted, RowKind


class Members(RowKind[Person]):
    """Each row a member."""

    name, task, fields, chunk = ImportKind.MEMBERS, "members.import_members", FIELDS, 2_000
    undoing = MembersUndoing()

    def check_handing_in(self, *, merchant_id: int, declared_source: str) -> None:
        """A list is evidence only when its source is declared; members are made only by an open program."""
        if not declared_source.strip():
            raise Invalid.on("declared_source", _("Say where the consent of these people comes from."))
        programs.lock_open(merchant_id=merchant_id)

    def check_start(self, job: ImportJob, at: dt.datetime, actor: Actor) -> None:
        """As when the file was handed in."""
        self.check_handing_in(merchant_id=job.merchant_id, declared_source=job.declared_source)

    def too_many(self, rows: int) -> str:
        """The sentence."""
        return _("The file has %(rows)s rows; a file of members may have %(most)s. Split it.") % {
            "rows": rows,
            "most": self.most_rows,
        }

    def check(
        self, sheet: reading.Sheet, job: ImportJob, merchant: Merchant, at: dt.datetime
    ) -> Checked[Person]:
        """What each row says."""
        return checking.check(sheet, zone=merchant.zone, channel=job.channel, at=at)

    def compare(
        self, job: ImportJob, merchant: Merchant, items: Sequence[Person], at: dt.datetime
    ) -> tuple[Any, int, dict[int, str]]:
        """Who is new, who would be filled in, and rows of no tier of this program."""
        found, reasons = foresee(Books(merchant, at, job.declared_source), items)
        return found, found.new, reasons

    def post(
        self, job: ImportJob, merchant: Merchant, items: Sequence[Person], actor: Actor, at: dt.datetime
    ) -> Posted:
        """Make and fill in what is not posted yet."""
        return posting.post_chunk(job, merchant, items, actor, at)


KIND = Members()
