"""`manage.py check_report RUN`: the hash of a run's report computed anew from the decisions that are stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from compliance.services import reports
from members.management import base
from members.services.audit import Actor


class Command(base.Command):
    """Exit code 1 when the decisions are not those that were written down."""

    help = "Compute the hash of a run's report anew from its stored decisions and compare it with the one written down."

    def arguments(self, parser: CommandParser) -> None:
        """Which report."""
        parser.add_argument("run", metavar="RUN", help="the run's period, 2024-06")

    def work(self, *, at: dt.datetime, run: str = "", **_: Any) -> Mapping[str, Any]:
        """JSON: period, equal, hash (written down), computed."""
        found = reports.check_now(period=run, at=at, actor=Actor.job("check_report"))
        return {
            "period": found.run.period,
            "equal": found.is_equal,
            "hash": found.run.digest,
            "computed": found.digest,
        }

    def fails(self, result: Mapping[str, Any]) -> str:
        """The two hashes."""
        if result["equal"]:
            return ""
        return (
            f"the decisions of {result['period']} are not those of its report: {result['hash']} was written down, "
            f"{result['computed']} is computed"
        )
