"""Pages carry the compliance banner, so the platform has begun."""

import datetime as dt

import pytest
from django.db import transaction

from compliance.services import installation
from members.lib import tenant as tenancy


@pytest.fixture(autouse=True)
def installed(db) -> None:
    """The platform began before anything here happens."""
    with tenancy.platform(), transaction.atomic():
        installation.install(at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
