"""A database or a broker that is down is said within seconds, and recovered from without anybody's help."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from celery import Celery
from django.conf import settings
from django.db import connections, transaction

from config import embedded, processes
from members.lib import tenant as tenancy
from members.models import Invitation, OutboxRow
from tests import programs
from tests.concurrency.proxies import Wire
from tests.conftest import ScopedClient
from tests.environment import missing
from tests.factories import shops
from tests.waiting import PATIENCE, until

SECONDS = 15.0  # within which everything is said
TOKEN = "a" * 32


@dataclass
class Answer:
    """What a server said, and how long it took."""

    status: int
    headers: dict[str, str]
    text: str
    seconds: float

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.text)


@dataclass
class Site:
    """A web server and a worker of their own, whose wires to database and broker can be cut."""

    port: int
    database: Wire
    broker: Wire
    queues: str
    letters: Path
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """What both processes have logged, in whole lines."""
        whole, _newline, _rest = self.log.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def ask(
        self, path: str, *, form: dict[str, str] | None = None, cookies: str = "", **headers: str
    ) -> Answer:
        """One request; redirects are not followed."""
        data = None if form is None else urlencode(form).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data)
        request.add_header("Accept-Language", "en")
        if cookies:
            request.add_header("Cookie", cookies)
        for name, value in headers.items():
            request.add_header(name, value)
        began = time.monotonic()
        try:
            with _opener.open(request, timeout=PATIENCE) as response:
                return _answer(response, began)
        except urllib.error.HTTPError as error:
            return _answer(error, began)

    def is_well(self) -> bool:
        """Whether a page that needs the database stands."""
        return self.ask("/accounts/login/").status == 200


class _Still(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any, **_more: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Still, urllib.request.ProxyHandler({}))


def _answer(response: Any, began: float) -> Answer:
    text = response.read().decode()
    return Answer(response.status, dict(response.headers), text, time.monotonic() - began)


@contextmanager
def started(folder: Path, database: Wire) -> Iterator[Site]:
    """gunicorn and a worker behind wires, with a broker of their own: no other worker takes their tasks."""
    if embedded.has_own_broker():
        missing("the embedded broker (CELERY_BROKER_URL names another one)")
    queues = embedded.ensure_broker(folder)
    broker = Wire(urlsplit(queues).path)
    port = processes.free_port()
    environment = programs.environment(
        folder, database=programs.address(port=database.port), broker=f"redis://127.0.0.1:{broker.port}/0"
    )
    environment["LOG_LEVEL"] = "INFO"
    with open(folder / "log", "w") as log:
        running = [
            subprocess.Popen(command, cwd=embedded.BASE_DIR, env=environment, stdout=log, stderr=log)
            for command in (
                programs.web(port),
                [*programs.WORKER, "--loglevel", "INFO", "--hostname", "down@%h"],
            )
        ]
        try:
            yield Site(port, database, broker, queues, folder / "letters", folder / "log")
        finally:
            for process in running:
                process.terminate()
            for process in running:
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            database.cut()
            broker.cut()
            embedded.stop(folder)


def wire_to_database() -> Wire:
    server = connections["default"].settings_dict
    return Wire((server["HOST"], int(server["PORT"])))


@pytest.fixture(scope="module")
def site(django_db_setup, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Started once; each test leaves the wires whole."""
    folder = tmp_path_factory.mktemp("down")
    with started(folder, wire_to_database()) as site:
        until(site.is_well, "the site stands", log=folder / "log")
        until(lambda: site.ask("/readyz").status == 200, "database, broker and worker are ready")
        yield site


@pytest.fixture(autouse=True)
def whole(site: Site) -> Iterator[None]:
    """Wires are mended after each test, whatever it did."""
    yield
    site.database.mend()
    site.broker.mend()


def test_a_site_started_while_the_database_is_down_comes_up_by_itself(django_db_setup, tmp_path: Path):
    database = wire_to_database()
    database.cut()
    with started(tmp_path, database) as late:
        until(lambda: late.ask("/healthz").status == 200, "the process stands", log=tmp_path / "log")
        ready = late.ask("/readyz")

        assert ready.status == 503 and ready.json["database"].startswith("down")

        database.mend()
        until(late.is_well, "the site comes up by itself", log=tmp_path / "log")
        until(lambda: late.ask("/readyz").status == 200, "and so does its worker", log=tmp_path / "log")


