"""A log-in that could do something by itself is refused, however it came by its power; ours passes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from config.postgres.base import NAMES
from config.postgres.log_in import refuse_powerful_log_in
from tests.environment import missing

LOG_IN = f"test_{os.getpid()}_log_in"
FIRST_OF_16 = 160_000


@pytest.fixture
def enter(superuser: psycopg.Connection) -> Iterator[Callable[..., psycopg.Connection]]:
    """Makes a log-in with options and grants and connects as it."""
    opened: list[psycopg.Connection] = []

    def make(options: str, *grants: str) -> psycopg.Connection:
        superuser.execute(f"create role {LOG_IN} login password 'secret' {options}")
        for grant in grants:
            superuser.execute(f"grant {grant.format(**vars(NAMES))}")
        server = superuser.info
        address = {"host": server.host, "port": server.port, "dbname": server.dbname}
        opened.append(psycopg.connect(user=LOG_IN, password="secret", autocommit=True, **address))
        return opened[-1]

    try:
        yield make
    finally:
        for connection in opened:
            connection.close()
        if opened:
            superuser.execute(f"drop owned by {LOG_IN}")
        superuser.execute(f"drop role if exists {LOG_IN}")


def refusal(connection: psycopg.Connection) -> str:
    with pytest.raises(ImproperlyConfigured) as refused:
        refuse_powerful_log_in(connection, NAMES)
    return str(refused.value)


BOTH = f"{{app}}, {{platform}} to {LOG_IN}"


@pytest.mark.parametrize(
    ("options", "grants", "what"),
    [
        ("superuser", [], "is a superuser"),
        ("noinherit", [f"postgres to {LOG_IN}"], "may become one"),
        ("noinherit bypassrls", [BOTH], "bypasses row security"),
        ("noinherit", [BOTH, f"{{owner}} to {LOG_IN}"], "is a member of their owner"),
        ("noinherit createrole", [BOTH], "may make roles"),
        ("inherit", [BOTH], "has rights by itself"),
        ("noinherit", [BOTH, f"select on members_member to {LOG_IN}"], "has rights by itself"),
        ("noinherit", [BOTH, f"update (name) on members_merchant to {LOG_IN}"], "has rights by itself"),
        ("noinherit", [BOTH, f"delete on django_session to {LOG_IN}"], "has rights by itself"),
    ],
)
def test_a_powerful_log_in_is_refused_with_what_helps(enter, options: str, grants: list[str], what: str):
    message = refusal(enter(options, *grants))

    first, _, rest = message.partition(". ")
    assert what in first and first.endswith("so row security would not hold")
    assert "setup_roles --print-sql" in rest
    assert LOG_IN not in first, "the readiness page shows it"


def test_a_membership_that_inherits_is_refused_though_the_role_does_not_inherit(enter, superuser):
    if superuser.info.server_version < FIRST_OF_16:
        missing("PostgreSQL 16, where each membership says whether it inherits")

    message = refusal(enter("noinherit", f"{BOTH} with inherit true"))

    assert "has rights by itself" in message and "with inherit false" in message


def test_what_decides_is_the_membership_not_the_roles_attribute(enter, superuser):
    if superuser.info.server_version < FIRST_OF_16:
        missing("PostgreSQL 16, where each membership says whether it inherits")

    refuse_powerful_log_in(enter("inherit", f"{BOTH} with inherit false"), NAMES)


def test_the_owner_of_the_tables_is_refused_and_told_where_its_address_belongs(django_db_setup):
    known: dict[str, Any] = connections["owner"].settings_dict
    with psycopg.connect(
        host=known["HOST"],
        port=known["PORT"],
        user=known["USER"],
        password=known["PASSWORD"],
        dbname=known["NAME"],
    ) as owner:
        message = refusal(owner)

    assert "owns the tables" in message and "DATABASE_OWNER_URL" in message


def test_roles_count_before_there_are_tables(enter, superuser):
    with enter("inherit", BOTH) as inside:
        before = refusal(inside)
        address = {"user": LOG_IN, "password": "secret", "host": inside.info.host, "port": inside.info.port}
    with psycopg.connect(dbname="postgres", **address) as elsewhere:
        assert elsewhere.execute("select to_regclass('public.members_merchant')").fetchone() == (None,)
        assert refusal(elsewhere) == before


def test_a_log_in_for_merchants_pages_alone_passes(enter):
    refuse_powerful_log_in(enter("noinherit", f"{{app}} to {LOG_IN}"), NAMES)


def test_our_own_log_in_passes(django_db_setup):
    known: dict[str, Any] = connections["default"].settings_dict
    with psycopg.connect(
        host=known["HOST"],
        port=known["PORT"],
        user=known["USER"],
        password=known["PASSWORD"],
        dbname=known["NAME"],
    ) as ours:
        refuse_powerful_log_in(ours, NAMES)
        assert ours.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
