"""The states in which browsers find shops, told up to now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from compliance.lib.calendar import platform_date
from members.lib import tenant as tenancy
from members.models import Merchant, Role, User
from tests import emptying
from tests.factories import shops

FRESH = dt.timedelta(minutes=15)


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


@dataclass(frozen=True)
class Told:
    """A story as it was told once, and what stood in the database then."""

    at: dt.datetime
    story: Story
    rows: emptying.Rows

    def holds(self, at: dt.datetime) -> bool:
        """Whether it is the same day still, and so little later that no page reads otherwise."""
        return platform_date(at) == platform_date(self.at) and at - self.at < FRESH


_told: dict[tuple[str, str, str], Told] = {}


def a_shop(state: str, *, name: str = "Swallow Valley", beside: str = "") -> Story:
    """A shop in a state of STATES, with members and orders, and perhaps one `beside` it that is well covered.

    For tests that commit. A hundred days of jobs are told once; the next test that asks for the same story finds its
    rows, and the jobs since then are done.
    """
    key, at = (state, name, beside), shops.now()
    before = _told.get(key)
    if before is not None and before.holds(at):
        emptying.refill(before.rows)
        shops.told([], since=before.at)
        return _read_again(before.story)
    story = _tell(at, *key)
    if emptying.superuser():
        _told[key] = Told(at, story, emptying.rows())
    return story


def _tell(at: dt.datetime, state: str, name: str, beside: str) -> Story:
    owner, cashier = shops.person("owner@shop.example", name="Olive"), shops.person("cashier@shop.example")
    others = [shops.life(beside, "open", at, phone_tail=500)] if beside else []
    lives = shops.in_order(shops.policy(state, at), shops.life(name, state, at), *others)
    merchant = shops.merchant(shops.told(lives)[name])
    shops.staff(merchant.pk, owner)
    shops.staff(merchant.pk, cashier, Role.CASHIER)
    return Story(merchant, owner, cashier)


def _read_again(story: Story) -> Story:
    """The same people and their shop, as rows of this test."""
    with tenancy.platform(), transaction.atomic():
        owner, cashier = (User.objects.get(pk=user.pk) for user in (story.owner, story.cashier))
    return Story(shops.merchant(story.merchant.pk), owner, cashier)
