"""The states in which browsers find shops, told up to now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from members.lib import tenant as tenancy
from members.models import Merchant, Role, User
from tests.factories import shops


@dataclass(frozen=True)
class Story:
    """A shop, its owner and one more person of its staff."""

    merchant: Merchant
    owner: User
    cashier: User

    def rows(self, model: Any, **filters: Any) -> list[Any]:
        """The shop's rows of a model."""
        with tenancy.tenant(self.merchant.pk), transaction.atomic():
            return list(model.objects.of(self.merchant).filter(**filters).order_by("id"))


def a_shop(state: str, *, name: str = "Swallow Valley", beside: str = "") -> Story:
    """A shop in a state of STATES, with members and orders, and perhaps one `beside` it that is well covered."""
    at = shops.now()
    owner, cashier = shops.person("owner@shop.example", name="Olive"), shops.person("cashier@shop.example")
    others = [shops.life(beside, "open", at, phone_tail=500)] if beside else []
    lives = shops.in_order(shops.policy(state, at), shops.life(name, state, at), *others)
    merchant = shops.merchant(shops.told(lives)[name])
    shops.staff(merchant.pk, owner)
    shops.staff(merchant.pk, cashier, Role.CASHIER)
    return Story(merchant, owner, cashier)
