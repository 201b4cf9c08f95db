"""Telling of members' orders as postings leave them (`occasions`), to a shop where orders bring something.

Whether they do stands in the program's row, which every posting reads anyway: elsewhere nothing is collected or asked.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from members.lib.posting import Changes, OrderKey, OrderState
from members.models import Program
from members.services import occasions
from members.services.occasions import OrderNow


def hear(*, merchant_id: int) -> None:
    """From now on postings of a merchant tell of orders; for good: what an order brought is taken back with it."""
    Program.objects.filter(merchant_id=merchant_id, hears_orders=False).update(hears_orders=True)


@dataclass(slots=True)
class News:
    """The orders that a posting touched: collected while it is made, told once it is written."""

    program: Program
    _orders: dict[OrderKey, OrderState] = field(default_factory=dict)

    def take(self, changes: Changes) -> None:
        """Collect the orders of some folds; nothing where nobody hears of them."""
        if self.program.hears_orders:
            self._orders.update(changes.orders)

    def tell(self, *, merchant_id: int, at: dt.datetime) -> None:
        """Tell of members' orders as they are now, in the transaction that wrote them."""
        told = [
            OrderNow(
                order_id=order.id,
                member_id=order.member_id,
                channel=order.key[0],
                counts=order.counts,
                net_minor=order.net_minor,
                paid_at=order.paid_at or order.at,
                skus=frozenset(str(sku) for sku, _quantity, _amount in order.lines),
            )
            for order in self._orders.values()
            if order.member_id is not None and order.id is not None
        ]
        occasions.tell_orders(merchant_id=merchant_id, at=at, orders=told)
