"""Confirm points whose wait is over: a part of the daily job, by hand."""

from __future__ import annotations

from members.management import points_jobs
from members.services import points_daily


class Command(points_jobs.Command):
    """`confirm_points [--merchant M]`."""

    help = "Make points available whose wait is over at an instant, in open programs."

    def job(self) -> points_jobs.Job:
        """Confirm."""
        return points_daily.confirm_due
