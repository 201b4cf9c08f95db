"""P7: the calls that a till waits for, beside a plain Django "hello" on the same server, over real HTTP.

One gunicorn process serves both through the whole stack of middleware, each request with its transaction; a few
clients keep their connections open and ask as fast as they are answered. Both in turns, so that neither meets the
quieter machine. Redemptions are as durable as everywhere, each under a key of its own, over many members.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.db import connections, transaction

from bench import ledger_world
from bench.harness import Row, say, scratch
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from members.services import api_keys

MEMBERS = 20_000
CLIENTS = 4
ROUNDS = 5
SECONDS = {"small": 3.0, "full": 12.0}
ROOT = Path(__file__).resolve().parent.parent

Ask = Callable[[http.client.HTTPConnection], int]


def run(scale: str) -> Iterator[Row]:
    """Two rows."""
    with scratch() as database:
        shop = ledger_world.shop("P7")
        ledger_world.fill(shop, members=MEMBERS, lots=3, expires_on="date '2030-01-01' + n")
        with tenancy.tenant(shop), transaction.atomic():
            _key, secret = api_keys.create_key(
                merchant_id=shop,
                name="Till",
                scopes=[Scope.POINTS_READ, Scope.POINTS_WRITE],
                actor=ledger_world.BENCH,
                at=ledger_world.OPENED_AT,
            )
        with server(database) as port:
            yield from _compared(port, secret, SECONDS[scale])


@contextmanager
def server(database: str) -> Iterator[int]:
    """gunicorn over a database, one process; its port."""
    known = connections["default"].settings_dict
    address = f"postgres://{quote(known['USER'])}:{quote(known['PASSWORD'])}@{known['HOST']}:{known['PORT']}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen(
        [
            sys.executable, "-m", "gunicorn", "bench.hello:application", "--bind", f"127.0.0.1:{port}",
            "--worker-class", "gthread", "--workers", "1", "--threads", str(CLIENTS), "--log-level", "error",
            "--no-control-socket",
        ],
        cwd=ROOT,
        env=_environment(f"{address}/{database}"),
    )  # fmt: skip
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _environment(database_url: str) -> dict[str, str]:
    from django.conf import settings

    secrets = {
        "SECRET_KEY": settings.SECRET_KEY,
        "PII_KEYS": ",".join(settings.PII_KEYS),
        "PII_INDEX_KEY": settings.PII_INDEX_KEY,
    }
    return {
        **os.environ,
        **secrets,
        "DATABASE_URL": database_url,
        "API_RATE": "100000000/min",
        "LOG_LEVEL": "ERROR",
    }


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended by itself"
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/hello")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not come up within a minute")


def _compared(port: int, secret: str, seconds: float) -> Iterator[Row]:
    dice = random.Random(7)
    numbers = itertools.count()
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    body = json.dumps({"points": 1})

    def member() -> str:
        return f"/api/v1/members/m{dice.randint(1, MEMBERS)}/points"

    def redeem(connection: http.client.HTTPConnection) -> int:
        key = {"Idempotency-Key": f"bench-{next(numbers)}"}
        return asked(connection, "POST", f"{member()}/redemptions", body, headers | key, 201)

    asks: dict[str, Ask] = {
        "hello": hello,
        "balance": lambda connection: asked(connection, "GET", member(), None, headers, 200),
        "redeem": redeem,
    }
    rates = in_turns(port, asks, seconds)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    say("P7: " + ", ".join(f"{name} {rate:,.0f} a second" for name, rate in medians.items()))
    for name, what, goal in (("balance", "a member's points", 0.5), ("redeem", "a redemption", 0.25)):
        pairs = zip(rates[name], rates["hello"], strict=True)
        yield Row(
            f"P7-{name}, {what}",
            statistics.median(ours / hello for ours, hello in pairs),
            f"Django hello on the same server, {CLIENTS} clients, {medians['hello']:,.0f} a second",
            goal,
            MEMBERS,
            at_least=True,
            note=f"{medians[name]:,.0f} a second",
        )


def in_turns(port: int, asks: dict[str, Ask], seconds: float) -> dict[str, list[float]]:
    """Requests a second of each, in several rounds, after a shorter one that warms them up."""
    rates: dict[str, list[float]] = {name: [] for name in asks}
    for ask in asks.values():
        _rate(port, ask, seconds / 3)
    for _round in range(ROUNDS):
        for name, ask in asks.items():
            rates[name].append(_rate(port, ask, seconds))
    return rates


def hello(connection: http.client.HTTPConnection) -> int:
    """The plain page."""
    return asked(connection, "GET", "/hello", None, {}, 200)


def asked(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: str | None,
    headers: dict[str, str],
    wanted: int,
) -> int:
    """One request, answered as it should be; the bytes of its answer."""
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == wanted, (answer.status, text[:300])
    return len(text)


def _rate(port: int, ask: Ask, seconds: float) -> float:
    """Requests a second, by so many clients at once."""
    counts = [0] * CLIENTS
    failures: list[BaseException] = []
    end = time.perf_counter() + seconds

    def client(place: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            while time.perf_counter() < end:
                ask(connection)
                counts[place] += 1
        except BaseException as error:  # raised below, where the bench runs
            failures.append(error)
        finally:
            connection.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=client, args=[place]) for place in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(counts) / (time.perf_counter() - began)
