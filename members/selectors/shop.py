"""A shop's settings as they are now."""

from __future__ import annotations

from members.models import Member, Order, Store


def stores(*, merchant_id: int) -> list[Store]:
    """The merchant's stores by channel and name. One query."""
    return list(Store.objects.of(merchant_id).order_by("channel", "name", "id"))


def has_orders(*, merchant_id: int) -> bool:
    """Whether the shop's currency is fixed. One query."""
    return Order.objects.of(merchant_id).exists()


def has_days(*, merchant_id: int) -> bool:
    """Whether the shop's zone is fixed: days are stored of somebody, erased or not, or of an order. Two queries."""
    return Member.objects.of(merchant_id).exists() or has_orders(merchant_id=merchant_id)
