"""The one posting rule: order -> daily totals -> points -> tier, as a pure fold over one member's events.

Both writers use it: the single-order service (one member loaded under lock, one event) and the bulk service
(chunks of members, many events, rows out as tuples for COPY). Nothing here reads a clock or a database; see
`fold`.

Words: an order *counts* while it is paid and not refunded whole; it is *stamped* with its earning terms when
it is first stored with a member while the program is open; what it has *posted* is what its points entries
add up to by rule, before a clawback policy forgets any. Every event that may move points brings `posted` to
the order's target, so points that a closed program did not move follow with the next change of that order, or
when the closure is posted on request (`OrdersPosted`), and not before.
"""

from members.lib.posting.changes import Changes, OrderRevision, TierMove
from members.lib.posting.events import (
    CANCELLED,
    OMITTED,
    PAID,
    STATUSES,
    UNPAID,
    Event,
    FloorEnded,
    Line,
    Omitted,
    OrderKey,
    OrderPut,
    OrderRefund,
    OrdersLinked,
    OrdersPosted,
    Recalculation,
    RulesEdit,
    Status,
    TierGiven,
)
from members.lib.posting.fold import fold
from members.lib.posting.rules import Rules
from members.lib.posting.state import (
    Account,
    Allocation,
    DayTotals,
    Entry,
    Lot,
    MemberState,
    OrderState,
    Refund,
    WindowTotals,
)

__all__ = [
    "CANCELLED",
    "OMITTED",
    "PAID",
    "STATUSES",
    "UNPAID",
    "Account",
    "Allocation",
    "Changes",
    "DayTotals",
    "Entry",
    "Event",
    "FloorEnded",
    "Line",
    "Lot",
    "MemberState",
    "Omitted",
    "OrderKey",
    "OrderPut",
    "OrderRefund",
    "OrderRevision",
    "OrderState",
    "OrdersLinked",
    "OrdersPosted",
    "Recalculation",
    "Refund",
    "Rules",
    "RulesEdit",
    "Status",
    "TierGiven",
    "TierMove",
    "WindowTotals",
    "fold",
]
