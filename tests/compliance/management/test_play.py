"""`manage.py play`: files in, JSON lines out, one line on stderr for what goes wrong, no database lost."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from compliance.play.stage import ensure_template, pointed_to, stage, template_name
from members.lib.databases import database_exists, drop_database, owner_connection
from tests.commands import Ended, run
from tests.concurrency.proxies import Wire
from tests.flows.conftest import line, shop

Write = Callable[..., Path]
SECONDS = 15.0  # within which a database that is down is said
REFUSED = line("2024-01-02", "benefit.end", benefit="nothing")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a script: lines as dicts, or as they stand."""

    def write_lines(name: str, *script: dict[str, Any] | str) -> Path:
        path = tmp_path / name
        texts = [each if isinstance(each, str) else json.dumps(each) for each in script]
        path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8", errors="surrogateescape")
        return path

    return write_lines


@pytest.fixture
def server(django_db_setup, django_db_blocker) -> Iterator[Callable[[], set[tuple[str, int]]]]:
    """The databases of the server: name and identity of each, without those that plays of other processes stand in."""

    def databases() -> set[tuple[str, int]]:
        with owner_connection() as connection:
            found = connection.execute("select datname, oid::int from pg_database").fetchall()
        return {(name, oid) for name, oid in found if not is_anothers(name)}

    def is_anothers(name: str) -> bool:
        told = re.fullmatch(r"(?:liushui_play|test_\w+)_(\d+)(?:_\w+)?", name)
        return told is not None and int(told[1]) != os.getpid()

    with django_db_blocker.unblock():
        ensure_template()
        yield databases


@pytest.fixture
def kept(server) -> Iterator[str]:
    """A name for a database to keep; the database is dropped afterwards."""
    name = f"test_kept_{os.getpid()}"
    yield name
    drop_database(name)


def play(*arguments: object) -> Ended:
    return run("play", *arguments)


def test_a_play_prints_json_lines_and_says_progress_on_stderr(server, write):
    before = server()
    path = write("one.jsonl", *shop("2024-01-01"), REFUSED)

    told = play(path)

    printed = [json.loads(text) for text in told.out]
    assert (printed[0]["line"], printed[0]["refused"]) == (3, "not-found")
    assert printed[-1] == {"done": True, "lines": 3, "refused": 1}
    assert (told.code, told.err) == (0, [f"{path}: 3 lines told, 1 refused"])
    assert server() == before


def test_a_long_play_says_now_and_then_how_far_it_is(server, write):
    path = write("long.jsonl", *[line("2024-01-01", "clock.advance")] * 2_050)

    told = play(path, "--no-jobs")

    assert [text.removeprefix(f"{path}: ") for text in told.err] == [
        "1,000 lines, 2024-01-01",
        "2,000 lines, 2024-01-01",
        "2,050 lines told, 0 refused",
    ]
    assert told.out == ['{"done": true, "lines": 2050, "refused": 0}']


def test_a_kept_database_stays_and_is_as_durable_as_any(server, write, kept):
    assert play(write("one.jsonl", *shop("2024-01-01")), "--keep", kept).code == 0

    with owner_connection(kept) as database:
        assert database.execute("select name from members_merchant").fetchall() == [("a",)]
        assert database.execute("show synchronous_commit").fetchone() == ("on",)


@pytest.mark.parametrize("whose", ["live", "maintenance", "template", "kept before"])
def test_no_database_that_is_there_is_replaced(server, write, kept, whose):
    path = write("one.jsonl", *shop("2024-01-01"))
    names = {
        "live": connections["default"].settings_dict["NAME"],
        "maintenance": "postgres",
        "template": template_name(),
        "kept before": kept,
    }
    if whose == "kept before":
        play(path, "--keep", kept)
    before = server()

    told = play(path, "--keep", names[whose])

    assert (told.code, told.out, len(told.err)) == (1, [], 1)
    assert names[whose] in told.err[0] and "choose another name" in told.err[0]
    assert server() == before


