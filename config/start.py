"""What a process that runs for long asks before it begins: whether its log-in is harmless."""

from __future__ import annotations

import sys
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, connections
from psycopg_pool import PoolTimeout

log = structlog.get_logger(__name__)


def refuse_powerful_log_in(exit_code: int = 1) -> None:
    """End this process with one line on standard error when DATABASE_URL's log-in is too powerful.

    A database that is down ends nothing: the first connection that stands asks again. Nothing stays open, so that
    the process may fork.
    """
    database: Any = connections["default"]
    try:
        database.ensure_connection()
    except ImproperlyConfigured as error:
        print(error, file=sys.__stderr__, flush=True)  # Celery's own goes to its log, whose level may hide it
        sys.exit(exit_code)
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        log.warning("database_unavailable", error=str(error))
    finally:
        database.close()
        database.close_pool()
