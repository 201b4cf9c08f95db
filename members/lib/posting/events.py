"""What can happen to a member. Events arrive in order; `at` is the arrival, and decides the day of every
validity.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Final, Literal, TypeAlias

from members.lib.points import Clawback
from members.lib.posting.rules import Rules

OrderKey: TypeAlias = tuple[str, str]
"""(channel, external id): unique per merchant."""

Line: TypeAlias = tuple[Hashable, int, int]
"""(sku, quantity, amount_minor): the whole line after all discounts. Quantity 0 and amount 0 exist."""

Status: TypeAlias = Literal["unpaid", "paid", "cancelled"]
UNPAID: Final = "unpaid"
PAID: Final = "paid"
CANCELLED: Final = "cancelled"
STATUSES: Final = (UNPAID, PAID, CANCELLED)


class Omitted(Enum):
    """The value of an argument that the sender left out, which is not the same as null."""

    OMITTED = "omitted"


OMITTED: Final = Omitted.OMITTED


@dataclass(slots=True)
class OrderPut:
    """An order as its channel knows it now: stored when new, adjusted by difference when changed.

    Left out, `status` is paid, `paid_at` and `completed_at` are `at` when the order is new; else they keep
    their stored value, except that an order not completed is completed by omission. Only the sender's null
    leaves an order not completed. The member is the one whose state is folded. `scene`, where it was bought, is taken
    from the first put that says it and that stores or changes the order.
    """

    at: datetime
    key: OrderKey
    lines: Sequence[Line]
    status: Status | Omitted = OMITTED
    paid_at: datetime | Omitted | None = OMITTED
    completed_at: datetime | Omitted | None = OMITTED
    scene: str = ""


@dataclass(slots=True)
class OrderRefund:
    """Money given back: `lines` are (line number from 1, amount_minor); None means all that is not refunded
    yet.

    `refund` is the refund's key, unique within its order.
    """

    at: datetime
    key: OrderKey
    refund: str
    lines: Sequence[tuple[int, int]] | None = None


@dataclass(slots=True)
class Recalculation:
    """The daily job reached this member: 03:00 of a merchant's day."""

    at: datetime


@dataclass(slots=True)
class RulesEdit:
    """`rules` came into force; later events of the same fold are judged by them. `targets` maps deleted
    tiers; `shifted` are the days by which closures since then have moved all validities.
    """

    at: datetime
    rules: Rules
    targets: Mapping[int, int] | None = None
    shifted: int = 0


@dataclass(slots=True)
class TierGiven:
    """A tier given until a day, its last: by staff, exactly this one (`reason` says why), or by a plan, at least it."""

    at: datetime
    tier_id: int
    until: date | None
    by: Literal["staff", "plan"] = "staff"
    reason: str = ""


@dataclass(slots=True)
class FloorEnded:
    """What a plan granted from the day `since` until a day ends now. `before`: until when the tier was the member's
    without it, None when it was not; `still`: until when another plan grants it. `shifts` are (day a closure began,
    days by which it moved validities).
    """

    at: datetime
    tier_id: int
    until: date
    since: date
    before: date | None
    still: date | None = None
    shifts: Sequence[tuple[date, int]] = ()


@dataclass(slots=True)
class OrdersLinked:
    """The member joined, and `keys` are orders that came before, of a buyer who was a customer until now."""

    at: datetime
    keys: Sequence[OrderKey]


@dataclass(slots=True)
class OrdersPosted:
    """Orders of `keys`, in the order of their arrival, which a closure kept back are posted on request.

    `clawbacks` are the refunds that were stored meanwhile, by order and refund key, with the policy of their day.
    """

    at: datetime
    keys: Sequence[OrderKey]
    clawbacks: Mapping[OrderKey, Mapping[str, Clawback]] = field(default_factory=dict)


Event: TypeAlias = (
    OrderPut | OrderRefund | OrdersLinked | OrdersPosted | Recalculation | RulesEdit | TierGiven | FloorEnded
)
