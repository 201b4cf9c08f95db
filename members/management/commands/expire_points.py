"""Expire points whose last usable day is over: a part of the daily job, by hand."""

from __future__ import annotations

from members.management import points_jobs
from members.services import points_daily


class Command(points_jobs.Command):
    """`expire_points [--merchant M]`."""

    help = (
        "Expire points whose last usable day is over on the merchant's day of an instant, in open programs."
    )

    def job(self) -> points_jobs.Job:
        """Expire."""
        return points_daily.expire_due
