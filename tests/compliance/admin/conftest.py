"""A platform with shops that a run now would clear or keep, and an admin at its pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from compliance.services import clearance, installation
from members.lib import tenant as tenancy
from members.models import User
from members.services.audit import Actor
from tests.compliance.services.conftest import SHANGHAI, Platform, at
from tests.platform_admin import enter

JOB = Actor.job("test")


def ago(days: int) -> str:
    """An instant so many days before now, as `Platform` takes it."""
    return (timezone.now() - dt.timedelta(days=days)).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


@pytest.fixture(autouse=True)
def _noon_some_days_before_a_run() -> Iterator[None]:
    """The day of which shops are assessed, twenty days ago, then has the same run before it as today has."""
    day = timezone.now().astimezone(SHANGHAI).replace(day=25, hour=12, minute=0, second=0, microsecond=0)
    with time_machine.travel(day, tick=True):
        yield


@pytest.fixture
def platform(db) -> Platform:
    """Installed long ago under the policy of a script: the brake off."""
    with tenancy.platform():
        installation.install(at=at("2023-09-01"), scripted=True)
    return Platform()


@pytest.fixture
def shops(platform, cast) -> SimpleNamespace:
    """`bare` and `empty` never had a benefit and were warned 20 days ago; `covered` has a coupon; `young` is new."""
    found = SimpleNamespace(
        bare=platform.shop("2024-10-01", owner=cast.owner),
        empty=platform.shop("2024-10-02", owner=cast.owner),
        covered=platform.shop("2024-10-03", owner=cast.owner),
        young=platform.shop(ago(40), owner=cast.owner),
    )
    platform.coupon(found.covered, ago(50))
    platform.assess(ago(20))
    return found


@pytest.fixture
def second(cast) -> User:
    """Another platform admin."""
    with tenancy.platform(), transaction.atomic():
        return User.objects.create_superuser("second@example.com", "correct horse battery", name="Second")


@pytest.fixture
def admin_client(client, cast):
    """A browser in which the admin has entered."""
    return enter(client, cast.admin)


@pytest.fixture
def cleared(shops):
    """`bare` and `empty`, cleared five days ago."""
    at = timezone.now() - dt.timedelta(days=5)
    with tenancy.platform():
        run = clearance.run_now(at=at, actor=JOB)
        clearance.drain(run_id=run.pk, at=at)
    return shops
