"""Typed readers of environment variables that fail loudly.

A variable that is set to something unreadable stops the process with its name and what was expected; nothing is
guessed. A variable that is unset or empty takes its default, and one without a default is required.
`load_dotenv` lays a `.env` file below the real environment, so that what a person exports always wins.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")


class _Required:
    """Marks a variable that has no default."""


REQUIRED: Final = _Required()

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
BROKER_SCHEMES: Final = ("redis", "rediss", "redis+socket", "amqp", "amqps", "memory")
CACHE_SCHEMES: Final = ("redis", "rediss", "unix")
WEB_SCHEMES: Final = ("http", "https")
_RATE = re.compile(r"[1-9][0-9]*/(?:s|sec|second|m|min|minute|h|hour|d|day)")
_HOST = re.compile(r"\*|\.?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\]")
MAKE_ONE: Final = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))' makes one"
_ORIGIN = re.compile(r"https?://[^/?#\s]+")


def load_dotenv(path: Path) -> None:
    """Read `NAME=value` lines of a file into the environment, leaving alone what is already set there.

    Values may be quoted as in a shell; `#` begins a comment. Raises ImproperlyConfigured for a line it cannot read.
    """
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text_of_line = line.strip()
        if not text_of_line or text_of_line.startswith("#"):
            continue
        name, equals, rest = text_of_line.removeprefix("export ").partition("=")
        try:
            words = shlex.split(rest, comments=True)
        except ValueError as error:
            raise ImproperlyConfigured(f"{path.name}, line {number}: {error}") from error
        if not equals or not name.strip().isidentifier() or len(words) > 1:
            raise ImproperlyConfigured(f"{path.name}, line {number}: expected NAME=value")
        os.environ.setdefault(name.strip(), words[0] if words else "")


def _read(name: str, default: T | _Required, parse: Callable[[str], T], expected: str) -> T:
    raw = os.environ.get(name, "").strip()
    if not raw:
        if isinstance(default, _Required):
            raise ImproperlyConfigured(f"{name} is not set; expected {expected}")
        return default
    try:
        return parse(raw)
    except (ValueError, InvalidOperation, ImproperlyConfigured) as error:
        raise ImproperlyConfigured(f"{name} is unreadable; expected {expected}") from error


def is_set(name: str) -> bool:
    """Whether the variable is set and not empty."""
    return bool(os.environ.get(name, "").strip())


def text(name: str, default: str | _Required = REQUIRED) -> str:
    """The value as it stands, without surrounding blanks."""
    return _read(name, default, str, "text")


def flag(name: str, default: bool | _Required = REQUIRED) -> bool:
    """A switch: true, yes, on, 1 or false, no, off, 0."""

    def parse(raw: str) -> bool:
        lowered = raw.lower()
        if lowered in _TRUE:
            return True
        if lowered in _FALSE:
            return False
        raise ValueError(raw)

    return _read(name, default, parse, "true or false")


def integer(
    name: str, default: int | _Required = REQUIRED, *, least: int | None = None, most: int | None = None
) -> int:
    """A whole number, within bounds if given."""

    def parse(raw: str) -> int:
        number = int(raw)
        if (least is not None and number < least) or (most is not None and number > most):
            raise ValueError(raw)
        return number

    bounds = "".join(
        f", {word} {bound}" for word, bound in (("at least", least), ("at most", most)) if bound is not None
    )
    return _read(name, default, parse, f"a whole number{bounds}")


def decimal(name: str, default: Decimal | _Required = REQUIRED) -> Decimal:
    """An exact decimal number."""

    def parse(raw: str) -> Decimal:
        number = Decimal(raw)
        if not number.is_finite():
            raise ValueError(raw)
        return number

    return _read(name, default, parse, "a decimal number such as 0.05")


def duration(name: str, default: timedelta | _Required = REQUIRED) -> timedelta:
    """A length of time such as 90s, 15m, 12h or 14d."""

    def parse(raw: str) -> timedelta:
        return timedelta(seconds=int(raw[:-1]) * _SECONDS[raw[-1]]) if raw[-1] in _SECONDS else _refuse(raw)

    return _read(name, default, parse, "a length of time such as 90s, 15m, 12h or 14d")


def _refuse(raw: str) -> Any:
    raise ValueError(raw)


def listing(
    name: str,
    default: Iterable[str] | _Required = REQUIRED,
    *,
    each: re.Pattern[str] | None = None,
    expected: str = "a,b,c",
) -> list[str]:
    """Values separated by commas, each of a form if one is given; empty ones are dropped."""

    def parse(raw: str) -> list[str]:
        words = [word.strip() for word in raw.split(",") if word.strip()]
        return words if each is None or all(each.fullmatch(word) for word in words) else _refuse(raw)

    return _read(name, default if isinstance(default, _Required) else list(default), parse, expected)


def hosts(name: str, default: Iterable[str] | _Required = REQUIRED) -> list[str]:
    """Names of hosts as browsers send them: liushui.example, .liushui.example for all below it, [::1], or *."""
    expected = "names of hosts such as liushui.example, separated by commas, without https://, port or path"
    return listing(name, default, each=_HOST, expected=expected)


def origins(name: str, default: Iterable[str] | _Required = REQUIRED) -> list[str]:
    """Origins as browsers send them: https://liushui.example."""
    expected = "origins such as https://liushui.example, separated by commas, without a path"
    return listing(name, default, each=_ORIGIN, expected=expected)


