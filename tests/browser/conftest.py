"""A real browser at the real site: WSGI over the test database as the log-in role, one thread a request.

Threads share no transaction, so these tests commit and the tables are emptied after each. Tasks are not sent: a test
that needs the worker does its work where it stands.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.wsgi import get_wsgi_application
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from members.lib import queue
from members.models import User
from tests import platform_admin
from tests.conftest import ScopedClient
from tests.environment import chromium

PATIENCE = 60_000  # milliseconds: a machine that does much else; what is there already is not waited for
expect.set_options(timeout=PATIENCE)
# What the browser says about answers that are meant to be refusals; everything else in its console is an error.
MEANT = re.compile(r"Failed to load resource: the server responded with a status of 4(03|04|22)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test."""
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's chromium, which asks nobody for anything."""
    flags = ["no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking"]
    flags += ["disable-component-update", "disable-sync", "disable-dev-shm-usage"]
    return {
        **browser_type_launch_args,
        "executable_path": chromium(),
        "args": [f"--{flag}" for flag in flags],
    }


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: the suite's output is the tests'."""

    def address_string(self) -> str:
        return self.client_address[0]


@pytest.fixture(scope="session")
def site(django_db_setup) -> Iterator[str]:
    """The address of the running site."""
    application = get_wsgi_application()

    def without_tasks(environ: dict[str, Any], start_response: Any) -> Any:
        with queue.muted():
            return application(environ, start_response)

    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    server.set_app(without_tasks)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


@dataclass
class Visitor:
    """Somebody at a browser: counts what the pointer does, keeps what the console says."""

    page: Page
    site: str
    acts: int = 0
    said: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Keep errors of scripts and of the content policy."""

        def console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and not MEANT.search(message.text):
                self.said.append(f"{self.page.url}: {message.type}: {message.text}")

        self.page.on("console", console)
        self.page.on("pageerror", lambda error: self.said.append(f"{self.page.url}: {error}"))

    def go(self, path: str) -> None:
        """Type an address."""
        self.page.goto(f"{self.site}{path}")

    def press(self, target: Locator) -> None:
        """One act of the pointer."""
        target.click()
        self.acts += 1

    def leave_by(self, target: Locator) -> None:
        """One act of the pointer that asks for another page; the page it leads to is there afterwards."""
        with self.page.expect_navigation():
            self.press(target)

    def button(self, name: str, **more: Any) -> Locator:
        """A button by its words."""
        return self.page.get_by_role("button", name=name, exact=True, **more)

    def link(self, name: str, **more: Any) -> Locator:
        """A link by its words."""
        return self.page.get_by_role("link", name=name, exact=True, **more)

    def banner(self) -> Locator:
        """The compliance banner."""
        return self.page.get_by_role("region", name="Compliance notice")

    def popup(self) -> Locator:
        """The popup of a warning."""
        return self.page.locator("dialog[data-popup]")

    def read_popup(self) -> None:
        """Say that the popup was read; its receipt is written afterwards, also where a script sends it aside."""
        with self.page.expect_response(lambda answer: answer.request.method == "POST"):
            self.popup().get_by_role("button", name="I have read this").click()
        expect(self.popup()).to_be_hidden()

    def has_sideways_scroll(self) -> bool:
        """Whether the page is wider than its window."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )


Arrive = Callable[..., Visitor]


def sign_in(context: BrowserContext, site: str, user: User, *, as_admin: bool) -> None:
    """Have the browser hold the session that signing in gives."""
    client = ScopedClient()
    if as_admin:
        platform_admin.enter(client, user)
    else:
        client.force_login(user)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}])


@pytest.fixture
def arrive(transactional_db, browser: Browser, site: str) -> Iterator[Arrive]:
    """Somebody comes to the site: `arrive(user, width=390, dark=True, scripts=False)`. Their console stays empty."""
    visitors: list[Visitor] = []

    def come(
        user: User | None = None,
        *,
        width: int = 1366,
        dark: bool = False,
        scripts: bool = True,
        language: str = "en",
        as_admin: bool = False,
    ) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": 844 if width < 768 else 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            locale=language,
            accept_downloads=True,
        )
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": "django_language", "value": language, "url": site}])
        if user is not None:
            sign_in(context, site, user, as_admin=as_admin)
        visitor = Visitor(context.new_page(), site)
        visitor.listen()
        visitors.append(visitor)
        return visitor

    yield come
    for visitor in visitors:
        visitor.page.context.close()
    said = [line for visitor in visitors for line in visitor.said]
    assert not said, "\n".join(said)
