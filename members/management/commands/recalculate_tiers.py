"""Recalculate tiers: what is due at an instant, or with --full every member."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandParser

from members.lib.periods import merchant_day
from members.management import base, shops
from members.services import daily
from members.services.daily import Recalculated


class Command(base.Command):
    """`recalculate_tiers [--merchant M] [--full]`."""

    help = (
        "Recalculate the tiers of members whose validity has ended. With --full every member is looked at: after the "
        "daily job that changes nothing."
    )

    def arguments(self, parser: CommandParser) -> None:
        """One merchant or all; what is due or everybody."""
        shops.add_option(parser)
        parser.add_argument("--full", action="store_true", help="look at every member")

    def work(self, *, at: dt.datetime, merchant: str = "", full: bool = False, **_: Any) -> Mapping[str, Any]:
        """JSON: examined, upgraded, downgraded, unchanged, and repaired: days whose totals were wrong (--full)."""
        found = shops.named(merchant)
        total = Recalculated()
        if full:
            for merchant_id in found:
                total.add(daily.recalculate_all(merchant_id=merchant_id, at=at))
        else:
            for zone in sorted(set(found.values())):
                for part in self.due(zone, at, set(found)):
                    total.add(part)
        return asdict(total)

    def due(self, zone: str, at: dt.datetime, wanted: set[int]) -> list[Recalculated]:
        """The members of a zone whose validity ended before the merchant day of `at`."""
        due = daily.due_members(zone=zone, today=merchant_day(at, ZoneInfo(zone)))
        return [
            daily.recalculate(merchant_id=merchant_id, member_ids=member_ids, at=at)
            for merchant_id, member_ids in due
            if merchant_id in wanted
        ]
