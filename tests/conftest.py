"""The suite's ground: a database made, migrated and flushed as owner, used as the log-in role; and the cast."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db import connections, transaction
from django.test import Client, TransactionTestCase
from django.utils import translation

from compliance.play.stage import ensure_template, let_commits_lag
from config import embedded
from members.lib import tenant as tenancy
from members.lib.databases import create_database, drop_database
from tests import emptying
from tests.environment import missing

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = dt.datetime(2024, 5, 15, 12, 0, tzinfo=SHANGHAI)


# Seconds and more each, however fast the machine: kills, servers that are down, long proofs, walks of every page.
LONG = ("tests/config/", "tests/concurrency/", "tests/security/", "tests/flows/", "tests/browser/")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests come first, so that no worker is left with one while the other has nothing to do.

    Tests that commit may come before those that roll back: they leave what the migrations left.
    """

    def rank(item: pytest.Item) -> int:
        if item.get_closest_marker("soak"):
            return 0
        folder = item.path.relative_to(embedded.BASE_DIR).as_posix()
        return next((n for n, name in enumerate(LONG, 1) if folder.startswith(name)), len(LONG) + 1)

    items.sort(key=rank)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(worker_id: str) -> None:
    """Both aliases point to this worker's own database."""
    suffix = "" if worker_id == "master" else f"_{worker_id}"
    name = f"test_liushui{suffix}_{os.getpid()}"
    for alias in ("default", "owner"):
        connections[alias].close()
        connections.settings[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name


@pytest.fixture(scope="session")
def django_db_setup(django_db_modify_db_settings: None, django_db_blocker) -> Iterator[None]:
    """Clone the database from the migrated template of plays, over the owner's connection; drop it at the end.

    Its commits do not wait for the disk: the server dies in no test but those that make a cluster of their own.
    """
    name = connections["owner"].settings_dict["NAME"]
    with django_db_blocker.unblock():
        drop_database(name)
        create_database(name, ensure_template())
        let_commits_lag(name, lag=True)
    yield
    with django_db_blocker.unblock():
        connections.close_all()
        drop_database(name)


@pytest.fixture(scope="session", autouse=True)
def _emptied_quickly(django_db_modify_db_settings: None) -> Iterator[None]:
    """What a test committed is deleted, where the server's superuser is known; else Django truncates it."""
    with pytest.MonkeyPatch.context() as patch:
        if emptying.superuser():
            patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _case: emptying.empty())
        yield


@pytest.fixture
def superuser(django_db_setup: None) -> Iterator[psycopg.Connection]:
    """A superuser's plain connection to the suite's database; the product itself never has one."""
    address = emptying.superuser()
    if address is None:
        missing("a superuser of the database server (DATABASE_URL names another one)")
    name = connections["default"].settings_dict["NAME"]
    with psycopg.connect(address, dbname=name, autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def _no_scope_leaks() -> Iterator[None]:
    """Every test begins and ends without a scope."""
    assert tenancy.current_scope() == tenancy.NOTHING
    yield
    assert tenancy.current_scope() == tenancy.NOTHING


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    """Sentences are English unless a request or a test says otherwise; what a request left does not reach the next."""
    with translation.override("en"):
        yield


@pytest.fixture
def noon() -> dt.datetime:
    """A Wednesday at twelve in Shanghai."""
    return NOON


class ScopedClient(Client):
    """Django's test client; what it does to sessions by itself it does as the site does, as a visitor."""

    def force_login(self, user, backend=None):
        """Sign a person in without their password."""
        with tenancy.visitor(), transaction.atomic():
            return super().force_login(user, backend)

    @property
    def session(self):
        """The session as it is now; save changes under `tenancy.visitor()`."""
        with tenancy.visitor(), transaction.atomic():
            session = super().session
            session.keys()
        return session


@pytest.fixture
def client() -> ScopedClient:
    """A browser."""
    return ScopedClient()


def make_cast() -> SimpleNamespace:
    """The cast, written in the transaction that is open."""
    from members.models import Role, Staff, User
    from members.services import merchants
    from members.services.audit import Actor

    job = Actor.job("test")
    with tenancy.platform(), transaction.atomic():
        people = {
            name: User.objects.create_user(f"{name}@example.com", "correct horse battery", name=name.title())
            for name in ("owner", "clerk", "outsider")
        }
        admin = User.objects.create_superuser("admin@example.com", "correct horse battery", name="Admin")
        shop = merchants.create_merchant(name="Swallow Valley", owner=people["owner"], at=NOON, actor=job)
        other = merchants.create_merchant(name="Other Shop", owner=people["outsider"], at=NOON, actor=job)
        Staff.objects.create(merchant=shop, user=people["clerk"], role=Role.CASHIER, joined_at=NOON)
    return SimpleNamespace(shop=shop, other=other, admin=admin, **people)


@pytest.fixture
def cast(db) -> SimpleNamespace:
    """Two shops and their people: owner and clerk (cashier) of the first, an outsider who owns the second, an admin."""
    return make_cast()
