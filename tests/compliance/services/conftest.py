"""A platform with its policy, and shops at chosen instants, for the compliance services."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from benefits.services import benefits
from compliance.services import assessment, clearance, installation, life, policies
from members.lib import tenant as tenancy
from members.models import Merchant, Role, Staff, User
from members.services import merchants, programs
from members.services.audit import Actor
from tests.factories.benefits import given

SHANGHAI = ZoneInfo("Asia/Shanghai")
JOB = Actor.job("test")


def at(when: str) -> dt.datetime:
    """An instant in Shanghai from "2024-06-27 23:00", or a day's start."""
    return dt.datetime.fromisoformat(when if " " in when else f"{when} 00:00").replace(tzinfo=SHANGHAI)


class Platform(SimpleNamespace):
    """Does things at instants given as text; every service in its own scope."""

    def shop(self, opened: str, *, owner: User | None = None) -> Merchant:
        with tenancy.platform(), transaction.atomic():
            made = merchants.create_merchant(name="Shop", owner=owner, at=at(opened), actor=JOB)
        self.open(made, opened)
        return made

    def open(self, shop: Merchant, when: str) -> None:
        with tenancy.tenant(shop.pk):
            life.open_program(merchant_id=shop.pk, at=at(when), actor=JOB)

    def close(self, shop: Merchant, when: str) -> None:
        with tenancy.tenant(shop.pk), transaction.atomic():
            programs.close_program(merchant_id=shop.pk, at=at(when), actor=JOB)

    def coupon(self, shop: Merchant, when: str, until: str | None = None, **arguments: Any) -> Any:
        arguments.setdefault("settings", given(arguments.get("kind", "coupon")))
        if arguments.get("kind") == "lucky_draw" and until is None:  # open-ended ones are told by plays alone
            arguments["as_scripted"] = True
        with tenancy.tenant(shop.pk):
            return benefits.publish_benefit(
                merchant_id=shop.pk,
                at=at(when),
                actor=JOB,
                kind=arguments.pop("kind", "coupon"),
                from_at=at(when),
                to_at=None if until is None else at(until),
                **arguments,
            )

    def policy(self, when: str, *, starts: str | None = None, **values: Any) -> Any:
        with tenancy.platform():
            return policies.set_policy(
                at=at(when),
                effective_at=at(starts or when),
                actor=JOB,
                values=values,
                early_reason="told by a test, in which versions are in force at once",
            )

    def assess(self, when: str, *, delivered: str | None = None) -> dict[str, Any]:
        with tenancy.platform():
            return assessment.assess(at=at(when), delivered_at=None if delivered is None else at(delivered))

    def assess_daily(self, first: str, last: str) -> None:
        day = dt.date.fromisoformat(first)
        while day.isoformat() <= last:
            self.assess(f"{day.isoformat()} 04:00")
            day += dt.timedelta(days=1)

    def run(self, when: str) -> dict[str, Any]:
        with tenancy.platform():
            return clearance.run_due(at=at(when))


@pytest.fixture
def platform(db) -> Platform:
    """Installed on 2023-09-01 with the policy of a script: first run 2024-06-27, brake off."""
    with tenancy.platform():
        installation.install(at=at("2023-09-01"), scripted=True)
    return Platform()


@pytest.fixture
def make_user(db) -> Callable[[str], User]:
    """A user by e-mail address."""

    def make(email: str, shop: Merchant | None = None, role: str = Role.OWNER) -> User:
        with tenancy.platform(), transaction.atomic():
            user = User.objects.create_user(email, "correct horse battery", name=email.split("@")[0])
            if shop is not None:
                Staff.objects.create(merchant=shop, user=user, role=role, joined_at=at("2023-09-01"))
        return user

    return make
