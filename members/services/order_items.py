"""Orders and refunds as they come in, and what becomes of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from members.lib.posting import OMITTED, Omitted, OrderKey, OrderState
from members.lib.refusals import Refusal


class LineIn(NamedTuple):
    """A line as it comes in; the amount is the whole line after all discounts, in minor units."""

    sku: str
    quantity: Decimal | int
    amount_minor: int


@dataclass(slots=True)
class OrderIn:
    """An order as a channel sends it. What is left out (OMITTED) is filled in as `OrderPut` says.

    Who bought: `member_id`, or `member_key`, the buyer's external id on the channel, whose member it becomes if the
    buyer has joined. `store` is a store's code on the channel; `scene` where it was bought, such as takeaway.
    """

    external_id: str
    lines: Sequence[LineIn]
    channel: str = "web"
    member_id: int | None = None
    member_key: str = ""
    store: str = ""
    status: str | Omitted = OMITTED
    paid_at: dt.datetime | Omitted | None = OMITTED
    completed_at: dt.datetime | Omitted | None = OMITTED
    scene: str = ""

    @property
    def key(self) -> OrderKey:
        """Unique per merchant."""
        return (self.channel, self.external_id)


@dataclass(slots=True)
class RefundIn:
    """A refund as a channel sends it; lines None means all that is not refunded yet."""

    external_id: str
    refund: str
    channel: str = "web"
    lines: Sequence[tuple[int, int]] | None = None

    @property
    def key(self) -> OrderKey:
        """The order's key."""
        return (self.channel, self.external_id)


@dataclass(slots=True)
class Outcome:
    """What became of one item of a batch: `created`, `changed`, `unchanged`, or refused with its reason.

    `order` is as the whole batch left it; the other figures are those of just after this item.
    """

    outcome: str
    order: OrderState | None = None
    refusal: Refusal | None = None
    member_id: int | None = None
    net_minor: int = 0
    posted: int = 0


@dataclass(slots=True)
class Batch:
    """Outcomes in the order of the items, and counts by outcome."""

    outcomes: list[Outcome] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        """How many items ended so."""
        return sum(each.outcome == outcome for each in self.outcomes)


Item = tuple[dt.datetime, OrderIn | RefundIn]
Live = tuple[int, dt.datetime, OrderIn | RefundIn]
"""(place among the items, arrival, item)."""