@pytest.mark.parametrize("name", ["", "Kept", "1st", "a-b", 'a" template template0; --', "a" * 64, "名"])
def test_a_name_that_would_need_quotes_is_refused(server, write, name):
    before = server()

    told = play(write("one.jsonl", *shop("2024-01-01")), "--keep", name)

    assert (told.code, told.out, len(told.err)) == (1, [], 1)
    assert "--keep" in told.err[0]
    assert server() == before


def test_of_several_files_the_malformed_are_named_and_the_others_told(server, write, tmp_path):
    bad = write("bad.jsonl", *shop("2024-01-01"), line("2024-01-02", "member.join", member=5))
    good = write("good.jsonl", *shop("2024-01-01"))
    missing = tmp_path / "missing.jsonl"

    told = play(bad, missing, good, "--out", tmp_path / "out")

    assert told.code == 1
    assert [text.partition(": ")[0] for text in told.err] == [str(bad), str(missing), str(good)]
    assert "line 3: member.join: member: text" in told.err[0]
    assert (tmp_path / "out" / "bad.jsonl").read_text() == ""
    assert json.loads((tmp_path / "out" / "good.jsonl").read_text())["done"] is True


def test_bytes_that_are_no_text_are_malformed_in_their_line(server, write):
    path = write("bytes.jsonl", *shop("2024-01-01"), '{"do": "\udcff"}')

    told = play(path)

    assert told.code == 1
    assert told.err == [f"{path}: line 3: not UTF-8: half a character (a lone surrogate) is no text"]


@pytest.mark.parametrize(
    ("alias", "how"), [("owner", "cut"), ("owner", "swallow"), ("default", "cut"), ("default", "swallow")]
)
def test_a_database_that_cannot_be_reached_is_one_line_within_seconds(server, write, monkeypatch, alias, how):
    path = write("one.jsonl", *shop("2024-01-01"))
    known = connections[alias].settings_dict
    wire = Wire((known["HOST"], int(known["PORT"])))
    getattr(wire, how)()
    monkeypatch.setitem(known, "PORT", str(wire.port))
    began = time.monotonic()

    told = play(path, path)

    wire.cut()
    assert (told.code, told.out, len(told.err)) == (1, [], 1)
    assert told.err[0].startswith("CommandError: the database cannot be reached: ")
    assert time.monotonic() - began < SECONDS


def test_a_pool_does_not_keep_a_play_at_the_live_database(server, write, monkeypatch):
    known = connections["default"].settings_dict
    monkeypatch.setitem(known, "CONN_MAX_AGE", 0)
    monkeypatch.setitem(known["OPTIONS"], "pool", {"min_size": 1, "max_size": 1, "timeout": 5})
    path = write("one.jsonl", *shop("2024-01-01"))

    told = play(path, path)

    connections["default"].close_pool()
    assert (told.code, len(told.out)) == (0, 2)


def commits_wait() -> str:
    with connections["owner"].cursor() as cursor:
        cursor.execute("show synchronous_commit")
        return cursor.fetchone()[0]


def test_only_the_commits_of_a_scratch_database_do_not_wait_for_the_disk(server):
    before = commits_wait()
    with stage() as name:
        assert commits_wait() == "off"
    assert commits_wait() == before and not database_exists(name)
    with stage(is_durable=True):
        assert commits_wait() == "on"


def test_telling_leaves_the_session_of_a_durable_database_as_it_is(server):
    from compliance.play.player import Player

    with stage(is_durable=True):
        Player(lambda row: None).tell(json.dumps(each) for each in shop("2024-01-01"))

        with connections["default"].cursor() as cursor:
            cursor.execute("show synchronous_commit")
            assert cursor.fetchone() == ("on",)


def test_a_name_is_quoted_wherever_it_stands(server):
    name = f'test "quoted" {os.getpid()}'

    with stage(name):
        assert database_exists(name)
        with pointed_to(name):
            assert commits_wait() == "off"

    drop_database(name)
    assert not database_exists(name)
