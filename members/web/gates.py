"""Who may enter a page. Every view declares it; GateMiddleware enforces it and refuses what declares nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from members.lib.gate import NOBODY, Function, Gate
from members.models import Role

View = TypeVar("View", bound=Callable[..., Any])

EVERYONE = frozenset(Role.values)
READERS = frozenset({Role.OWNER, Role.MANAGER, Role.OPERATOR, Role.ANALYST})
WRITERS = frozenset({Role.OWNER, Role.MANAGER, Role.OPERATOR})
MANAGERS = frozenset({Role.OWNER, Role.MANAGER})
OWNERS = frozenset({Role.OWNER})


def _declare(gate: Gate) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        view.gate = gate  # type: ignore[attr-defined]
        return view

    return decorate


def public() -> Callable[[View], View]:
    """Anyone, signed in or not."""
    return _declare(Gate("public"))


def signed_in() -> Callable[[View], View]:
    """Any person who signed in, also without a merchant."""
    return _declare(Gate("user"))


def staff(
    *, read: frozenset[str] = READERS, write: frozenset[str] = NOBODY, function: Function = ""
) -> Callable[[View], View]:
    """Staff of the merchant in scope with one of the roles; `function` locks the page once a clearance stopped it."""
    return _declare(Gate("staff", frozenset(read), frozenset(write), function))


def platform_admin() -> Callable[[View], View]:
    """Platform admins (`is_staff`)."""
    return _declare(Gate("platform"))


def api() -> Callable[[View], View]:
    """An API key; the class declares its scope and the API's own permission checks it."""
    return _declare(Gate("api"))


# Routes of packages, which cannot be decorated: by route name prefix or path prefix.
PACKAGE_GATES: tuple[tuple[str, Gate], ...] = (
    ("/accounts/", Gate("public")),  # allauth checks sign-in itself, view by view
    ("/platform/", Gate("public")),  # the admin site checks sign-in and the second factor itself
    ("/static/", Gate("public")),
)


def gate_of(view: Any, path: str) -> Gate | None:
    """The gate a view declares, or that of the package it belongs to; None when nobody declared one."""
    declared = getattr(view, "gate", None) or getattr(getattr(view, "view_class", None), "gate", None)
    declared = declared or getattr(getattr(view, "cls", None), "gate", None)
    if declared is not None:
        return declared
    return next((gate for prefix, gate in PACKAGE_GATES if path.startswith(prefix)), None)
