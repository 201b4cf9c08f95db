"""Helpers of the page tests."""

from __future__ import annotations

import pytest

from tests.conftest import ScopedClient


@pytest.fixture
def owner(cast) -> ScopedClient:
    """The browser of the first shop's owner."""
    browser = ScopedClient(headers={"accept-language": "en"})
    browser.force_login(cast.owner)
    return browser


@pytest.fixture
def outsider(cast) -> ScopedClient:
    """The browser of the other shop's owner."""
    browser = ScopedClient(headers={"accept-language": "en"})
    browser.force_login(cast.outsider)
    return browser


@pytest.fixture
def clerk(cast) -> ScopedClient:
    """The browser of the first shop's cashier."""
    browser = ScopedClient(headers={"accept-language": "en"})
    browser.force_login(cast.clerk)
    return browser
