"""Every page with an address that nobody meant: it says what it finds, and never breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings

from tests.environment import SOAK
from tests.security import routes as addresses
from tests.security.forms import forms_of
from tests.security.test_walk import known
from tests.security.world import TRUSTED, World, undone

HOSTILE = (
    "\x00",
    "tea\x00\x07",
    "9999-12-31",
    "0001-01-01",
    "2026-02-30",
    "999999999999999999999999",
    "-1",
    "0",
    "½²٣",
    "x" * 10_000,
    "9" * 10_000,
    "no-such-value",
    "%",
    "\ud800".encode("utf-8", "surrogatepass"),
)
# How the source reads a text of an address: by these calls.
READS = re.compile(r"""(?:asked\(request,|GET\.get(?:list)?\()\s*"(\w+)\"""")
OF_THE_ADMIN = ("q", "p", "o", "e", "all", "_to_field", "_popup", "_changelist_filters", "status__exact")


def names_in_the_source() -> set[str]:
    """Every name that a page of ours looks for in its address."""
    return {
        name
        for app in ("members", "benefits", "compliance")
        for path in (settings.BASE_DIR / app).rglob("*.py")
        for name in READS.findall(path.read_text(encoding="utf-8"))
    } | {"q"}


def broken(world: World, visitor: str, address: str) -> str:
    """What broke at an address; "" when nothing did. A file is read to its end."""
    with undone():
        response = world.visitors[visitor].get(address)
        b"".join(response.streaming_content) if response.streaming else response.content
        if response.status_code < 500:
            return ""
        raised = getattr(response, "exc_info", None)
        return f"{address[:120]}: {response.status_code} {raised[1]!r}" if raised else address[:120]


def filters_of(world: World, visitor: str, path: str) -> set[str]:
    """The names of the filters that a page shows."""
    page = world.visitors[visitor].get(path)
    if page.status_code != 200 or not page.get("Content-Type", "").startswith("text/html"):
        return set()
    forms = [form for form in forms_of(page.text, path) if form.method == "get"]
    return {name for form in forms for name in form.fields}


def hostile(names: set[str], filters: set[str], turn: int) -> Iterator[str]:
    """Query strings, each value under every name at once: the values in turns, a third for each page; in a soak all of
    them, under each of a page's own filters alone too.
    """
    for value in HOSTILE if SOAK else HOSTILE[turn % 3 :: 3]:
        yield urlencode(dict.fromkeys(sorted(names | filters), value))
        if SOAK:
            yield from (urlencode({name: value}) for name in sorted(filters))


def pages(prefix: str = "") -> list[addresses.Route]:
    """The routes of pages, from the URL configuration."""
    return [
        route
        for route in known()
        if not route.template.startswith(("/api/", "/accounts/", "/static/"))
        and route.template.startswith("/platform/") is bool(prefix)
    ]


@pytest.mark.soak
@pytest.mark.parametrize(("visitor", "prefix", "least"), [("owner", "", 300), (TRUSTED, "/platform/", 300)])
def test_no_page_breaks_over_what_stands_in_its_address(world: World, visitor: str, prefix: str, least: int):
    names, found, tried = names_in_the_source(), [], 0
    if prefix:
        names |= set(OF_THE_ADMIN)

    for turn, route in enumerate(pages(prefix)):
        path = route.path(world.ours)
        filters = filters_of(world, visitor, path)
        for query in hostile(names, filters, turn):
            tried += 1
            if what := broken(world, visitor, f"{path}?{query}"):
                found.append(what)

    assert {"q", "page", "why", "draft"} <= names
    assert tried > least
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (path, query)
        for path in ("/members/", "/ledger/", "/ledger.csv", "/settings/audit")
        for query in ("q=%00", "q=a%00b&page=9", "date_to=9999-12-31", "date_from=0001-01-01&q=%00")
    ],
)
def test_lists_are_shown_whatever_is_searched_for(world: World, path: str, query: str):
    route = next(each for each in pages() if each.name == NAMES[path])

    answer = world.visitors["owner"].get(f"{route.path(world.ours)}?{query}")

    assert answer.status_code == 200


NAMES = {
    "/members/": "members:members_list",
    "/ledger/": "members:ledger_list",
    "/ledger.csv": "members:ledger_csv",
    "/settings/audit": "members:audit_list",
}


def test_an_id_with_a_null_character_is_nobodys(world: World):
    client, found = world.visitors["owner"], []

    for route in pages():
        if not route.arguments:
            continue
        path = route.template % dict.fromkeys(route.arguments, quote("a\x00b"))
        for method in ("get", "post"):
            with undone():
                status = getattr(client, method)(path).status_code
            if status != 404:
                found.append(f"{method} {path}: {status}")

    assert not found, "\n".join(found)
