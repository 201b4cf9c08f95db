"""A shop's settings as they are now."""

from __future__ import annotations

from members.models import Order, Store


def stores(*, merchant_id: int) -> list[Store]:
    """The merchant's stores by channel and name. One query."""
    return list(Store.objects.of(merchant_id).order_by("channel", "name", "id"))


def has_orders(*, merchant_id: int) -> bool:
    """Whether the shop's currency and zone are fixed. One query."""
    return Order.objects.of(merchant_id).exists()
