"""What an import of points would do, found without doing it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from members.lib.periods import merchant_day
from members.models import ImportJob, Merchant
from members.selectors import rules as rules_selector
from members.services.imports.points.checking import RULE, Credit
from members.services.imports.points.posting import sort_out

BATCH = 20_000
NEVER = "never"


@dataclass(slots=True)
class Preview:
    """Totals of what would be credited. `months` is (month of the last usable day, points), the never-ending last."""

    credits: int = 0
    points: int = 0
    members: int = 0
    unchanged: int = 0
    largest: int = 0
    by_rule: int = 0  # rows whose last usable day the program's rule says
    months: list[tuple[str, int]] = field(default_factory=list)


def foresee(
    job: ImportJob, merchant: Merchant, wanted: Sequence[Credit], at: dt.datetime
) -> tuple[Preview, dict[int, str]]:
    """The totals, and why further rows would be left out, by line. Reads only."""
    found = Preview()
    reasons: dict[int, str] = {}
    version = rules_selector.version_at(merchant_id=job.merchant_id, at=at)
    today = merchant_day(at, merchant.zone)
    by_rule = rules_selector.point_rules(version).last_day(today) if version else None
    months: dict[str, int] = {}
    members: set[int] = set()
    for begin in range(0, len(wanted), BATCH):
        done = sort_out(job, wanted[begin : begin + BATCH])
        for credit, member_id in done.fresh:
            found.by_rule += credit.expires_on == RULE
            until = by_rule if credit.expires_on == RULE else credit.expires_on
            month = f"{until:%Y-%m}" if isinstance(until, dt.date) else NEVER
            months[month] = months.get(month, 0) + credit.points
            members.add(member_id)
            found.credits += 1
            found.points += credit.points
        found.unchanged += done.unchanged
        reasons |= done.reasons
    # Of every row: one that is left out now may be a member's by the time the import is started.
    found.largest = max((credit.points for credit in wanted), default=0)
    found.members = len(members)
    found.months = sorted(months.items())
    return found, reasons
