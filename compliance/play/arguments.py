"""What a script says in its own names and JSON values, taken by shape."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from compliance.play.script import instant
from members.lib.refusals import NotFound

MISSING: Any = object()


class BadLine(Exception):
    """A line whose arguments no service could take; becomes Malformed with the line's number."""


@dataclass
class Handles:
    """The script's own names and what they stand for."""

    merchants: dict[str, int] = field(default_factory=dict)
    members: dict[tuple[str, str], int] = field(default_factory=dict)
    benefits: dict[tuple[str, str], int] = field(default_factory=dict)

    def merchant(self, name: Any) -> int:
        """The id of a merchant. Raises BadLine for one never made."""
        if not isinstance(name, str) or name not in self.merchants:
            raise BadLine(f"merchant {name!r} was never made")
        return self.merchants[name]

    def member(self, merchant: str, name: Any) -> int:
        """The id of a member. Raises BadLine for one never made."""
        if not isinstance(name, str) or (merchant, name) not in self.members:
            raise BadLine(f"member {name!r} was never made")
        return self.members[(merchant, name)]

    def benefit(self, merchant: str, name: Any) -> int:
        """The id of a benefit. Raises NotFound (a refusal) for one never made."""
        if not isinstance(name, str):
            raise BadLine("benefit: a name")
        if (merchant, name) not in self.benefits:
            raise NotFound(f"benefit {name!r} was never made")
        return self.benefits[(merchant, name)]


class Arguments:
    """A line's arguments, taken one by one by shape; `done` refuses what is left over."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = dict(values)

    def take(self, name: str, default: Any = MISSING) -> Any:
        """The raw value. Raises BadLine when it is needed and missing."""
        value = self.values.pop(name, default)
        if value is MISSING:
            raise BadLine(f"{name} is missing")
        return value

    def text(self, name: str, default: Any = MISSING) -> str:
        """Text, not empty."""
        value = self.take(name, default)
        if value is not default and (not isinstance(value, str) or not value or "\0" in value):
            raise BadLine(f"{name}: text")
        return value

    def integer(self, name: str, default: Any = MISSING) -> Any:
        """A whole number, or the default."""
        value = self.take(name, default)
        if value is not default and (not isinstance(value, int) or isinstance(value, bool)):
            raise BadLine(f"{name}: a whole number")
        return value

    def flag(self, name: str, default: Any = MISSING) -> bool:
        """True or false."""
        value = self.take(name, default)
        if not isinstance(value, bool):
            raise BadLine(f"{name}: true or false")
        return value

    def decimal(self, name: str, default: Any = MISSING) -> Decimal:
        """An exact number, written as text or as a whole number."""
        return exact(name, self.take(name, default))

    def moment(self, name: str, default: Any = MISSING) -> dt.datetime | None:
        """An instant, or null."""
        value = self.take(name, default)
        if value is default or value is None:
            return value
        try:
            return instant(value)
        except ValueError as error:
            raise BadLine(f"{name}: {error}") from error

    def done(self) -> None:
        """Raises BadLine for an argument that the verb does not know."""
        if self.values:
            raise BadLine(f"unknown argument {sorted(self.values)[0]!r}")


def exact(name: str, value: Any) -> Decimal:
    """A Decimal from text or a whole number; a float would not be exact."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadLine(f'{name}: a number as text, such as "1.5"')
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise BadLine(f"{name}: a number as text") from error
    if not number.is_finite():
        raise BadLine(f"{name}: a number as text")
    return number
