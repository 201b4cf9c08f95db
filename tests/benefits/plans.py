"""Plans sold to members, told shortly for tests: the real services."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from benefits.models import Plan, Subscription
from benefits.services import plans, subscription_refunds, subscriptions
from benefits.services.plans import Offer
from members.lib import tenant as tenancy
from members.services import tier_rules
from members.services.audit import Actor
from tests.conftest import NOON
from tests.factories import ledger

LADDER = [*ledger.LADDER, {"code": "gold", "name": "Gold", "all": {"spend_minor": 500_000}}]
YEAR = Offer(name="Card", fee_minor=9_900, months=12)


def do(service: Any, shop: Any, at: dt.datetime = NOON, actor: Actor = ledger.JOB, **more: Any) -> Any:
    """A service of a shop at an instant."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        return service(merchant_id=shop.pk, at=at, actor=actor, **more)


def golden(shop: Any) -> Any:
    """An open shop with a tier gold above the others."""
    ledger.open_shop(shop, NOON)
    do(tier_rules.configure, shop, ladder=LADDER)
    return shop


def plan(shop: Any, offer: Offer = YEAR, code: str = "card", at: dt.datetime = NOON) -> Plan:
    """A plan on sale."""
    return do(plans.create, shop, at, code=code, offer=offer)


def sell(
    shop: Any, card: Plan, member: Any, at: dt.datetime = NOON, reference: str = "", **more: Any
) -> Subscription:
    """A term that was paid for."""
    reference = reference or f"{card.code} {member.pk} {at.isoformat()}"
    return do(
        subscriptions.sell, shop, at, plan_id=card.public_id, member_id=member.pk, reference=reference, **more
    )[0]


def refund(shop: Any, term: Subscription, at: dt.datetime, reason: str = "as asked") -> Subscription:
    """A term that is refunded."""
    return do(subscription_refunds.refund, shop, at, subscription_id=term.public_id, reason=reason)
