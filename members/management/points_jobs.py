"""A part of the daily job of points, worked by hand: what the commands for it share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

from django.core.management.base import CommandParser

from members.management import base, shops
from members.services.points_daily import Moved


class Job(Protocol):
    """A job of `points_daily` over the open programs of a zone, or one of them."""

    def __call__(self, *, zone: str, at: dt.datetime, merchant_id: int | None = None) -> Moved:
        """How many lots and points moved."""


class Command(base.Command):
    """`… [--merchant M]`: works what is due at an instant."""

    def arguments(self, parser: CommandParser) -> None:
        """One merchant or all."""
        shops.add_option(parser)

    def job(self) -> Job:
        """What to do."""
        raise NotImplementedError

    def work(self, *, at: dt.datetime, merchant: str = "", **_: Any) -> Mapping[str, Any]:
        """JSON: lots, points."""
        found = shops.named(merchant)
        only = next(iter(found)) if merchant else None
        done = Moved()
        for zone in sorted(set(found.values())):
            moved = self.job()(zone=zone, at=at, merchant_id=only)
            done.add(moved.lots, moved.points)
        return asdict(done)