def rate(name: str, default: str | _Required = REQUIRED) -> str:
    """Requests in a time, as the API's throttle reads it."""

    def parse(raw: str) -> str:
        return raw if _RATE.fullmatch(raw) else _refuse(raw)

    return _read(
        name, default, parse, "a number of requests in a time: 10/second, 6000/min, 100/hour or 10/day"
    )


def secret(name: str, *, least: int) -> str:
    """A secret of at least so many characters."""

    def parse(raw: str) -> str:
        return raw if len(raw) >= least else _refuse(raw)

    return _read(name, REQUIRED, parse, f"at least {least} characters; {MAKE_ONE}")


def secrets(name: str, *, least: int) -> list[str]:
    """Secrets separated by commas. Only the first, which is the one in use, must be so long: what an older one has
    sealed can be read with that one alone."""

    def parse(raw: str) -> list[str]:
        words = [word.strip() for word in raw.split(",") if word.strip()]
        return words if words and len(words[0]) >= least else _refuse(raw)

    return _read(
        name,
        REQUIRED,
        parse,
        f"keys separated by commas, the first of at least {least} characters; {MAKE_ONE}",
    )


def choice(name: str, options: Iterable[str], default: str | _Required = REQUIRED) -> str:
    """One of a few words."""
    words = list(options)

    def parse(raw: str) -> str:
        return raw if raw in words else _refuse(raw)

    return _read(name, default, parse, f"one of {', '.join(words)}")


def folder(name: str, default: Path | _Required = REQUIRED) -> Path:
    """A folder's absolute path; it need not exist yet."""
    return _read(name, default, lambda raw: Path(raw).expanduser().resolve(), "a path")


def url(
    name: str, schemes: Iterable[str], default: str | _Required = REQUIRED, *, needs_host: bool = False
) -> str:
    """An address with one of the given schemes."""
    allowed = list(schemes)

    def parse(raw: str) -> str:
        parts = urlsplit(raw)
        is_address = parts.scheme in allowed and (
            parts.port is None or parts.port > 0
        )  # a port that is none raises
        return raw if is_address and (parts.hostname or not needs_host) else _refuse(raw)

    return _read(name, default, parse, " or ".join(f"{scheme}://…" for scheme in allowed))


POSTGRES_SCHEMES: Final = ("postgres", "postgresql")


def database(address: str) -> dict[str, Any]:
    """Django's settings of one PostgreSQL address (`postgres://user:password@host:port/name?sslmode=require`).

    Raises ImproperlyConfigured for anything that is not PostgreSQL: row security has no stand-in.
    """
    if urlsplit(address).scheme not in POSTGRES_SCHEMES:
        raise ImproperlyConfigured(
            "the database address must begin with postgres:// (PostgreSQL 15 or newer)"
        )
    settings: dict[str, Any] = dict(environ.Env.db_url_config(address))
    if not settings.get("NAME"):
        raise ImproperlyConfigured("the database address names no database")
    return settings


def email(name: str, default: str) -> dict[str, Any]:
    """Django's e-mail settings of one address: `smtp+tls://user:password@host:587`, `consolemail://`,
    `filemail:///var/mail` for files in a folder."""
    return _read(
        name,
        _email(default),
        _email,
        "smtp://host, smtp+tls://user:password@host:587, smtp+ssl://…, consolemail:// or filemail:///folder",
    )


def _email(address: str) -> dict[str, Any]:
    parts = urlsplit(address)
    settings = dict(environ.Env.email_url_config(address))
    if parts.scheme.startswith("smtp") and not parts.hostname:
        raise ValueError(address)
    if parts.scheme == "filemail":
        settings["EMAIL_FILE_PATH"] = parts.path  # the parser takes an absolute path for a relative one
    return settings
