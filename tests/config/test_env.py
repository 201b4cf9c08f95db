"""The readers of environment variables: typed, and loud about what they cannot read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.mark.parametrize(
    ("reader", "raw", "value"),
    [
        (env.text, " words ", "words"),
        (env.flag, "Yes", True),
        (env.flag, "0", False),
        (env.integer, "12", 12),
        (env.decimal, "0.05", Decimal("0.05")),
        (env.duration, "15m", timedelta(minutes=15)),
        (env.listing, "a, b,,c", ["a", "b", "c"]),
    ],
)
def test_a_variable_is_read_as_its_type(
    reader: Callable[[str], Any], raw: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMETHING", raw)

    assert reader("SOMETHING") == value


@pytest.mark.parametrize(
    ("reader", "raw"),
    [
        (env.flag, "perhaps"),
        (env.integer, "twelve"),
        (env.integer, "1.5"),
        (env.decimal, "NaN"),
        (env.duration, "15"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_without_showing_the_value(
    reader: Callable[[str], Any], raw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMETHING", raw)

    with pytest.raises(ImproperlyConfigured, match="SOMETHING is unreadable; expected") as refused:
        reader("SOMETHING")

    assert raw not in str(refused.value).removeprefix("SOMETHING is unreadable; expected").replace("15m", "")


def test_an_unset_or_empty_variable_takes_its_default_or_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPTY", "")

    assert env.integer("EMPTY", 3) == 3
    assert env.text("NEVER_SET_ANYWHERE", "fallback") == "fallback"
    with pytest.raises(ImproperlyConfigured, match="EMPTY is not set"):
        env.integer("EMPTY")


def test_a_number_out_of_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "70000")

    with pytest.raises(ImproperlyConfigured, match="at most 65535"):
        env.integer("PORT", 8000, least=1, most=65_535)


@pytest.mark.parametrize("address", ["sqlite:///x.db", "mysql://u@h/db", "postgres://u@h", "liushui"])
def test_only_a_named_postgresql_database_is_taken(address: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        env.database(address)


def test_what_is_exported_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("# a comment\nEXPORTED=file\nexport ONLY_IN_FILE='two words' # why\n", encoding="utf-8")
    monkeypatch.setenv("EXPORTED", "shell")
    monkeypatch.setenv("ONLY_IN_FILE", "")
    monkeypatch.delenv("ONLY_IN_FILE")

    env.load_dotenv(file)

    assert env.text("EXPORTED") == "shell"
    assert env.text("ONLY_IN_FILE") == "two words"


@pytest.mark.parametrize("line", ["no equals sign", "1X=2", "X='unclosed", "X=two words"])
def test_a_line_of_the_file_that_cannot_be_read_is_named(line: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"# fine\n{line}\n", encoding="utf-8")

    with pytest.raises(ImproperlyConfigured, match="line 2"):
        env.load_dotenv(file)
