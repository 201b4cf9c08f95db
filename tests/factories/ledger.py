"""A shop with points on the way: opened under a point rule, members joined, orders put, points moved by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db import transaction

from members.lib import tenant as tenancy
from members.models import Member, Merchant, PointsRequest
from members.selectors import points as selectors
from members.services import ledger_proof, members, orders, point_rules, points, programs, tier_rules
from members.services.audit import Actor
from members.services.orders import LineIn, OrderIn

JOB = Actor.job("test")
LADDER = [
    {"code": "base", "name": "Member"},
    {"code": "silver", "name": "Silver", "all": {"spend_minor": 100_000}},
]


def open_shop(shop: Merchant, at: dt.datetime, **rule: Any) -> None:
    """Two tiers, a point rule of `rule` beside one point a unit, and the program open."""
    who: dict[str, Any] = {"merchant_id": shop.pk, "at": at, "actor": JOB}
    with tenancy.tenant(shop.pk), transaction.atomic():
        tier_rules.configure(ladder=LADDER, **who)
        point_rules.configure(**{"per_major": Decimal(1), **rule}, **who)
        programs.open_program(**who)


def configure(shop: Merchant, at: dt.datetime, **rule: Any) -> None:
    """Another point rule from an instant on."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        point_rules.configure(merchant_id=shop.pk, at=at, actor=JOB, **{"per_major": Decimal(1), **rule})


def join(shop: Merchant, at: dt.datetime, external_id: str = "u1", **more: Any) -> Member:
    """Somebody joins."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        who = {"channel": "web", "external_id": external_id, **more}
        return members.join(merchant_id=shop.pk, at=at, actor=JOB, **who)


def buy(shop: Merchant, member: Member, order: str, at: dt.datetime, *amounts: int, **more: Any) -> None:
    """An order of one line an amount, in minor units."""
    lines = [LineIn(f"sku {place}", 1, amount) for place, amount in enumerate(amounts)]
    with tenancy.tenant(shop.pk), transaction.atomic():
        orders.put_order(
            merchant_id=shop.pk,
            at=at,
            actor=JOB,
            order=OrderIn(order, lines, member_id=member.pk, **more),
        )


def refund(shop: Merchant, order: str, at: dt.datetime, key: str = "refund") -> None:
    """All that is left of an order is refunded."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        orders.refund_order(
            merchant_id=shop.pk,
            at=at,
            actor=JOB,
            channel="web",
            external_id=order,
            refund_id=key,
            lines=None,
        )


def act(verb: str, shop: Merchant, at: dt.datetime, *, actor: Actor = JOB, **arguments: Any) -> PointsRequest:
    """One act of `members.services.points`, by its name."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        return getattr(points, verb)(merchant_id=shop.pk, at=at, actor=actor, **arguments)


def adjust(
    shop: Merchant, member: Member, amount: int, at: dt.datetime, *, key: str = "", actor: Actor = JOB
) -> PointsRequest:
    """Points added or taken by hand."""
    key = key or f"adjust {amount} {at.isoformat()}"
    return act(
        "adjust", shop, at, actor=actor, member_id=member.pk, points=amount, key=key, reason="a reason"
    )


def standing(shop: Merchant, member: Member, at: dt.datetime) -> dict[str, Any]:
    """Balance and lots."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        return selectors.standing(merchant_id=shop.pk, member_id=member.pk, at=at)


def entries(shop: Merchant, member: Member) -> list[tuple[str, int, int]]:
    """(kind, points, balance after) of every entry, the oldest first."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = selectors.entries(merchant_id=shop.pk, member_id=member.pk)
    return [(row["kind"], row["points"], row["balance_after"]) for row in rows]


def mismatches(at: dt.datetime) -> int:
    """How many members' ledgers do not add up."""
    return ledger_proof.prove(at=at).mismatches
