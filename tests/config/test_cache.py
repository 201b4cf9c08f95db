"""The cache of rate limits: one for all processes, never full of others' counts, and never in the way of a request."""

from __future__ import annotations

import logging
import os
import runpy
import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.core.cache import cache

from config import cache as caching
from config import embedded
from config.cache import Cache, redis_address
from members.lib import tenant as tenancy
from members.services import people
from tests.api import System, open_shop
from tests.concurrency.proxies import Wire
from tests.environment import missing
from tests.waiting import until

PASSWORD = "correct horse battery"
RATES = {"login": "30/m/ip", "login_failed": "2/m/key"}


@pytest.mark.parametrize(
    ("broker", "same", "beside"),
    [
        ("redis://redis.example", "redis://redis.example/0", "redis://redis.example/1"),
        ("redis://:p%40ss@h:6380/0", "redis://:p%40ss@h:6380/0", "redis://:p%40ss@h:6380/1"),
        ("redis://h/15", "redis://h/15", "redis://h/14"),
        (
            "rediss://h/3?ssl_cert_reqs=CERT_REQUIRED",
            "rediss://h/3?ssl_cert_reqs=required",
            "rediss://h/4?ssl_cert_reqs=required",
        ),
        ("redis+socket:///run/a%20b.sock", "unix:///run/a%20b.sock?db=0", "unix:///run/a%20b.sock?db=1"),
        ("redis+socket:///r.sock?virtual_host=2", "unix:///r.sock?db=2", "unix:///r.sock?db=3"),
        ("amqp://user:p@h//", "", ""),
        ("memory://", "", ""),
    ],
)
def test_the_cache_lies_beside_the_broker_in_a_database_of_its_own(
    broker: str, same: str, beside: str
) -> None:
    assert redis_address(broker) == same
    assert redis_address(broker, beside=True) == beside


def settings_under(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    """The caches of a process that starts now, no test."""
    monkeypatch.setenv("LIUSHUI_TESTING", "false")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(embedded.BASE_DIR / "config/settings.py"))["CACHES"]["default"]


def test_without_an_address_of_its_own_the_cache_is_on_the_brokers_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = settings_under(monkeypatch, CELERY_BROKER_URL="redis://broker.example/0")
    named = settings_under(monkeypatch, CACHE_URL="redis://cache.example/7")

    assert (given["BACKEND"], given["LOCATION"]) == ("config.cache.Cache", ["redis://broker.example/1"])
    assert (named["BACKEND"], named["LOCATION"]) == ("config.cache.Cache", ["redis://cache.example/7"])


def test_trying_many_addresses_pushes_out_nobodys_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    without_redis = settings_under(monkeypatch, CELERY_BROKER_URL="amqp://broker.example")
    assert without_redis == caches_of_the_suite()
    mine = f"mine-{secrets.token_hex(4)}"
    cache.set(mine, 5, 60)

    for number in range(1000):
        cache.set(f"tried-{number}", 1, 60)

    assert cache.get(mine) == 5


def caches_of_the_suite() -> dict[str, Any]:
    from django.conf import settings

    return settings.CACHES["default"]


@pytest.fixture
def address() -> str:
    """The database beside the embedded broker."""
    if embedded.has_own_broker():
        missing("the embedded broker (CELERY_BROKER_URL names another one)")
    return redis_address(embedded.broker_url() or "", beside=True)


@pytest.fixture
def wire(address: str) -> Iterator[Wire]:
    """A wire to it, which can be cut."""
    wire = Wire(urlsplit(address).path)
    yield wire
    wire.cut()


@pytest.fixture
def shared(settings, monkeypatch: pytest.MonkeyPatch, wire: Wire) -> Wire:
    """The cache as it runs in production, over the wire; an outage is over soon."""
    monkeypatch.setattr(Cache, "_ask_again_at", 0.0)
    monkeypatch.setattr(caching, "PAUSE", 0.2)
    settings.CACHES = {
        "default": {
            "BACKEND": "config.cache.Cache",
            "LOCATION": [f"redis://127.0.0.1:{wire.port}/1"],
            "KEY_PREFIX": secrets.token_hex(8),
        }
    }
    return wire


COUNTING = """
import django; django.setup()
from types import SimpleNamespace
from members.api.auth import KeyThrottle
request = SimpleNamespace(auth=SimpleNamespace(pk={key}))
print([KeyThrottle().allow_request(request, None) for _time in range(2)])
"""


def test_two_processes_count_together(address: str) -> None:
    script = COUNTING.format(key=secrets.randbelow(10**12))
    environment = os.environ | {
        "CACHE_URL": address,
        "API_RATE": "3/day",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    answers = [
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=embedded.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for _process in range(2)
    ]

    assert answers == ["[True, True]", "[True, False]"]


def test_what_is_kept_comes_back_and_ends_by_itself(shared: Wire, address: str) -> None:
    cache.set("history", [1.5, 2.5], 60)
    cache.set("for-ever", "as asked", None)
    assert cache.add("counter", 1, timeout=60)
    assert not cache.add("counter", 1, timeout=60)
    assert cache.incr("counter") == 2

    assert (cache.get("history"), cache.get("for-ever"), cache.get("counter")) == ([1.5, 2.5], "as asked", 2)
    with redis.Redis.from_url(address) as server:
        ends = [server.ttl(cache.make_key(name)) for name in ("history", "for-ever", "counter")]
        assert [0 < seconds <= 300 for seconds in ends] == [True, True, True]


def test_counting_up_what_is_not_there_makes_nothing(shared: Wire, address: str) -> None:
    with pytest.raises(ValueError, match="not found"):
        cache.incr("nothing")

    with redis.Redis.from_url(address) as server:
        assert not server.exists(cache.make_key("nothing"))


@pytest.mark.parametrize("how", ["cut", "swallow"])
def test_while_the_cache_is_down_requests_go_on_and_it_is_said_once(
    cast, client, settings, shared: Wire, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    settings.ACCOUNT_RATE_LIMITS = RATES
    caplog.set_level(logging.INFO, "config.cache")
    open_shop(cast.shop)
    system = System(cast.shop)
    with tenancy.platform():
        people.create_person(email="person@example.com", password=PASSWORD, language="en")

    def failed_sign_in() -> int:
        return client.post(
            "/accounts/login/", {"login": "person@example.com", "password": "wrong"}
        ).status_code

    assert [failed_sign_in() for _time in range(3)] == [200, 200, 429]
    getattr(shared, how)()
    tried = [failed_sign_in() for _time in range(2)]
    answered = system.get("/program").status_code
    let_in = client.post("/accounts/login/", {"login": "person@example.com", "password": PASSWORD})

    assert (tried, answered, let_in.status_code) == ([200, 200], 200, 302)
    assert events(caplog) == ["cache_unavailable"]

    shared.mend()
    until(lambda: cache.add("back", 1, 60) and cache.get("back"), "it is back")
    assert events(caplog) == ["cache_unavailable", "cache_available"]
    client.cookies.clear()
    assert failed_sign_in() == 429


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the cache has logged."""
    return [record.msg["event"] for record in caplog.records if record.name == "config.cache"]
