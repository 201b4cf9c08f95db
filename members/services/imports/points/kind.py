"""Files of points as a kind of import."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from members.lib.refusals import Conflict
from members.models import ImportJob, ImportKind, Merchant
from members.selectors import rules as rules_selector
from members.services import programs
from members.services.audit import Actor
from members.services.imports import reading
from members.services.imports.points import checking, posting, preview
from members.services.imports.points.checking import Credit
from members.services.imports.points.columns import FIELDS
from members.services.imports.points.undo import PointsUndoing
from members.services.imports.rows import Checked, Posted, RowKind


class Points(RowKind[Credit]):
    """Each row a credit."""

    name, task, fields, chunk = ImportKind.POINTS, "members.import_points", FIELDS, 5_000
    undoing = PointsUndoing()

    def check_start(self, job: ImportJob, at: dt.datetime, actor: Actor) -> None:
        """What one person may not adjust alone they do not import alone. Raises ProgramNotOpen…, Conflict."""
        programs.lock_open(merchant_id=job.merchant_id)
        version = rules_selector.version_at(merchant_id=job.merchant_id, at=at)
        limit = None if version is None else version.adjust_limit
        largest = job.preview.get("largest") or 0
        if actor.kind == "user" and limit is not None and largest > limit and actor.user_id == job.by_id:
            raise Conflict(
                _(
                    "One person alone moves at most %(limit)s points, and a row of this file has %(largest)s. "
                    "Another person starts the import."
                )
                % {"limit": limit, "largest": largest}
            )

    def too_many(self, rows: int) -> str:
        """The sentence."""
        return _("The file has %(rows)s rows; a file of points may have %(most)s. Split it.") % {
            "rows": rows,
            "most": self.most_rows,
        }

    def check(
        self, sheet: reading.Sheet, job: ImportJob, merchant: Merchant, at: dt.datetime
    ) -> Checked[Credit]:
        """What each row says."""
        return checking.check(sheet, zone=merchant.zone, channel=job.channel, at=at)

    def compare(
        self, job: ImportJob, merchant: Merchant, items: Sequence[Credit], at: dt.datetime
    ) -> tuple[Any, int, dict[int, str]]:
        """Totals, members, and rows that name none."""
        found, reasons = preview.foresee(job, merchant, items, at)
        return found, found.members, reasons

    def post(
        self, job: ImportJob, merchant: Merchant, items: Sequence[Credit], actor: Actor, at: dt.datetime
    ) -> Posted:
        """Credit what is not credited yet."""
        return posting.post_chunk(job, merchant, items, actor, at)


KIND = Points()
