"""Walking every door of the site as somebody, with a shop's ids, and finding what should not have happened."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from django.db import DatabaseError, connection
from django.http import HttpResponse

from tests.conftest import ScopedClient
from tests.environment import SOAK
from tests.security.routes import Route, form_of, json_of
from tests.security.world import ROLES, Fingerprint, Shop, World, undone

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OF_NO_FORM = METHODS[2:]


def methods_of(route: Route, visitor: str) -> tuple[str, ...]:
    """The methods that a visitor tries at a door: in the suite one of those that no form of a page sends, in turns.

    Each role tries each of them at a third of the pages, and each page of a shop meets each of them with some role.
    """
    if SOAK or route.template.startswith("/api/"):
        return METHODS
    turn = crc32(route.template.encode()) + (ROLES.index(visitor) if visitor in ROLES else 0)
    return (*METHODS[:2], OF_NO_FORM[turn % len(OF_NO_FORM)])


@dataclass(frozen=True)
class Finding:
    """What went wrong at one door."""

    what: str  # leak | write | error | entered
    visitor: str
    method: str
    path: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.visitor} {self.method} {self.path} {self.detail}"


def send(client: ScopedClient, method: str, path: str, body: Mapping[str, Any]) -> Any:
    """One request; a form for pages, JSON for the API, a query for what has no body.

    The browser forgets what it was told to keep, as the database does: signing out does not last.
    """
    cookies = copy.deepcopy(client.cookies)
    try:
        if path.startswith("/api/") and method != "GET":
            key = {"Idempotency-Key": "walk"}  # each step is undone, so the key is new to every one
            return client.generic(
                method, path, json.dumps(dict(body)), content_type="application/json", headers=key
            )
        if method in ("GET", "POST"):
            return getattr(client, method.lower())(path, body)
        return client.generic(method, path, "", content_type="application/x-www-form-urlencoded")
    finally:
        client.cookies = cookies


def text_of(response: HttpResponse) -> str:
    """Everything that a visitor gets to see: headers and body."""
    streamed = getattr(response, "streaming_content", None)
    content = response.content if streamed is None else b"".join(streamed)
    return f"{dict(response.items())}\n{content.decode(errors='replace')}"


def sent(path: str, body: Any) -> list[str]:
    """Every text that a request carries: an answer that repeats it tells nobody anything."""
    if isinstance(body, Mapping):
        return [path, *(text for value in body.values() for text in sent("", value)), *path.split("/")]
    if isinstance(body, list):
        return [text for value in body for text in sent("", value)]
    return [body] if isinstance(body, str) else []


def without(seen: str, texts: Iterable[str]) -> str:
    """What is seen without the texts, the longest taken out first."""
    for text in sorted(filter(None, texts), key=len, reverse=True):
        if len(text) > 3:
            seen = seen.replace(text, "")
    return seen


def checked_relations() -> str:
    """What the commit would have refused, checked now; "" when all is well."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("set constraints all immediate")
    except DatabaseError as error:
        return f"{type(error).__name__}: {error}"
    return ""


class Walk:
    """A walk through a world: every finding is kept, the state is the same again after each step."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.fingerprint = Fingerprint(world.other)
        self.before = self.fingerprint.take()
        self.written = self.fingerprint.written()
        self.findings: list[Finding] = []
        self.steps = 0

    def try_foreign(self, visitor: str, routes: Iterable[Route], methods: Iterable[str] = ()) -> None:
        """Every route with the other shop's ids: nothing shown, nothing written, nothing broken."""
        for route in routes:
            for method in methods or methods_of(route, visitor):
                self.step(visitor, method, route, self.world.other)

    def step(self, visitor: str, method: str, route: Route, shop: Shop) -> Any:
        """One request with a shop's ids and what came of it, undone afterwards."""
        path = route.path(shop)
        body = json_of(route, method, shop) if path.startswith("/api/") else form_of(shop)
        self.steps += 1
        with undone():
            response = send(self.world.visitors[visitor], method, path, body)

            def note(what: str, detail: str) -> None:
                self.findings.append(Finding(what, visitor, method, path, detail))

            if response.status_code >= 500:
                note("error", f"{response.status_code} {_raised(response)}")
                return response
            seen = without(text_of(response), sent(path, body))
            for marker in self.world.markers:
                if marker in seen:
                    place = seen.index(marker)
                    note("leak", f"{marker!r} in …{seen[max(0, place - 60) : place + 60]!r}")
                    break
            written = self.fingerprint.written()
            if written != self.written:
                self.written = written
                after = self.fingerprint.take()
                if changed := [table for table, found in after.items() if self.before[table] != found]:
                    note("write", ", ".join(changed))
                elif broken := checked_relations():
                    note("error", broken)
            if (
                shop is self.world.other
                and method == "GET"
                and route.has_object
                and response.status_code == 200
            ):
                note("entered", "a page of another shop's row")
        return response


def _raised(response: Any) -> str:
    raised = getattr(response, "exc_info", None)
    return "" if raised is None else f"{raised[0].__name__}: {raised[1]}"
