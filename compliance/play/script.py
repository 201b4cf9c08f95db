"""Reading a script: one JSON object a line, instants that do not go back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from members.lib.periods import instant_of


class Malformed(Exception):
    """A line that no service was asked about: the play stops there with exit code 1."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"line {number}: {what}")
        self.number = number


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number in the file (from 1), its instant, its verb, its other arguments."""

    number: int
    at: dt.datetime
    verb: str
    arguments: dict[str, Any]


def instant(value: Any) -> dt.datetime:
    """An aware datetime from RFC 3339 text. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("an instant is text such as 2024-01-01T10:00:00+08:00")
    return instant_of(value)


def parse(number: int, text: str) -> Line:
    """One line. Raises Malformed."""
    try:
        data = json.loads(text)
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Malformed(number, "not UTF-8: half a character (a lone surrogate) is no text") from error
    except (ValueError, RecursionError) as error:
        raise Malformed(number, f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise Malformed(number, "a line is a JSON object")
    verb = data.pop("do", None)
    if not isinstance(verb, str):
        raise Malformed(number, '"do" names the verb')
    try:
        at = instant(data.pop("at", None))
    except ValueError as error:
        raise Malformed(number, f'"at": {error}') from error
    return Line(number, at, verb, data)


def lines(texts: Iterator[str]) -> Iterator[Line]:
    """The script's lines in order; empty ones are passed over. Raises Malformed, also when time goes back."""
    latest: dt.datetime | None = None
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        line = parse(number, text)
        if latest is not None and line.at < latest:
            raise Malformed(
                number, f"instants do not go back: {line.at.isoformat()} is before {latest.isoformat()}"
            )
        latest = line.at
        yield line
