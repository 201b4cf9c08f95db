"""Tasks and how they are sent. The broker is only a hint: truth is in tables, a sweep sends again what is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Literal

import structlog
from celery import current_app, shared_task
from django.db import transaction

from members.lib import request_id
from members.lib import tenant as tenancy

log = structlog.get_logger(__name__)
QUEUES: dict[str, str] = {}
"""Which queue each task declared; the Celery application routes by it."""


def task(
    name: str, *, queue: str = "default", role: Literal["tenant", "platform"] = "platform"
) -> Callable[[Callable[..., Any]], Any]:
    """Make a function a task that works under a scope.

    A tenant task takes `merchant_id` and works as that merchant. Tasks are keyword-only, take ids, accept spare
    keywords (`**_`, so that an older message meets a newer worker), read the clock themselves and are idempotent.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        @wraps(function)
        def work(**kwargs: Any) -> Any:
            scope = tenancy.tenant(kwargs["merchant_id"]) if role == "tenant" else tenancy.platform()
            with scope:
                return function(**kwargs)

        QUEUES[name] = queue
        return shared_task(name=name)(work)

    return decorate


_muted: ContextVar[bool] = ContextVar("liushui_queue_muted", default=False)


@contextmanager
def muted() -> Iterator[None]:
    """Send nothing: a play works every job itself, and no worker looks at its database."""
    token = _muted.set(True)
    try:
        yield
    finally:
        _muted.reset(token)


def is_muted() -> bool:
    """Whether tasks would be sent to nobody, so that work must be done at once."""
    return _muted.get()


def enqueue(name: str, **ids: Any) -> None:
    """Send a task by name once the present transaction has committed.

    A broker that is down is logged, not raised: the row that the task would claim is open and the sweep sends it.
    """

    if _muted.get():
        return

    def send() -> None:
        try:
            current_app.send_task(
                name, kwargs=ids, headers={request_id.HEADER: request_id.current()}, retry=False
            )
        except Exception as error:  # any transport's error: the sweep makes it good
            log.warning("broker_unavailable", task=name, error=str(error))

    transaction.on_commit(send)
