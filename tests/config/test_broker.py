"""Tasks that a suite sends reach no worker but its own, and nothing of them stays."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest
import redis
from celery import current_app

from config import embedded
from config.cache import redis_address
from tests.environment import forget_messages, missing

NOBODY = 2**22 + 1  # no process has such a number


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    """The broker as it is, prefixes and all."""
    address = redis_address(embedded.broker_url() or "")
    if not address:
        missing("a broker that is a Redis")
    with redis.Redis.from_url(address) as client:
        yield client


def test_what_this_suite_sends_lies_under_its_own_prefix_until_its_end(broker: redis.Redis) -> None:
    queue = f"queue-{secrets.token_hex(6)}"
    mine = f"test-{os.getpid()}:{queue}"

    current_app.send_task("tests.nothing", queue=queue)

    assert (broker.llen(queue), broker.llen(mine)) == (0, 1)
    forget_messages()
    assert broker.keys(f"test-{os.getpid()}:*") == []


def test_what_a_killed_suite_left_is_found_by_its_number(broker: redis.Redis) -> None:
    dead, living = f"test-{NOBODY}:default", f"test-{os.getpid()}:queue-{secrets.token_hex(6)}"
    for key in (dead, living):
        broker.lpush(key, "a message")

    forget_messages(of_the_dead=True)

    assert (broker.exists(dead), broker.exists(living)) == (0, 1)
    forget_messages()
