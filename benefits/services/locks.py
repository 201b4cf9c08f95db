"""Who acts on benefits takes these, in this order: the gate of the program, then the benefit."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.models import Benefit, BenefitStatus
from members.lib.refusals import Invalid, NotFound, ProgramNotOpen
from members.models import Program, ProgramStatus
from members.services import programs


def gate(*, merchant_id: int, writes_rules: bool = False) -> Program:
    """Lock the program against a close and refuse unless it is a draft or open. `writes_rules`: for a benefit that the
    rules of earning keep, whose edits come one after the other.

    Raises NotFound, ProgramNotOpen (closed by the merchant), ProgramCleared.
    """
    lock = programs.lock_for_close if writes_rules else programs.lock_for_write
    program = lock(merchant_id=merchant_id)
    if program.status == ProgramStatus.CLOSED:
        raise ProgramNotOpen(_("The program is closed. Open it again, then change benefits."))
    if program.status != ProgramStatus.DRAFT:
        programs.require_open(program)
    return program


def locked(merchant_id: int, benefit_id: int) -> Benefit:
    """A benefit, locked. Raises NotFound."""
    found = Benefit.objects.of(merchant_id).select_for_update().filter(pk=benefit_id).first()
    if found is None:
        raise NotFound(_("There is no such benefit."))
    return found


def published(merchant_id: int, benefit_id: int) -> Benefit:
    """A published benefit, locked. Raises NotFound, Invalid when it is a draft or ended."""
    benefit = locked(merchant_id, benefit_id)
    require_live(benefit)
    return benefit


def require_live(benefit: Benefit) -> None:
    """Raises Invalid for a draft or what has ended."""
    if benefit.status == BenefitStatus.DRAFT:
        raise Invalid(_("This benefit is a draft. Publish it first."))
    if benefit.status == BenefitStatus.ENDED:
        raise Invalid(_("This benefit has ended. Publish it anew instead."))


def find_or_new(merchant_id: int, public_id: str) -> Benefit:
    """The benefit of this id, locked, or a new one of it; not saved."""
    if public_id:
        found = Benefit.objects.of(merchant_id).select_for_update().filter(public_id=public_id).first()
        return found or Benefit(merchant_id=merchant_id, public_id=public_id)
    return Benefit(merchant_id=merchant_id)
