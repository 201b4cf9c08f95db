"""The owner's own connections: made as the address of the owner says."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connections

from members.lib.databases import owner_connection


@pytest.fixture
def options(django_db_setup, monkeypatch):
    """The options of DATABASE_OWNER_URL, to be changed."""
    known = connections["owner"].settings_dict
    changed = dict(known["OPTIONS"])
    monkeypatch.setitem(known, "OPTIONS", changed)
    return changed


def test_an_owners_connection_carries_the_options_of_its_address(options):
    options |= {"sslmode": "allow", "connect_timeout": 7, "application_name": "liushui owner"}

    with owner_connection() as server:
        used = server.info.get_parameters()
        named = server.execute("select current_setting('application_name')").fetchone()

    assert (used["sslmode"], used["connect_timeout"], named) == ("allow", "7", ("liushui owner",))
    assert used["dbname"] == "postgres"


def test_an_owners_connection_is_checked_as_the_address_demands(options):
    options |= {"sslmode": "verify-full", "sslrootcert": "/nonexistent/root.crt"}

    with pytest.raises(psycopg.OperationalError, match=r"(?i)ssl|certificate"):
        owner_connection()
