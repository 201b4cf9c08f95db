"""The lines of a file of the ledger: one an entry, with its words. Phones are masked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.utils.translation import gettext_lazy

from members.lib.masks import masked_phone
from members.lib.phones import national, region_of
from members.models import Channel, EntryKind, Merchant, PointsEntry
from members.selectors import entry_words

CAUSE_WORDS = {
    "order": gettext_lazy("An order"),
    "refund": gettext_lazy("A refund"),
    "rule": gettext_lazy("A rule"),
    "staff": gettext_lazy("Staff"),
    "request": gettext_lazy("A till or shop system"),
}
HEAD = (
    gettext_lazy("Time"), gettext_lazy("Member"), gettext_lazy("Phone"), gettext_lazy("Entry"),
    gettext_lazy("Kind"), gettext_lazy("Points"), gettext_lazy("Pending"), gettext_lazy("Balance"),
    gettext_lazy("Cause"), gettext_lazy("Channel"), gettext_lazy("Order"), gettext_lazy("Refund number"),
    gettext_lazy("Key"), gettext_lazy("What"), gettext_lazy("Version of the rules"),
)  # fmt: skip
NUMBERS = frozenset({3, 5, 6, 7, 14})  # columns that hold numbers


def lines(merchant: Merchant, entries: Iterable[PointsEntry]) -> Iterator[list[Any]]:
    """A line an entry, each read with order, request and member. Words are looked up once, not once a line."""
    words = {
        "kind": {value: str(label) for value, label in EntryKind.choices},
        "cause": {value: str(label) for value, label in CAUSE_WORDS.items()},
        "channel": {value: str(label) for value, label in Channel.choices},
    }
    phones: dict[int, str] = {}
    region = region_of(merchant.currency)
    for entry in entries:
        member = entry.member
        if member.pk not in phones:
            known = member.phone_index is not None
            phones[member.pk] = masked_phone(national(member.phone, region)) if known else ""
        yield _line(merchant, entry, phones[member.pk], words)


def _line(merchant: Merchant, entry: PointsEntry, phone: str, words: dict[str, dict[str, str]]) -> list[Any]:
    order, asked = entry.order, entry.request
    return [
        entry.at.astimezone(merchant.zone).isoformat(),
        entry.member.public_id,
        phone,
        entry.sequence,
        words["kind"].get(entry.kind, entry.kind),
        entry.points,
        entry.pending,
        entry.balance_after,
        words["cause"].get(entry.cause, entry.cause),
        words["channel"].get(order.channel, order.channel) if order else "",
        order.external_id if order else "",
        entry.refund,
        asked.key if asked else "",
        entry_words.describe(entry),
        entry.rules_version,
    ]