@pytest.mark.parametrize("how", ["cut", "swallow"])
def test_a_database_that_is_down_is_said_and_recovered_from(transactional_db, site: Site, how: str):
    assert site.is_well()

    getattr(site.database, how)()
    page, problem = (
        site.ask("/accounts/login/"),
        site.ask("/api/v1/program", Authorization="Bearer ls_nothing"),
    )
    alive, ready = site.ask("/healthz"), site.ask("/readyz")

    assert (page.status, page.headers["Retry-After"]) == (503, "5")
    assert {"database_unavailable", "Service Unavailable: /accounts/login/"} <= {
        line["event"] for line in site.lines() if line.get("request_id") == page.headers["X-Request-ID"]
    }
    assert "Nothing was changed, and nothing is lost" in page.text
    assert "Traceback" not in page.text
    assert (problem.status, problem.headers["Content-Type"]) == (503, "application/problem+json")
    assert problem.json["type"] == "unavailable"
    assert (alive.status, ready.status) == (200, 503)
    assert ready.json["database"].startswith("down")
    assert max(answer.seconds for answer in (page, problem, alive, ready)) < SECONDS

    site.database.mend()
    until(site.is_well, "the site comes back by itself")
    until(lambda: site.ask("/readyz").json["database"] == "ok", "it says so")


def test_every_thread_recovers_from_connections_that_broke_while_idle(transactional_db, site: Site):
    for _thread in range(8):
        assert site.is_well()

    site.database.cut()
    site.database.mend()

    until(site.is_well, "the first after the break")
    assert [site.ask("/accounts/login/").status for _thread in range(12)].count(200) >= 8
    assert all(site.is_well() for _again in range(12))


def test_every_line_is_json_and_names_the_request_or_the_task_it_belongs_to(transactional_db, site: Site):
    cookies = signed_in()

    missing_page = site.ask("/nowhere", **{"X-Request-ID": "of-a-404"})
    invite(site, cookies, "lines@guest.example", request_id="of-an-invitation")
    until(lambda: letters(site, "lines@guest.example"), "the letter went out")
    done = until(
        lambda: lines_of(site, request_id="of-an-invitation", logger="celery.app.trace"), "the task ended"
    )

    assert missing_page.status == 404
    events = {line["event"] for line in lines_of(site, request_id="of-a-404")}
    assert {"request_started", "request_finished", "Not Found: /nowhere"} <= events
    assert lines_of(site, logger="gunicorn.error")
    assert "members.outbox" in done[0]["event"]
    of_task = lines_of(site, task_id=done[0]["task_id"])
    assert {"celery.worker.strategy", "celery.app.trace"} <= {line["logger"] for line in of_task}


def lines_of(site: Site, **values: str) -> list[dict[str, Any]]:
    """The lines that carry these values."""
    return [line for line in site.lines() if values.items() <= line.items()]


def signed_in() -> str:
    """The cookies of the owner of a shop."""
    owner = shops.person("owner@shop.example")
    merchants = shops.told([{"at": shops.now().isoformat(), "do": "merchant.create", "merchant": "Valley"}])
    shops.staff(merchants["Valley"], owner)
    client = ScopedClient()
    client.force_login(owner)
    return f"sessionid={client.cookies['sessionid'].value}; csrftoken={TOKEN}"


def invite(site: Site, cookies: str, email: str, *, request_id: str = "") -> Answer:
    """Invite somebody, which leaves a letter to be sent by the worker."""
    form = {"email": email, "role": "analyst", "csrfmiddlewaretoken": TOKEN}
    return site.ask("/settings/staff/invite", form=form, cookies=cookies, **{"X-Request-ID": request_id})


@pytest.mark.parametrize("how", ["cut", "swallow"])
def test_a_broker_that_is_down_is_said_and_loses_nothing(transactional_db, site: Site, how: str):
    cookies = signed_in()

    getattr(site.broker, how)()
    ready = site.ask("/readyz")
    done = invite(site, cookies, f"{how}@guest.example")

    assert ready.status == 503
    assert (ready.json["database"], ready.json["broker"][:4]) == ("ok", "down")
    assert ready.seconds < SECONDS
    assert done.status == 302, done.text[-2000:]
    assert done.seconds < SECONDS
    with tenancy.platform(), transaction.atomic():
        assert Invitation.objects.get().email == f"{how}@guest.example"
        assert OutboxRow.objects.get(topic="invitation").done_at is None

    site.broker.mend()
    until(lambda: site.ask("/readyz").status == 200, "the worker is back by itself")
    sweep(site)
    until(lambda: letters(site, f"{how}@guest.example"), "the letter went out")
    assert len(letters(site, f"{how}@guest.example")) == 1


def sweep(site: Site) -> None:
    """What the beat asks for every minute, sent to this site's worker."""
    with Celery(broker=site.queues, set_as_current=False) as beat:
        beat.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
        beat.send_task("compliance.sweep", queue="default")


def letters(site: Site, to: str) -> list[str]:
    """The letters that were handed over to somebody."""
    return [text for path in site.letters.glob("*") if f"To: {to}" in (text := path.read_text())]
