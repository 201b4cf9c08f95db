"""Every route with one's own ids: nothing breaks, and who may enter is what the route's gate says."""

from __future__ import annotations

import pytest
from django.urls import resolve

from members.lib.gate import Gate
from members.web import gates
from tests.security import routes as addresses
from tests.security.forms import forms_of
from tests.security.test_walk import known, worth_walking
from tests.security.walking import Finding, Walk, methods_of, send, text_of
from tests.security.world import ROLES, TRUSTED, Shop, World, undone


class OwnWalk(Walk):
    """A walk through one's own shop: it may write, it may not break."""

    def go(self, visitor: str, method: str, route: addresses.Route) -> None:
        """One request, and whether its answer is what the gate says."""
        shop: Shop = self.world.ours
        path = route.path(shop)
        body = addresses.json_of(route, method, shop) if path.startswith("/api/") else addresses.form_of(shop)
        with undone():
            response = send(self.world.visitors[visitor], method, path, body)
            if response.status_code >= 500:
                raised = getattr(response, "exc_info", None)
                detail = f"{response.status_code} {raised[1]!r}" if raised else str(response.status_code)
                self.findings.append(Finding("error", visitor, method, path, detail))
                return
            text_of(response)  # a file is read to its end, as the visitor would
            if wrong := against_gate(gates.gate_of(route.view, path), visitor, method, response):
                self.findings.append(Finding("gate", visitor, method, path, wrong))
        self.steps += 1


def against_gate(gate: Gate | None, visitor: str, method: str, response) -> str:
    """What of an answer contradicts the gate of its route; "" when nothing does."""
    if gate is None:
        return "" if response.status_code in (403, 404) else "no gate and yet let in"
    if gate.kind == "staff" and visitor in ROLES:
        refused = response.status_code == 403 and any(
            "gate" in layer for context in response.context or () for layer in context
        )
        if gate.admits(visitor, method) == refused:
            return f"admits: {gate.admits(visitor, method)}, answered {response.status_code}"
    if gate.kind in ("staff", "user", "platform") and visitor not in ROLES and "admin" not in visitor:
        # Somebody who is not signed in, and a shop system that knocks at a page.
        signed_off = response.status_code == 302 and response["Location"].startswith("/accounts/login/")
        return "" if signed_off else f"let in without signing in: {response.status_code}"
    if gate.kind == "api" and visitor not in ("key of all scopes", "key of no scope"):
        return "" if response.status_code in (401, 405) else f"let in without a key: {response.status_code}"
    if gate.kind == "api" and visitor == "key of no scope":
        return "" if response.status_code in (403, 405) else f"let in without a scope: {response.status_code}"
    return ""


@pytest.mark.parametrize(
    "visitor",
    ["anonymous", *ROLES, "admin without TOTP", "key of all scopes", "key of no scope", "revoked key"],
)
def test_one_enters_what_the_gate_admits_and_nothing_breaks(world: World, visitor: str):
    walk = OwnWalk(world)

    for route in known():
        if route.template.startswith(("/platform/", "/accounts/")) or not worth_walking(route, visitor):
            continue
        for method in methods_of(route, visitor):
            walk.go(visitor, method, route)

    assert walk.steps > 50
    is_signed_in = world.visitors[visitor].get("/settings/me").status_code == 200
    assert is_signed_in is (visitor in ROLES)
    assert not walk.findings, "\n".join(map(str, walk.findings))


def test_the_platforms_pages_stand_for_an_admin_with_a_second_factor(world: World):
    walk = OwnWalk(world)

    for route in known():
        if route.template.startswith("/platform/"):
            for method in methods_of(route, TRUSTED):
                walk.go(TRUSTED, method, route)

    assert not walk.findings, "\n".join(map(str, walk.findings))
    workbench = world.visitors[TRUSTED].get("/platform/")
    assert workbench.status_code == 200, workbench.headers


@pytest.mark.parametrize("visitor", ["owner", "cashier"])
def test_every_form_of_every_page_can_be_sent_as_it_stands(world: World, visitor: str):
    client, findings = world.visitors[visitor], []
    sent: set[tuple[str, ...]] = set()

    for route in known():
        if route.template.startswith(("/platform/", "/api/")):
            continue
        page = client.get(route.path(world.ours))
        if page.status_code != 200 or not page.get("Content-Type", "").startswith("text/html"):
            continue
        for form in forms_of(page.content.decode(), page.request["PATH_INFO"]):
            resolve(form.path)  # a form that leads nowhere raises
            if form.key in sent:  # one that stands on every page
                continue
            sent.add(form.key)
            with undone():
                answer = send(client, form.method.upper(), form.path, form.fields)
                if answer.status_code >= 500 or answer.status_code == 404:
                    what = str(answer.status_code)
                    raised = getattr(answer, "exc_info", None)
                    findings.append(Finding("error", visitor, form.method, form.path, f"{what} {raised}"))

    assert len(sent) > 10
    assert not findings, "\n".join(map(str, findings))
