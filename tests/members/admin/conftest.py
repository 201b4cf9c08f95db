"""An admin at the platform's pages."""

from __future__ import annotations

import pytest

from tests.platform_admin import enter


@pytest.fixture
def admin_client(client, cast):
    """A browser in which the admin has entered."""
    return enter(client, cast.admin)
