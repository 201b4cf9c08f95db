"""The readers of environment variables: typed, and loud about what they cannot read."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import embedded, env


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


SECRET = "0123456789" * 5


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("API_RATE", "banana", "a number of requests in a time: 10/second, 6000/min"),
        ("API_RATE", "10/fortnight", "a number of requests in a time"),
        ("API_RATE", "0/min", "a number of requests in a time"),
        ("CACHE_URL", "http://redis.example", "redis://… or rediss://… or unix://…"),
        ("CELERY_BROKER_URL", "redis.example:6379", "redis://… or rediss://…"),
        ("CELERY_BROKER_URL", "redis://redis.example:none/0", "redis://… or rediss://…"),
        ("SECRET_KEY", "changeme", "at least 50 characters"),
        ("PII_KEYS", "short", "keys separated by commas, the first of at least 32 characters"),
        ("PII_KEYS", f"short,{SECRET}", "the first of at least 32 characters"),
        ("PII_INDEX_KEY", "short", "at least 32 characters"),
        ("SITE_URL", "liushui.example", "http://… or https://…"),
        ("SITE_URL", "ftp://liushui.example", "http://… or https://…"),
        ("SITE_URL", "https://", "http://… or https://…"),
        ("ALLOWED_HOSTS", "https://liushui.example", "without https://, port or path"),
        ("ALLOWED_HOSTS", "liushui.example,www.liushui.example:443", "without https://, port or path"),
        ("CSRF_TRUSTED_ORIGINS", "liushui.example", "origins such as https://liushui.example"),
        ("LOG_LEVEL", "verbose", "one of DEBUG, INFO, WARNING, ERROR"),
        ("EMAIL_URL", "smtp.example:587", "smtp://host"),
        ("EMAIL_URL", "smtp://", "smtp://host"),
        ("EMAIL_URL", "smtp://smtp.example:many", "smtp://host"),
    ],
)
def test_a_setting_that_is_wrong_stops_the_start_with_its_name_and_what_is_right(
    name: str, raw: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, raw)

    with pytest.raises(ImproperlyConfigured) as refused:
        settings_anew()

    assert str(refused.value).startswith(f"{name} is unreadable; expected ")
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("name", "raw", "setting", "value"),
    [
        ("API_RATE", "10/second", "REST_FRAMEWORK.DEFAULT_THROTTLE_RATES.key", "10/second"),
        ("API_RATE", "5/d", "REST_FRAMEWORK.DEFAULT_THROTTLE_RATES.key", "5/d"),
        ("CACHE_URL", "unix:///run/redis.sock?db=2", "CACHE_URL", "unix:///run/redis.sock?db=2"),
        ("CELERY_BROKER_URL", "amqps://user:p@mq.example:5671//", "CELERY_BROKER_URL", "amqps://user:p@mq.example:5671//"),
        ("SECRET_KEY", SECRET, "SECRET_KEY", SECRET),
        ("PII_KEYS", f"{SECRET}, an old one,", "PII_KEYS", [SECRET, "an old one"]),
        ("SITE_URL", "https://liushui.example/", "SITE_URL", "https://liushui.example"),
        ("ALLOWED_HOSTS", "liushui.example, .shop.example,[::1],*", "ALLOWED_HOSTS",
         ["liushui.example", ".shop.example", "[::1]", "*"]),
        ("CSRF_TRUSTED_ORIGINS", "https://*.liushui.example:8443", "CSRF_TRUSTED_ORIGINS",
         ["https://*.liushui.example:8443"]),
        ("LOG_LEVEL", "DEBUG", "LOGGING.root.level", "DEBUG"),
        ("EMAIL_URL", "smtp+tls://me:pass@smtp.example:587", "EMAIL_PORT", 587),
        ("EMAIL_URL", "filemail:///var/mail", "EMAIL_FILE_PATH", "/var/mail"),
    ],
)  # fmt: skip
def test_a_setting_that_is_right_is_taken(
    name: str, raw: str, setting: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, raw)

    found: Any = settings_anew()
    for step in setting.split("."):
        found = found[step]

    assert found == value


def settings_anew() -> dict[str, Any]:
    """The settings as a process reads them that starts now."""
    return runpy.run_path(str(embedded.BASE_DIR / "config/settings.py"))


def test_the_supervisor_says_it_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "config.supervisor"],
        cwd=embedded.BASE_DIR,
        env=os.environ | {"PORT": "eighty"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "PORT is unreadable; expected a whole number" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
