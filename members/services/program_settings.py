"""The program's own settings: its name, what the set-up guide ticks off, opening it with what is there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from babel.numbers import get_currency_precision
from django.db import transaction
from django.utils.translation import gettext as _

from members.lib.refusals import Invalid
from members.models import AuditRow, Merchant, Program
from members.selectors import setup_guide
from members.services import audit, programs, tier_rules
from members.services.audit import Actor

LONGEST_NAME = 80
STEP = "setup"


@transaction.atomic
def rename(*, merchant_id: int, at: dt.datetime, actor: Actor, name: str) -> Program:
    """Give the program a name; saving the same one again only ticks the step off. Raises Invalid."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        problem = _("A program's name has 1 to %(most)s characters.") % {"most": LONGEST_NAME}
        raise Invalid(problem, errors={"name": problem})
    program = programs.lock_for_close(merchant_id=merchant_id)
    before = program.name
    if name != before:
        program.name = name
        program.save(update_fields=["name"])
        programs.record(program, at, actor, "program.renamed", before={"name": before}, after={"name": name})
    tick(merchant_id=merchant_id, at=at, actor=actor, step="name")
    return program


def tick(*, merchant_id: int, at: dt.datetime, actor: Actor, step: str) -> None:
    """Note that somebody looked at a step of the set-up guide and saved it, also with nothing changed; once."""
    done = AuditRow.objects.of(merchant_id).filter(subject_kind=STEP, subject_id=step)
    if not done.exists():
        audit.record(
            merchant_id=merchant_id, at=at, actor=actor, action="program.step_done", subject=(STEP, step)
        )


def three_tiers(currency: str) -> Sequence[Mapping[str, Any]]:
    """The ladder offered to begin with, thresholds in minor units, names in the language active now."""
    major = 10 ** get_currency_precision(currency)
    return [
        {"code": "base", "name": _("Member")},
        {"code": "silver", "name": _("Silver"), "all": {"spend_minor": 1_000 * major}},
        {"code": "gold", "name": _("Gold"), "all": {"spend_minor": 5_000 * major}},
    ]


Mover = Callable[..., Program]
_opener: Mover = programs.open_program
_closer: Mover = programs.close_program


def use_life(*, opener: Mover, closer: Mover) -> None:
    """Open and close programs by an upper app's services from now on: it knows what else ends or begins then."""
    global _opener, _closer
    _opener, _closer = opener, closer


def close(*, merchant_id: int, at: dt.datetime, actor: Actor) -> Program:
    """Close the open program for its merchant. Raises ProgramNotOpen, ProgramCleared."""
    return _closer(merchant_id=merchant_id, at=at, actor=actor)


@transaction.atomic
def open_with_defaults(*, merchant_id: int, at: dt.datetime, actor: Actor) -> Program:
    """Open the program; a draft whose tiers nobody decided on gets three. One point per currency unit is there already.

    Raises what the opener raises: Conflict when it is open, ProgramCleared or ReopenTooEarly when it is cleared.
    """
    program = programs.lock_for_close(merchant_id=merchant_id)
    if not setup_guide.has_own_tiers(program=program, at=at):
        currency = Merchant.objects.get(pk=merchant_id).currency
        tier_rules.configure(merchant_id=merchant_id, at=at, actor=actor, ladder=three_tiers(currency))
    return _opener(merchant_id=merchant_id, at=at, actor=actor)
