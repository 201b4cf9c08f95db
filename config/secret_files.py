"""Secrets that an installation makes for itself, kept in files only its user can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config import env


def secret(name: str, variable: str, folder: Path, *, least: int) -> str:
    """The value of an environment variable, or on the embedded database a random one made once and kept.

    With a database of one's own the variable is required: several machines must share it, and it must be backed
    up. Raises ImproperlyConfigured then, and when the variable has fewer than `least` characters.
    """
    return env.secret(variable, least=least) if _is_given(variable) else _kept(name, folder)


def secrets_of(name: str, variable: str, folder: Path, *, least: int) -> list[str]:
    """The same of a variable with several secrets, the one in use first."""
    return env.secrets(variable, least=least) if _is_given(variable) else [_kept(name, folder)]


def _is_given(variable: str) -> bool:
    if env.is_set(variable):
        return True
    if env.is_set("DATABASE_URL"):
        raise ImproperlyConfigured(f"{variable} is not set; with DATABASE_URL it must be (see .env.example)")
    return False


def _kept(name: str, folder: Path) -> str:
    path = folder / "secrets" / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w") as file:
        value = secrets.token_urlsafe(48)
        file.write(value)
    return value
