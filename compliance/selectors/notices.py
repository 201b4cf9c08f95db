"""The warnings of a program with who got and saw them when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from compliance.lib.calendar import platform_date
from compliance.lib.policy import Policy
from compliance.models import Notice, Receipt, ReceiptChannel, ReceiptEvent
from members.models import Staff

WRITE_TO = ("owner", "manager")


@dataclass(slots=True, kw_only=True)
class ChannelReceipts:
    """One way by which a notice went: when it was delivered, who saw or acknowledged it when."""

    channel: str
    delivered_at: dt.datetime | None = None
    delivered_to: list[str] = field(default_factory=list)
    seen: list[Receipt] = field(default_factory=list)
    acknowledged: list[Receipt] = field(default_factory=list)
    failed: list[Receipt] = field(default_factory=list)

    @property
    def first_at(self) -> dt.datetime | None:
        """When it reached somebody: delivered, or first seen."""
        return self.delivered_at or min((row.at for row in self.seen + self.acknowledged), default=None)


@dataclass(slots=True, kw_only=True)
class NoticeReport:
    """A notice with its receipts by channel, in the order of ReceiptChannel; channels that were not used left out."""

    notice: Notice
    channels: list[ChannelReceipts]


def history(*, merchant_id: int, limit: int = 60) -> list[NoticeReport]:
    """The latest notices, newest first. Two queries."""
    rows = list(Notice.objects.of(merchant_id).order_by("-sent_at", "days_before", "-id")[:limit])
    receipts = (
        Receipt.objects.of(merchant_id)
        .filter(notice_id__in=[row.pk for row in rows])
        .select_related("user")
        .order_by("at", "id")
    )
    found: dict[int, dict[str, ChannelReceipts]] = {row.pk: {} for row in rows}
    for receipt in receipts:
        channel = found[receipt.notice_id].setdefault(
            receipt.channel, ChannelReceipts(channel=receipt.channel)
        )
        _add(channel, receipt)
    return [
        NoticeReport(
            notice=row,
            channels=[found[row.pk][name] for name in ReceiptChannel.values if name in found[row.pk]],
        )
        for row in rows
    ]


def _add(channel: ChannelReceipts, receipt: Receipt) -> None:
    if receipt.event == ReceiptEvent.DELIVERED:
        channel.delivered_at = min(receipt.at, channel.delivered_at or receipt.at)
        if receipt.user is not None:
            channel.delivered_to.append(str(receipt.user))
            # What was given up is tried again all the same: delivered after all it is no failure any more.
            channel.failed = [row for row in channel.failed if row.user_id != receipt.user_id]
    elif receipt.event == ReceiptEvent.SEEN:
        channel.seen.append(receipt)
    elif receipt.event == ReceiptEvent.FAILED:
        channel.failed.append(receipt)
    else:
        channel.acknowledged.append(receipt)


def receivers(*, merchant_id: int) -> list[tuple[int, str]]:
    """Who is written to in a shop's matters with the platform: (user id, address) of its owners and managers."""
    people = Staff.objects.filter(
        merchant_id=merchant_id, left_at=None, role__in=WRITE_TO, user__is_active=True
    )
    return list(people.order_by("user_id").values_list("user_id", "user__email"))


def next_warning(*, policy: Policy, run_on: dt.date | None, at: dt.datetime) -> tuple[dt.date, int] | None:
    """The platform day of the next warning before a run and how many days before it is; None when none is left."""
    if run_on is None:
        return None
    today = platform_date(at)
    coming = [(run_on - dt.timedelta(days=days), days) for days in policy.warn_days]
    return min(((day, days) for day, days in coming if day > today), default=None)
