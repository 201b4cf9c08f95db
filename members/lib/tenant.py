"""Whose data the present work may touch: the scope every database transaction begins with.

A scope is a database role and, for the merchant role, one merchant. It travels in a ContextVar; the database
backend (config/postgres) sends it when the outermost transaction begins. With no scope the log-in role can do
nothing, so forgetting it is an error, never a leak.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

Role = Literal["none", "app", "platform"]


@dataclass(frozen=True, slots=True)
class Scope:
    """A role and, under `app`, the merchant whose rows it sees (None: none yet)."""

    role: Role = "none"
    merchant_id: int | None = None


NOTHING = Scope()
_scope: ContextVar[Scope] = ContextVar("liushui_scope", default=NOTHING)
_listeners: list[Callable[[Scope], None]] = []


def current_scope() -> Scope:
    """The scope in force here."""
    return _scope.get()


def current_merchant_id() -> int:
    """The merchant in force here. Raises LookupError when there is none."""
    merchant_id = _scope.get().merchant_id
    if merchant_id is None:
        raise LookupError("no merchant is in scope: wrap the work in tenant(merchant_id)")
    return merchant_id


def on_scope_change(listener: Callable[[Scope], None]) -> None:
    """Have `listener` called when the scope changes (the database backend tells open transactions)."""
    if listener not in _listeners:
        _listeners.append(listener)


@contextmanager
def scope(new: Scope) -> Iterator[Scope]:
    """Work under `new`; the scope before is restored on leaving, also in a transaction already open."""
    token = _scope.set(new)
    try:
        for listener in _listeners:
            listener(new)
        yield new
    finally:
        _scope.reset(token)
        before = _scope.get()
        for listener in _listeners:
            listener(before)


def tenant(merchant_id: int) -> AbstractContextManager[Scope]:
    """Work as one merchant: sees and writes that merchant's rows only."""
    return scope(Scope("app", int(merchant_id)))


def platform() -> AbstractContextManager[Scope]:
    """Work as the platform: sees every merchant's rows."""
    return scope(Scope("platform", None))


def visitor() -> AbstractContextManager[Scope]:
    """Work as the merchant-facing site before a merchant is known: only the tables needed to find one."""
    return scope(Scope("app", None))
