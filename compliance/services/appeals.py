"""Appeals: filed against a clearing decision or a warning, withdrawn, decided (domain.md 3, Appeal).

A pending appeal holds its program out of runs (`compliance.lib.appeals.holding_appeal`). Upheld after a clearance it
restores the program; upheld against a warning it protects the program and begins a new episode. Both protections last
the `protection_days` of the policy in force when it is decided.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from compliance.lib.appeals import APPEAL_DAYS, decision_due_on, may_be_appealed
from compliance.models import Appeal, AppealState, Decision, Notice, Protection, ProtectionCause
from compliance.models.appeals import LONGEST_APPEAL
from compliance.selectors import glance, policies
from compliance.services import restoration, standing
from members.lib.refusals import AppealNotAllowed, Invalid, NotFound
from members.models import Program, ProgramStatus
from members.services import audit, programs
from members.services.audit import Actor


@transaction.atomic
def file(*, merchant_id: int, at: dt.datetime, actor: Actor, text: str = "") -> Appeal:
    """Appeal against the decision that cleared the program, or against the last warning of its present life.

    Raises AppealNotAllowed when there is neither, when it is over 20 days old, or when an appeal against it is being
    reviewed; Invalid when the text is too long. domain.md 3.
    """
    text = text.strip()
    if len(text) > LONGEST_APPEAL:
        problem = _("An appeal has at most %(most)s characters; this one has %(count)s.") % {
            "most": f"{LONGEST_APPEAL:,}",
            "count": f"{len(text):,}",
        }
        raise Invalid(problem, errors={"text": problem})
    program = programs.lock_for_close(merchant_id=merchant_id)
    decision, notice = _appealable(program, at)
    against = {"run_id": decision.run_id} if decision else {"notice": notice}
    if Appeal.objects.of(merchant_id).filter(state=AppealState.OPEN, **against).exists():
        raise AppealNotAllowed(_("An appeal against this is being reviewed already."))
    made = Appeal.objects.create(
        merchant_id=merchant_id,
        filed_at=at,
        filed_by_id=actor.user_id,
        text=text,
        due_on=decision_due_on(at),
        **against,
    )
    _record(made, at, actor, "appeal.filed")
    standing.mark_due(merchant_id=merchant_id, at=at)
    return made


def _appealable(program: Program, at: dt.datetime) -> tuple[Decision | None, Notice | None]:
    """The clearing decision, or the last warning of this life. Raises AppealNotAllowed."""
    decision, notice = None, None
    what_at: dt.datetime | None = None
    if program.status == ProgramStatus.CLEARED:
        decision = glance.clearing(program=program)
        what_at = decision.run.at if decision else None
    elif program.status == ProgramStatus.OPEN:
        sent = Notice.objects.of(program.pk).filter(sent_at__gte=program.opened_at, sent_at__lte=at)
        notice = sent.order_by("-sent_at", "-id").first()
        what_at = notice.sent_at if notice else None
    if what_at is None:
        raise AppealNotAllowed(_("There is no clearance and no warning to appeal against."))
    if not may_be_appealed(what_at, at):
        problem = _("What is appealed against is at most %(days)s days old.") % {"days": APPEAL_DAYS}
        raise AppealNotAllowed(problem)
    return decision, notice


@transaction.atomic
def withdraw(*, merchant_id: int, appeal_id: int, at: dt.datetime, actor: Actor) -> Appeal:
    """Take an appeal back. Raises NotFound, AppealNotAllowed when it was decided or withdrawn."""
    programs.lock_for_close(merchant_id=merchant_id)
    appeal = _open_appeal(merchant_id, appeal_id)
    _end(appeal, AppealState.WITHDRAWN, at, actor, "appeal.withdrawn")
    standing.mark_due(merchant_id=merchant_id, at=at)
    return appeal


@transaction.atomic
def decide(
    *, merchant_id: int, appeal_id: int, upheld: bool, at: dt.datetime, actor: Actor, answer: str = ""
) -> Appeal:
    """Uphold an appeal or refuse it, with reasons. Works as platform.

    Upheld, it restores a cleared program: open, with the `opened_at` it had; an open program is protected and begins a
    new episode. Raises NotFound, AppealNotAllowed when it was decided or withdrawn, Invalid for an answer too long.
    """
    if len(answer) > LONGEST_APPEAL:
        problem = _("An answer has at most %(most)s characters.") % {"most": f"{LONGEST_APPEAL:,}"}
        raise Invalid(problem, errors={"answer": problem})
    program = programs.lock_for_close(merchant_id=merchant_id)
    appeal = _open_appeal(merchant_id, appeal_id)
    appeal.answer = answer
    _end(appeal, AppealState.UPHELD if upheld else AppealState.REFUSED, at, actor, "appeal.decided")
    if upheld and program.status == ProgramStatus.CLEARED:
        restoration.restore(program=program, at=at, actor=actor)
    elif upheld:
        _protect(merchant_id, at)
    standing.mark_due(merchant_id=merchant_id, at=at)
    return appeal


def _protect(merchant_id: int, at: dt.datetime) -> None:
    days = policies.current(at=at).policy.protection_days
    Protection.objects.create(
        merchant_id=merchant_id,
        from_at=at,
        until_at=at + dt.timedelta(days=days),
        cause=ProtectionCause.WARNING_APPEAL,
    )


def _open_appeal(merchant_id: int, appeal_id: int) -> Appeal:
    appeal = Appeal.objects.of(merchant_id).select_for_update().filter(pk=appeal_id).first()
    if appeal is None:
        raise NotFound(_("There is no such appeal."))
    if not appeal.is_open:
        raise AppealNotAllowed(_("This appeal was decided or withdrawn already."))
    return appeal


def _end(appeal: Appeal, state: AppealState, at: dt.datetime, actor: Actor, action: str) -> None:
    appeal.state = state
    appeal.ended_at = at
    appeal.ended_by_id = actor.user_id
    appeal.save(update_fields=["state", "ended_at", "ended_by", "answer"])
    _record(appeal, at, actor, action)


def _record(appeal: Appeal, at: dt.datetime, actor: Actor, action: str) -> None:
    audit.record(
        merchant_id=appeal.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("appeal", appeal.public_id),
        after={"state": str(appeal.state)},
        reason=appeal.answer[:500],
    )


def withdraw_all(*, merchant_id: int, at: dt.datetime, actor: Actor) -> int:
    """Withdraw what is pending of a program that its merchant closes or reopens; how many. Its lock is held."""
    pending = list(Appeal.objects.of(merchant_id).select_for_update().filter(state=AppealState.OPEN))
    for appeal in pending:
        _end(appeal, AppealState.WITHDRAWN, at, actor, "appeal.withdrawn")
    return len(pending)
