"""`manage.py run_clearance`: preview or work a monthly run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from compliance.lib import runs
from compliance.lib.runs import Run
from compliance.selectors import judging, policies
from compliance.services import clearance, previews, reports
from members.lib.refusals import Invalid
from members.management import base


class Command(base.Command):
    """Without --period: the run due at --at, else the coming run (preview) or a run of this period now."""

    help = "Preview the coming clearance run, or work the run that is due."

    def arguments(self, parser: CommandParser) -> None:
        """What to run."""
        parser.add_argument("--preview", action="store_true", help="say what would happen and change nothing")
        parser.add_argument("--period", default="", metavar="YYYY-MM", help="the month whose run is meant")

    def work(
        self, *, at: dt.datetime, preview: bool = False, period: str = "", **_: Any
    ) -> Mapping[str, Any]:
        """JSON: period, policy, eligible, counts by outcome, hash."""
        run = self.run_of(at, period, coming=preview)
        if preview:
            seen = previews.preview(run=run, at=at)
            return {"period": run.period, "policy": run.version.number, **seen.counts, "hash": seen.digest}
        if run.at > at:
            raise Invalid(
                f"The run of {run.period} is due at {run.at.isoformat()}; --preview says what it would do."
            )
        row, _made = clearance.plan(run=run)
        if clearance.drain(run_id=row.pk, at=at):
            reports.seal(run_id=row.pk, at=at)
        with transaction.atomic():
            row.refresh_from_db()
            return {**clearance.report(row), "hash": judging.digest_decided(run_id=row.pk)}

    def run_of(self, at: dt.datetime, period: str, *, coming: bool) -> Run:
        """The run meant. Raises Invalid when there is none."""
        with transaction.atomic():
            history = policies.history()
        if period:
            try:
                month = dt.date.fromisoformat(f"{period}-01")
            except ValueError:
                raise Invalid(f"“{period}” is not a month; write it like 2024-06.") from None
            found = runs.run_of_month(history, month)
            if found is None:
                raise Invalid(f"There is no run in {period}.")
            return found
        if not coming:
            due = runs.due_runs(history, at - dt.timedelta(days=31), at)
            if not due:
                raise Invalid("No run is due; --preview shows the coming one.")
            return due[-1]
        return next(runs.coming_runs(history, at - dt.timedelta(microseconds=1)))
