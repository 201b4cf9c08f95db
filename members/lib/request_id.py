"""The id of the request at hand: its log lines, the tasks it sends and their lines carry it."""

from __future__ import annotations

from contextvars import ContextVar

from celery import current_task

HEADER = "request_id"  # of a task's message
of_request: ContextVar[str] = ContextVar("liushui_request_id", default="")


def current() -> str:
    """The id of the request at hand or, in a task, of the one that sent it; "" for neither."""
    if of_request.get() or not current_task:
        return of_request.get()
    return (current_task.request.headers or {}).get(HEADER, "")
