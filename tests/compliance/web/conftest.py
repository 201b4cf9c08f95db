"""Shops in every state, told by the services at instants of the past; the clock of the pages travels."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import translation

from benefits.models import Benefit
from benefits.services import benefits
from compliance.lib.calendar import assessment_instant, run_instant
from compliance.models import Notice, Protection, Receipt, Run, RunState
from compliance.services import assessment, clearance, installation, life
from members.lib import tenant as tenancy
from members.models import Merchant, Role, Staff, User
from members.services import programs
from members.services.audit import Actor
from tests.conftest import SHANGHAI, ScopedClient
from tests.factories.benefits import given

JOB = Actor.job("test")


def when(text: str) -> dt.datetime:
    """An instant in Shanghai from "2026-06-08 10:20" or a day (its start)."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@dataclass
class Shop:
    """A merchant whose life is told line by line."""

    merchant: Merchant

    @property
    def pk(self) -> int:
        return self.merchant.pk

    def open(self, at: str) -> None:
        with tenancy.tenant(self.pk), transaction.atomic():
            life.open_program(merchant_id=self.pk, at=when(at), actor=JOB)

    def close(self, at: str) -> None:
        with tenancy.tenant(self.pk), transaction.atomic():
            programs.close_program(merchant_id=self.pk, at=when(at), actor=JOB)

    def publish(self, at: str, kind: str = "coupon", until: str | None = None, **more: Any) -> Benefit:
        coupon = {"off_minor": 1000, "at_least_minor": 9900}
        more.setdefault("settings", coupon if kind == "coupon" else given(kind))
        if kind == "lucky_draw" and until is None:  # open-ended ones are told by plays alone
            more["as_scripted"] = True
        with tenancy.tenant(self.pk), transaction.atomic():
            return benefits.publish_benefit(
                merchant_id=self.pk,
                at=when(at),
                actor=JOB,
                kind=kind,
                to_at=when(until) if until else None,
                **more,
            )

    def assess(self, *days: str) -> None:
        """The 04:00 jobs of some days."""
        with tenancy.platform(), transaction.atomic():
            for day in days:
                assessment.assess(at=assessment_instant(dt.date.fromisoformat(day)))

    def run(self, day: str) -> None:
        """The clearance of a day; the brake that a single shop always pulls is let go."""
        at = run_instant(dt.date.fromisoformat(day))
        with tenancy.platform(), transaction.atomic():
            clearance.run_due(at=at)
            row = Run.objects.get(run_on=day)
            if row.state == RunState.BRAKED:
                clearance.approve(run_id=row.pk, at=at, actor=JOB)
                clearance.drain(run_id=row.pk, at=at)

    def protect(self, since: str, until: str) -> None:
        with tenancy.platform(), transaction.atomic():
            Protection.objects.create(
                merchant_id=self.pk, from_at=when(since), until_at=when(until), cause="restored"
            )

    def notices(self) -> list[Notice]:
        with tenancy.tenant(self.pk), transaction.atomic():
            return list(Notice.objects.of(self.pk).order_by("sent_at"))

    def receipts(self) -> list[tuple[str, str, str]]:
        """(who, channel, event) of every receipt that names a person."""
        with tenancy.tenant(self.pk), transaction.atomic():
            rows = Receipt.objects.of(self.pk).exclude(user=None).select_related("user")
            return sorted((row.user.name, row.channel, row.event) for row in rows)


@pytest.fixture
def client() -> ScopedClient:
    """A browser that asks for English, the language of the sources."""
    return ScopedClient(headers={"accept-language": "en"})


@pytest.fixture
def english() -> Iterator[None]:
    """For words asked for outside of a request."""
    with translation.override("en"):
        yield


@pytest.fixture
def shop(cast: SimpleNamespace) -> Shop:
    """The first shop of the cast, still a draft; the platform was installed on 2025-01-01."""
    with tenancy.platform(), transaction.atomic():
        installation.install(at=when("2025-01-01"))
    return Shop(cast.shop)


def old(shop: Shop) -> Shop:
    """Opened long before, with a coupon that ended on 2026-03-22: at risk of the run of 2026-06-30."""
    shop.open("2025-08-01 10:00")
    shop.publish("2026-01-15 09:00", until="2026-03-23", name="99 less 10")
    return shop


def staff(shop: Shop, name: str, role: str) -> User:
    """One more person of the shop."""
    with tenancy.platform(), transaction.atomic():
        user = User.objects.create_user(f"{name}@example.com", "correct horse battery", name=name.title())
        Staff.objects.create(merchant=shop.merchant, user=user, role=Role(role), joined_at=when("2025-01-01"))
    return user


@pytest.fixture
def clock() -> Iterator[Any]:
    """Travel: `clock("2026-06-08 10:20")`. The clock stands still there."""
    travelling: list[Any] = []

    def travel(text: str) -> dt.datetime:
        while travelling:
            travelling.pop().stop()
        traveller = time_machine.travel(when(text), tick=False)
        traveller.start()
        travelling.append(traveller)
        return when(text)

    yield travel
    while travelling:
        travelling.pop().stop()
