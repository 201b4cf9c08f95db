"""Log lines: JSON objects that name the request and the task they belong to (the processes: tests/concurrency)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from celery import shared_task
from django.db import connections

from config.logs import formatter
from members.lib import request_id
from members.web.request_id import forget

Lines = Callable[[], list[dict[str, Any]]]
LOGGERS = ("", "django", "django_structlog", "celery.app.trace")


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is written from now on, in the form of production."""
    forget()  # a file that a test asked for and never read to its end leaves its request open
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter(json=True))
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
    for name in ("", "django_structlog"):  # the second passes nothing on
        logging.getLogger(name).addHandler(handler)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    for name in ("", "django_structlog"):
        logging.getLogger(name).removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_every_line_of_a_404_names_its_request(db, client, lines: Lines) -> None:
    client.get("/nowhere", headers={"X-Request-ID": "mine"})

    assert {"request_started", "request_finished", "Not Found: /nowhere"} <= {
        line["event"] for line in lines()
    }
    assert {line["request_id"] for line in lines()} == {"mine"}


def test_no_line_keeps_an_address_by_which_somebody_may_act(db, client, lines: Lines) -> None:
    secret = "shop~abcdefgh23456789~1796047442.UN4_BWOix43z7Lxvot79U7yjr7mAVB"
    client.get(f"/m/{secret}/?claimed=1")
    client.get(f"/invitations/{secret}")

    told = [str(line) for line in lines()]
    assert any("/m/***" in line for line in told) and any("/invitations/***" in line for line in told)
    assert not [line for line in told if "UN4_BWOix43z7" in line]


def test_every_line_of_a_database_that_is_down_names_its_request(
    transactional_db, client, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections["default"].close()

    with monkeypatch.context() as down:
        down.setitem(connections["default"].settings_dict, "PORT", 9)  # answers nobody
        page = client.get("/accounts/login/")

    assert page.status_code == 503
    assert {"database_unavailable", "Service Unavailable: /accounts/login/"} <= {
        line["event"] for line in lines()
    }
    assert {line["request_id"] for line in lines()} == {page["X-Request-ID"]}


def test_what_is_written_after_a_request_is_not_of_it(db, client, lines: Lines) -> None:
    client.get("/nowhere")
    before = len(lines())

    structlog.get_logger("afterwards").info("alone")

    (line,) = lines()[before:]
    assert line["event"] == "alone"
    assert not {"request_id", "task_id", "user_id", "ip"} & line.keys()


@shared_task(name="tests.logs.says")
def says() -> None:
    """Writes by both kinds of loggers."""
    structlog.get_logger("ours").info("ours")
    logging.getLogger("theirs").info("theirs")


def test_every_line_of_a_task_names_it_and_the_request_that_sent_it(lines: Lines) -> None:
    result = says.apply(headers={request_id.HEADER: "of-the-sender"})

    assert {"ours", "theirs"} < {line["event"] for line in lines()}
    assert {(line["task_id"], line["request_id"]) for line in lines()} == {(result.id, "of-the-sender")}


def test_a_task_that_no_request_sent_names_none(lines: Lines) -> None:
    result = says.apply()

    assert {line["task_id"] for line in lines()} == {result.id}
    assert not any("request_id" in line for line in lines())


def test_for_a_person_lines_are_no_json() -> None:
    record = logging.LogRecord("theirs", logging.INFO, __file__, 1, "told %s", ("once",), None)

    text = formatter(json=False).format(record)

    assert "told once" in text and not text.startswith("{")
