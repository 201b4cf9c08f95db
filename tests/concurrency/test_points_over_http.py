"""Thirty-two tills at one server over real HTTP: what is granted is what was there (domain.md 6)."""

from __future__ import annotations

import http.client
import json
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from config import embedded, processes
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from members.models import Member, PointsEntry
from members.services import api_keys
from tests import programs
from tests.environment import sized
from tests.members.services.till import JOB, OPENED, Till
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])

CLIENTS = 32
THERE = 500  # points of each member; asked for are more, whatever the size of the proof
NAMES = "mno"


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """The web as it is started, over the suite's database; its port."""
    port = processes.free_port()
    environment = programs.environment(
        folder, database=programs.address(), broker=embedded.broker_url() or ""
    ) | {"API_RATE": "100000000/min"}
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            programs.web(port), cwd=embedded.BASE_DIR, env=environment, stdout=log, stderr=log
        )
        try:
            until(lambda: asked(port, "GET", "/healthz")[0] == 200, "the web stands", log=folder / "log")
            yield port
        finally:
            process.terminate()
            process.wait(30)


def asked(port: int, method: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class TillClient:
    """One client: its connection stays open, each redemption has a key of its own."""

    def __init__(self, port: int, secret: str, members: dict[str, str], seed: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self.members, self.seed, self.dice = members, seed, random.Random(seed)
        self.statuses: Counter[int] = Counter()
        self.granted: Counter[str] = Counter()
        self.unjust: list[Any] = []  # refusals of what was there, by the server's own word

    def redeem(self, number: int) -> None:
        name, points = self.dice.choice(NAMES), self.dice.randint(1, 7)
        path = f"/api/v1/members/{self.members[name]}/points/redemptions"
        key = {"Idempotency-Key": f"{self.seed}-{number}"}
        self.connection.request("POST", path, json.dumps({"points": points}), self.headers | key)
        answer = self.connection.getresponse()
        body = json.loads(answer.read())
        self.statuses[answer.status] += 1
        if answer.status == 201:
            self.granted[name] += points
        elif body.get("available", 0) >= points or not body["type"].endswith("insufficient-points"):
            self.unjust.append(body)


def side_by_side(clients: list[TillClient], times: int) -> None:
    def work(client: TillClient) -> Callable[[], None]:
        def all_of_them() -> None:
            for number in range(times):
                client.redeem(number)

        return all_of_them

    with ThreadPoolExecutor(max_workers=len(clients)) as pool:
        for done in [pool.submit(work(client)) for client in clients]:
            done.result()


@pytest.mark.soak
def test_redemptions_of_32_clients_over_http_grant_exactly_what_was_there(transactional_db, tmp_path):
    till = Till()
    for name in NAMES[1:]:
        till.join(name)
    for name in NAMES:
        till.adjust("2024-01-01", THERE, f"start {name}", name)
    with tenancy.tenant(till.id), transaction.atomic():
        public = dict(Member.objects.of(till.id).values_list("id", "public_id"))
        _key, secret = api_keys.create_key(
            merchant_id=till.id, name="Till", scopes=[Scope.POINTS_WRITE], actor=JOB, at=OPENED
        )
    members = {name: public[till.members[name]] for name in NAMES}

    with served(tmp_path) as port:
        clients = [TillClient(port, secret, members, seed) for seed in range(CLIENTS)]
        side_by_side(clients, sized(10_000) // CLIENTS)

    statuses = sum((client.statuses for client in clients), Counter())
    granted = sum((client.granted for client in clients), Counter())
    assert set(statuses) == {201, 422} and sum(statuses.values()) == sized(10_000) // CLIENTS * CLIENTS
    assert not [each for client in clients for each in client.unjust]
    for name in NAMES:
        available, pending, deficit = till.balance(name)
        assert (THERE - granted[name], 0, 0) == (available, pending, deficit)
        assert available < 7, "asked for more than was there, and something was left that a demand would fit"
    with tenancy.tenant(till.id), transaction.atomic():
        entries = PointsEntry.objects.of(till.id)
        assert entries.filter(kind="redeem").count() == statuses[201]
        assert min(entries.values_list("balance_after", flat=True)) >= 0
    till.prove()
