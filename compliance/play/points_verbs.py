"""The points verbs of a play: redeem, cancel, adjust, hold, capture, release, give back (play.md)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from compliance.play.arguments import Arguments, Handles
from members.lib import tenant as tenancy
from members.services import points
from members.services.audit import Actor

SCRIPT = Actor.job("play")

Verb = Callable[[Handles, dt.datetime, Arguments], None]


def _of_member(service: Callable[..., Any], *optional: str, reason: bool = False) -> Verb:
    """A verb that names a member, points and a key."""

    def act(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
        merchant = arguments.text("merchant")
        merchant_id = handles.merchant(merchant)
        taken: dict[str, Any] = {
            "member_id": handles.member(merchant, arguments.take("member")),
            "points": arguments.integer("points"),
            "key": arguments.text("key"),
        }
        if reason:
            taken["reason"] = arguments.text("reason")
        for name in optional:
            if name in arguments.values:
                taken[name] = arguments.integer(name)
        arguments.done()
        with tenancy.tenant(merchant_id):
            service(merchant_id=merchant_id, at=at, actor=SCRIPT, **taken)

    return act


def _of_key(service: Callable[..., Any]) -> Verb:
    """A verb that goes on with what a key stands for."""

    def act(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
        merchant_id = handles.merchant(arguments.take("merchant"))
        key = arguments.text("key")
        arguments.done()
        with tenancy.tenant(merchant_id):
            service(merchant_id=merchant_id, at=at, actor=SCRIPT, key=key)

    return act


POINTS_VERBS: dict[str, Verb] = {
    "points.redeem": _of_member(points.redeem),
    "points.cancel": _of_key(points.cancel),
    "points.adjust": _of_member(points.adjust, reason=True),
    "points.hold": _of_member(points.hold, "minutes"),
    "points.capture": _of_key(points.capture),
    "points.release": _of_key(points.release),
    "points.give_back": _of_member(points.give_back),
}
