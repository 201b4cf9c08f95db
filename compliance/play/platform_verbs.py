"""What concerns clearance in a play: appeals and exemptions (play.md)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from compliance.play.arguments import Arguments, Handles
from compliance.services import appeals, exemptions
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.services.audit import Actor

SCRIPT = Actor.job("play")
FOR_GOOD = dt.timedelta(days=365 * 100)  # a script names no end of an exemption

Verb = Callable[[Handles, dt.datetime, Arguments], None]


def appeal_file(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """appeal.file: against the clearing decision, or the last warning."""
    merchant = arguments.text("merchant")
    merchant_id = handles.merchant(merchant)
    name = arguments.text("appeal")
    arguments.done()
    if (merchant, name) in handles.appeals:
        raise Invalid(f"appeal {name!r} was made already")
    with tenancy.tenant(merchant_id):
        made = appeals.file(merchant_id=merchant_id, at=at, actor=SCRIPT)
    handles.appeals[(merchant, name)] = made.pk


def appeal_decide(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """appeal.decide: upheld or refused."""
    merchant = arguments.text("merchant")
    merchant_id = handles.merchant(merchant)
    name = arguments.take("appeal")
    upheld = arguments.flag("uphold")
    arguments.done()
    appeal_id = handles.appeal(merchant, name)
    with tenancy.platform():
        appeals.decide(
            merchant_id=merchant_id,
            appeal_id=appeal_id,
            upheld=upheld,
            at=at,
            actor=SCRIPT,
            answer="decided in a script",
        )


def program_exempt(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """program.exempt: from this instant on, or no longer. What it is already changes nothing."""
    merchant_id = handles.merchant(arguments.take("merchant"))
    is_exempt = arguments.flag("exempt", True)
    arguments.done()
    with tenancy.platform():
        if not is_exempt:
            exemptions.lift(merchant_id=merchant_id, at=at, actor=SCRIPT)
        elif not exemptions.is_exempt(merchant_id=merchant_id, at=at):
            exemptions.exempt(
                merchant_id=merchant_id,
                at=at,
                until_at=at + FOR_GOOD,
                reason="told by a script",
                actor=SCRIPT,
            )


PLATFORM_VERBS: dict[str, Verb] = {
    "appeal.file": appeal_file,
    "appeal.decide": appeal_decide,
    "program.exempt": program_exempt,
}
