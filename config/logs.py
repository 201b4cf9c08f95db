"""Structured logs: one JSON object a line, with the ids of the request and of the task that it belongs to."""

from __future__ import annotations

import logging
import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from celery import current_task

from members.lib import request_id


def name_work(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Say which request and which task a line belongs to."""
    if request := request_id.current():
        event["request_id"] = request
    if task := _task_id(event):
        event["task_id"] = task
    return event


def _task_id(event: dict[str, Any]) -> str:
    if current_task:
        return current_task.request.id or ""
    told = getattr(event.get("_record"), "data", None)  # a worker's own line of a task that runs elsewhere
    return str(told.get("id", "")) if isinstance(told, dict) else ""


# Who knows such an address may do what it is for, so no line keeps one: a member's own page, an invitation.
_SECRET_ADDRESS = re.compile(r"(/(?:m|invitations)/)[A-Za-z0-9_.~:=%-]{16,}")


def without_addresses(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Leave the secret part of addresses out of a line."""
    for name, value in event.items():
        if isinstance(value, str) and ("/m/" in value or "/invitations/" in value):
            event[name] = _SECRET_ADDRESS.sub(r"\1***", value)
    return event


PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    name_work,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def formatter(*, json: bool) -> structlog.stdlib.ProcessorFormatter:
    """How every line looks, whoever writes it."""
    renderer: Any = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=PROCESSORS,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            without_addresses,
            renderer,
        ],
    )


def logging_config(*, level: str, json: bool) -> dict[str, Any]:
    """Django's LOGGING: everything to stderr, as JSON lines or for a person to read."""
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structured": {"()": formatter, "json": json}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "django_structlog": {"handlers": ["stderr"], "level": level, "propagate": False},
        },
    }
