"""Lifts that did not happen are found by one statement for shops of different rules: by each shop's own."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connections, transaction

from members.lib import tenant as tenancy
from members.lib.periods import merchant_day
from members.models import DailyTotal, Member, Merchant
from members.selectors import rules as rules_of
from members.selectors import tier_missed
from members.services import merchants, programs, tier_rules
from tests.conftest import NOON
from tests.factories import ledger

BASE = {"code": "base", "name": "Base"}
DAY = dt.timedelta(days=1)


def rung(code: str, **needs: Any) -> dict[str, Any]:
    return {"code": code, "name": code.title(), **needs}


RULES: list[dict[str, Any]] = [
    {"ladder": [BASE, rung("silver", all={"spend_minor": 30_000, "orders": 2}), rung("gold", all={"orders": 4})]},
    {"ladder": [BASE, rung("silver", any={"spend_minor": 20_000, "active_days": 3})],
     "window": {"kind": "rolling", "days": 40}},
    {"ladder": [BASE, rung("silver", all={"points_earned": 300})], "window": {"kind": "calendar_year"}},
    {"ladder": [BASE, rung("silver", all={"active_days": 1})], "window": {"kind": "membership_year"}},
    {"ladder": [BASE, rung("silver", all={"growth": 500})], "window": {"kind": "lifetime"},
     "growth": {"spend_minor": ledger.Decimal("0.005"), "orders": ledger.Decimal("99.5")}},
]  # fmt: skip


def lived_shop(number: int, rules: dict[str, Any]) -> Merchant:
    """Three members who bought now and long ago, and now none of whom ever moved."""
    began = NOON - 500 * DAY
    with tenancy.platform(), transaction.atomic():
        shop = merchants.create_merchant(name=f"shop {number}", owner=None, at=began, actor=ledger.JOB)
    with tenancy.tenant(shop.pk), transaction.atomic():
        about: dict[str, Any] = {"merchant_id": shop.pk, "at": began, "actor": ledger.JOB}
        tier_rules.configure(**about, **rules)
        programs.open_program(**about)
    ledger.configure(shop, began)
    for place in range(3):
        member = ledger.join(shop, began + 40 * place * DAY, f"u{place}")
        for order in range(2 + place):
            at = began + (180 + 80 * order + 31 * place) * DAY
            ledger.buy(shop, member, f"o{place}-{order}", at, 10_000 + 7_000 * place)
    return shop


def forget_moves() -> None:
    """As if nobody had ever been lifted."""
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute("alter table members_tiermove disable trigger user")
        for table in ("members_tiervalidity", "members_tierstanding", "members_tiermove"):
            cursor.execute(f"delete from {table}")
        cursor.execute("alter table members_tiermove enable trigger user")


def qualified(shop: Merchant) -> set[tuple[int, int]]:
    """Whose metrics reach more than the lowest tier, in the obvious way."""
    today = merchant_day(NOON, shop.zone)
    found = set()
    with tenancy.tenant(shop.pk), transaction.atomic():
        version = rules_of.version_at(merchant_id=shop.pk, at=NOON)
        assert version is not None
        rules = rules_of.tier_rules(version, rules_of.tier_codes(merchant_id=shop.pk))
        for member in Member.objects.of(shop):
            since = rules.window.start(today, member.joined_on)
            days = list(DailyTotal.objects.of(shop).filter(member=member, day__gte=since, day__lte=today))
            metrics = rules.metrics(
                sum(day.spend_minor for day in days),
                sum(day.orders for day in days),
                sum(day.orders > 0 for day in days),
                sum(day.points for day in days),
            )
            if rules.qualified(metrics) != rules.base:
                found.add((shop.pk, member.pk))
    return found


def looked(shops: list[Merchant], **more: Any) -> tier_missed.Looked:
    with tenancy.platform(), transaction.atomic():
        return tier_missed.of_shops(
            **{"shops": [shop.pk for shop in shops], "most": 100, "turn": 0, "at": NOON, **more}
        )


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_who_was_missed_is_who_qualifies_by_the_rules_of_each_shop():
    shops = [lived_shop(number, rules) for number, rules in enumerate(RULES)]
    assert looked(shops).missed == []

    forget_moves()

    wanted = [qualified(shop) for shop in shops]
    assert all(wanted) and sum(map(len, wanted)) < 15  # of every shop some, and not all of all
    assert set(looked(shops).missed) == set().union(*wanted)
    # A sample begins at the place of its turn, goes round, and is no larger than asked for.
    assert looked(shops).members == 15 == looked(shops, turn=999).members
    assert set(looked(shops, turn=600).missed) == set().union(*wanted)
    assert looked(shops, most=1).members == 5
    assert looked(shops[:1], most=2).missed != looked(shops[:1], most=2, turn=999).missed
