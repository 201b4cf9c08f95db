"""An open shop's system, and a shop next door."""

from __future__ import annotations

import pytest

from tests.api import System, open_shop


@pytest.fixture
def system(cast) -> System:
    """The system of an open shop, with a key that may do everything."""
    open_shop(cast.shop)
    return System(cast.shop)


@pytest.fixture
def neighbour(cast) -> System:
    """The system of another open shop."""
    open_shop(cast.other)
    return System(cast.other)
