"""Play a file of orders in time order, with every daily and monthly job at its time."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentTypeError
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from compliance.services import replay
from members.lib import tenant as tenancy
from members.lib.periods import local_instant
from members.management import base
from members.models import Channel, Merchant
from members.services.imports import jobs, reading
from members.services.imports.orders.kind import check_file


def day_or_instant(text: str) -> dt.date | dt.datetime:
    """A local day, 2017-06-01, or an instant with its offset. Raises ArgumentTypeError."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return base.instant(text)
    except TypeError as error:
        raise ArgumentTypeError(str(error)) from None


class Command(base.Command):
    """`replay MERCHANT FILE [--from] [--to]`."""

    help = (
        "Play a file of orders in time order: each order arrives when it was paid, and every daily and monthly job "
        "runs at its instant. Meant for a database of its own: the jobs are those of the whole platform."
    )
    takes_at = False

    def arguments(self, parser: CommandParser) -> None:
        """Whose orders, from when to when."""
        parser.add_argument("merchant", help="the merchant's short name")
        parser.add_argument("file", type=Path)
        parser.add_argument("--from", dest="from_day", type=day_or_instant, metavar="DAY")
        parser.add_argument("--to", dest="to_day", type=day_or_instant, metavar="DAY", help="not included")
        parser.add_argument("--channel", default=str(Channel.POS), choices=Channel.values)
        parser.add_argument(
            "--declare-members",
            default="",
            metavar="SOURCE",
            help="the file's people are members, joined at their first order; SOURCE says where that comes from",
        )

    def work(
        self,
        *,
        at: dt.datetime,
        merchant: str = "",
        file: Path = Path(),
        from_day: dt.date | dt.datetime | None = None,
        to_day: dt.date | dt.datetime | None = None,
        channel: str = "",
        declare_members: str = "",
        **_: Any,
    ) -> Mapping[str, Any]:
        """JSON: rows, one a local month (see compliance.services.replay), and rejected."""
        with transaction.atomic():
            found = Merchant.objects.filter(slug=merchant).first()
        if found is None:
            raise CommandError(f"there is no merchant “{merchant}”")
        if not file.is_file():
            raise CommandError(f"there is no file {file}")
        source = reading.open_file(file)
        with tenancy.tenant(found.pk):
            names = jobs.recognise(merchant_id=found.pk, headers=source.headers)
        names.require(source.headers)
        columns = {name: source.headers[place] for name, place in names.places.items()}
        checked = check_file(source, merchant=found, channel=channel, columns=columns, at=at)
        for line, reason in list(checked.reasons.items())[:20]:
            self.say(f"line {line}: {reason}")
        done = replay.replay(
            merchant_id=found.pk,
            checked=checked,
            channel=channel,
            declared_source=declare_members,
            from_at=_instant(from_day, found),
            to_at=_instant(to_day, found),
            tell=lambda row: self.say(f"{row['month']}: {row['orders']} orders, {row['members']} members"),
        )
        return {"rows": done.months, "rejected": len(checked.reasons) + len(done.reasons)}

    def summary(self, result: Mapping[str, Any]) -> str:
        """A table."""
        lines = []
        for row in result["rows"]:
            tiers = " ".join(f"{code}={count}" for code, count in row["tiers"].items())
            lines.append(
                f"{row['month']} orders={row['orders']} spend={row['spend_minor']} members={row['members']} "
                f"points={row['points_available']} {tiers} state={row['state']} clearance={row['clearance']}"
            )
        return "\n".join(lines)


def _instant(day: dt.date | dt.datetime | None, merchant: Merchant) -> dt.datetime | None:
    if day is None or isinstance(day, dt.datetime):
        return day
    return local_instant(day, dt.time(), merchant.zone)
