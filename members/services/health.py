"""Whether the process can do its work: database, broker, a worker."""

from __future__ import annotations

from celery import current_app
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections, transaction

from members.lib import tenant as tenancy


def _database() -> str:
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("select 1")
        return "ok"
    except ImproperlyConfigured as error:  # its first sentence names nobody and nothing
        return f"refused: {str(error).partition('. ')[0]}."
    except Exception as error:  # whatever is wrong with it, it is not ready
        return f"down: {type(error).__name__}"


def _broker() -> str:
    try:
        with current_app.connection_for_write(connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=0, timeout=2)
        return "ok"
    except Exception as error:
        return f"down: {type(error).__name__}"


def _worker() -> str:
    try:
        return "ok" if current_app.control.ping(timeout=1.0, limit=1) else "none answers"
    except Exception as error:
        return f"unknown: {type(error).__name__}"


def readiness() -> dict[str, str]:
    """`ok` or what is wrong, for database, broker and worker; answers within seconds."""
    broker = _broker()
    return {
        "database": _database(),
        "broker": broker,
        "worker": _worker() if broker == "ok" else "unknown: the broker is down",
    }


GAUGES = {
    "liushui_programs": (
        "Programs by status",
        "select status, count(*) from members_program group by 1 order by 1",
    ),
    "liushui_ticks_open": (
        "Scheduled jobs due and not done",
        "select '', count(*) from members_jobtick where done_at is null",
    ),
    "liushui_outbox_open": (
        "E-mails and other work left for after a commit, not done",
        "select '', count(*) from members_outboxrow where done_at is null",
    ),
}


def metrics() -> str:
    """Gauges in Prometheus' text format. Works as platform; three queries."""
    lines = []
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        for name, (text, query) in GAUGES.items():
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
            cursor.execute(query)
            for label, count in cursor.fetchall():
                lines.append(f'{name}{{status="{label}"}} {count}' if label else f"{name} {count}")
    return "\n".join(lines) + "\n"
