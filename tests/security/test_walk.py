"""Every route x visitor x method with another shop's ids: nothing is shown, nothing is written, nothing breaks."""

from __future__ import annotations

import pytest

from tests.security import routes as addresses
from tests.security.walking import METHODS, Walk
from tests.security.world import ROLES, World

VISITORS = (
    "anonymous",
    *ROLES,
    "admin without TOTP",
    "key of all scopes",
    "key of no scope",
    "revoked key",
)


def known() -> list[addresses.Route]:
    """The routes that can be walked; the first test says which cannot."""
    return [route for route in addresses.routes() if route.is_registered]


def lines(findings: list) -> str:
    return "\n".join(map(str, findings))


def test_every_argument_of_every_route_is_registered(world: World):
    for route in addresses.routes():
        assert route.path(world.other)
        for method in METHODS:
            addresses.json_of(route, method, world.other)


@pytest.mark.parametrize("visitor", VISITORS)
def test_nobody_reaches_another_shop(world: World, visitor: str):
    walk = Walk(world)

    walk.try_foreign(visitor, known())

    assert walk.steps > 200
    assert not walk.findings, lines(walk.findings)
