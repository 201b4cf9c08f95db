"""Every route x visitor x method with another shop's ids: nothing is shown, nothing is written, nothing breaks."""

from __future__ import annotations

import pytest

from tests.environment import SOAK
from tests.security import routes as addresses
from tests.security.walking import METHODS, Finding, Walk
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


def lines(findings: list[Finding]) -> str:
    return "\n".join(map(str, findings))


def test_every_argument_of_every_route_is_registered(world: World):
    for route in addresses.routes():
        assert route.path(world.other)
        for method in METHODS:
            addresses.json_of(route, method, world.other)


def worth_walking(route: addresses.Route, visitor: str) -> bool:
    """What is left out of the suite and walked by `make soak`: doors that cannot tell the visitor from another one.

    The platform's door looks only at whether somebody is an admin, and a page at no key.
    """
    if visitor in ROLES[1:]:
        return not route.template.startswith("/platform/")
    return "key" not in visitor or route.template.startswith("/api/")


@pytest.mark.soak
@pytest.mark.parametrize("visitor", VISITORS)
def test_nobody_reaches_another_shop(world: World, visitor: str):
    walk = Walk(world)

    walk.try_foreign(visitor, [route for route in known() if SOAK or worth_walking(route, visitor)])

    assert walk.steps > 50
    assert (world.visitors[visitor].get("/settings/me").status_code == 200) is (visitor in ROLES)
    assert not walk.findings, lines(walk.findings)


# ---- the walk is walked on ------------------------------------------------------------------------------------------


@pytest.fixture
def planted(settings) -> list[addresses.Route]:
    """The holes of tests.security.planted, served by the site."""
    settings.ROOT_URLCONF = "tests.security.planted"
    found = addresses.routes("tests.security.planted")
    return [route for route in found if route.template.startswith("/planted/")]


def findings(
    world: World, routes: list[addresses.Route], name: str, visitor: str
) -> list[tuple[str, str, str]]:
    walk = Walk(world)
    walk.try_foreign(visitor, [route for route in routes if route.name == name], METHODS)
    return [(found.what, found.method, found.detail) for found in walk.findings]


def test_a_planted_leak_is_caught(world: World, planted):
    caught = findings(world, planted, "planted_leak", "analyst")

    leaked = [(what, method) for what, method, _detail in caught if what == "leak"]
    assert ("leak", "GET") in leaked
    assert "Zanzibar Person" in caught[0][2]


def test_a_planted_leak_in_a_header_is_caught(world: World, planted):
    caught = findings(world, planted, "planted_redirect", "cashier")

    assert [what for what, _method, _detail in caught] == ["leak"] * len(METHODS)


def test_a_page_of_another_shops_row_is_caught_even_if_it_says_nothing(world: World, planted):
    caught = findings(world, planted, "planted_write", "anonymous")

    assert ("entered", "GET", "a page of another shop's row") in caught


def test_a_planted_change_is_caught(world: World, planted):
    caught = findings(world, planted, "planted_write", "anonymous")

    assert ("write", "DELETE", "members_invitation") in caught


def test_a_planted_row_is_caught(world: World, planted):
    caught = findings(world, planted, "planted_insert", "revoked key")

    assert caught == [("write", "POST", "members_member")]


def test_a_planted_error_is_caught(world: World, planted):
    caught = findings(world, planted, "planted_broken", "anonymous")

    assert caught == [("error", "PATCH", "500 RuntimeError: planted")]


def test_a_view_without_a_gate_is_refused(world: World, planted):
    page = world.visitors["owner"].get("/planted/undeclared")

    assert page.status_code == 403


def test_an_argument_nobody_registered_is_an_error(world: World, planted):
    (route,) = [route for route in planted if route.name == "planted_unknown"]

    assert not route.is_registered
    with pytest.raises(addresses.Unregistered, match="kitchen_sink"):
        route.path(world.other)
