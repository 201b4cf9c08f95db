"""Telling a script in an empty database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from compliance.play.player import Player, dump
from tests.stages import stage

Tell = Callable[..., list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _there_is_a_database(django_db_setup: None) -> None:
    """The suite's, where plays stand."""


@pytest.fixture
def tell(django_db_blocker) -> Tell:
    """Tell lines (dicts) and get back what was printed, as it would be read from stdout.

    `printed`, if given, is the list that is filled: it has what was printed before a malformed line.
    """

    def tell_lines(
        *script: dict[str, Any], printed: list[dict[str, Any]] | None = None
    ) -> list[dict[str, Any]]:
        printed = [] if printed is None else printed
        with django_db_blocker.unblock(), stage():
            play(script, printed)
        return printed

    return tell_lines


def play(script: Iterable[dict[str, Any]], printed: list[dict[str, Any]]) -> None:
    """Tell lines to the database in place."""
    Player(lambda row: printed.append(json.loads(dump(row)))).tell([json.dumps(line) for line in script])


def together(stories: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Stories of shop "a" under one policy, told in one play as shops of their own; what each of them printed.

    Each reads as if it had been told alone: its lines are numbered as it has them.
    """
    script = sorted(
        ((each["at"], name, number, each) for name, lines in stories.items()
         for number, each in enumerate(lines, 1)),
        key=lambda one: one[0],
    )  # fmt: skip
    printed: list[dict[str, Any]] = []
    play(({**each, "merchant": name} for _at, name, _number, each in script), printed)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in stories}
    for row in printed:
        if "line" in row:
            _at, name, number, _each = script[row["line"] - 1]
            found[name].append({**row, "line": number})
    return found


def at(when: str) -> str:
    """An instant in Shanghai from "2024-06-27 23:00" or a day (its start)."""
    return (when if " " in when else f"{when} 00:00").replace(" ", "T") + ":00+08:00"


def line(when: str, verb: str, **arguments: Any) -> dict[str, Any]:
    """One line of a script about shop "a"."""
    if verb not in ("policy.set", "clock.advance"):
        arguments = {"merchant": "a", **arguments}
    return {"at": at(when), "do": verb, **arguments}


def shop(opened: str, **policy: Any) -> list[dict[str, Any]]:
    """A shop opened on a day under a policy."""
    return [
        *([line(opened, "policy.set", **policy)] if policy else []),
        line(opened, "merchant.create"),
        line(opened, "program.open"),
    ]
