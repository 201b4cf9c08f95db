"""The product's programs as they are started, with the suite's secrets and no server but those named."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connections

CELERY = [sys.executable, "-m", "celery", "-A", "config", "--quiet"]
WORKER = [
    *CELERY,
    "worker",
    "--loglevel",
    "WARNING",
    "--pool",
    "solo",
    "--without-gossip",
    "--without-mingle",
]


def web(port: int) -> list[str]:
    """gunicorn with one process of four threads."""
    command = [sys.executable, "-m", "gunicorn", "config.wsgi:application", "--bind", f"127.0.0.1:{port}"]
    return [*command, "--worker-class", "gthread", "--threads", "4", "--timeout", "60", "--no-control-socket"]


def address(alias: str = "default", port: int = 0) -> str:
    """The suite's database as a log-in reaches it, through another port if given."""
    known: dict[str, Any] = connections[alias].settings_dict
    host = f"127.0.0.1:{port}" if port else f"{known['HOST']}:{known['PORT']}"
    return f"postgres://{quote(known['USER'])}:{quote(known['PASSWORD'])}@{host}/{known['NAME']}"


def environment(folder: Path, *, database: str, broker: str) -> dict[str, str]:
    """The environment of a program that leaves its letters in `folder`."""
    return {
        **os.environ,
        "DATABASE_URL": database,
        "CELERY_BROKER_URL": broker,
        "EMAIL_URL": f"filemail://{folder}/letters",
        "SECRET_KEY": settings.SECRET_KEY,
        "PII_KEYS": ",".join(settings.PII_KEYS),
        "PII_INDEX_KEY": settings.PII_INDEX_KEY,
        "LIUSHUI_TESTING": "true",
        "LOG_LEVEL": "WARNING",
        "PYTHONUNBUFFERED": "1",
    }
