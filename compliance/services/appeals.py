"""Appeals: filed against a clearing decision or a warning, withdrawn, decided (domain.md 3, Appeal).

A pending appeal holds its program out of runs (`compliance.lib.appeals.holding_appeal`). Upheld after a clearance it
restores the program; upheld against a warning it protects the program and begins a new episode. Both protections last
the `protection_days` of the policy in force when it is decided.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from compliance.lib import appeal_files as files_rule
from compliance.lib.appeal_files import Upload
from compliance.lib.appeals import APPEAL_DAYS, decision_due_on
from compliance.models import Appeal, AppealState, Protection, ProtectionCause
from compliance.models.appeals import LONGEST_APPEAL
from compliance.selectors import appeals as selectors
from compliance.selectors import policies
from compliance.selectors.appeals import Appealable
from compliance.services import appeal_emails, appeal_files, appeal_threads, restoration, standing
from members.lib.fields import opaque_id
from members.lib.refusals import AppealNotAllowed, Invalid, NotFound
from members.models import Program, ProgramStatus
from members.services import audit, programs
from members.services.audit import Actor


@transaction.atomic
def file(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    text: str = "",
    files: Sequence[Upload] = (),
    public_id: str = "",
) -> Appeal:
    """Appeal against the decision that cleared the program, or against the last warning of its present life.

    `public_id` makes a repeated request harmless: the appeal filed before comes back. The person's draft is forgotten.
    Raises AppealNotAllowed when there is neither, when it is over 20 days old, or when an appeal against it is being
    reviewed; Invalid when the text is too long or a file is not taken. domain.md 3.
    """
    text = appeal_threads.plain(text)
    if len(text) > LONGEST_APPEAL:
        problem = _("An appeal has at most %(most)s characters; this one has %(count)s.") % {
            "most": f"{LONGEST_APPEAL:,}",
            "count": f"{len(text):,}",
        }
        raise Invalid(problem, errors={"text": problem})
    checked = files_rule.check(list(files))
    program = programs.lock_for_close(merchant_id=merchant_id)
    if public_id and (known := selectors.by_public_id(merchant_id=merchant_id, public_id=public_id)):
        return known
    found = _appealable(program, at)
    made = Appeal.objects.create(
        merchant_id=merchant_id,
        public_id=public_id or opaque_id(),
        filed_at=at,
        filed_by_id=actor.user_id,
        text=text,
        due_on=decision_due_on(at, policies.current(at=at).policy),
        **found.against,
    )
    appeal_files.keep(appeal=made, files=checked, at=at, actor=actor)
    appeal_threads.forget_draft(merchant_id=merchant_id, user_id=actor.user_id)
    _record(made, at, actor, "appeal.filed")
    standing.mark_due(merchant_id=merchant_id, at=at)
    return made


def _appealable(program: Program, at: dt.datetime) -> Appealable:
    """What may be appealed now. Raises AppealNotAllowed."""
    found = selectors.appealable(program=program, at=at)
    if found is None:
        raise AppealNotAllowed(_("There is no clearance and no warning to appeal against."))
    if found.is_late(at):
        problem = _("What is appealed against is at most %(days)s days old.") % {"days": APPEAL_DAYS}
        raise AppealNotAllowed(problem)
    if found.pending is not None:
        raise AppealNotAllowed(_("An appeal against this is being reviewed already."))
    return found


@transaction.atomic
def withdraw(*, merchant_id: int, appeal_id: int, at: dt.datetime, actor: Actor) -> Appeal:
    """Take an appeal back; again changes nothing. Raises NotFound, AppealNotAllowed when it was decided."""
    programs.lock_for_close(merchant_id=merchant_id)
    appeal = _appeal(merchant_id, appeal_id)
    if appeal.state == AppealState.WITHDRAWN:
        return appeal
    _require_open(appeal)
    _end(appeal, AppealState.WITHDRAWN, at, actor, "appeal.withdrawn")
    standing.mark_due(merchant_id=merchant_id, at=at)
    return appeal


@transaction.atomic
def decide(
    *, merchant_id: int, appeal_id: int, upheld: bool, at: dt.datetime, actor: Actor, answer: str = ""
) -> Appeal:
    """Uphold an appeal or refuse it, with reasons. Works as platform.

    Upheld, it restores a cleared program: open, with the `opened_at` it had; an open program is protected and begins a
    new episode. The same decision by the same person again changes nothing. Raises NotFound, AppealNotAllowed when it
    was decided or withdrawn, Invalid for a refusal without reasons or an answer too long.
    """
    answer = appeal_threads.plain(answer)
    if not upheld and not answer:
        reason = _("Say why the appeal is refused: the merchant reads it.")
        raise Invalid(reason, errors={"answer": reason})
    if len(answer) > LONGEST_APPEAL:
        problem = _("An answer has at most %(most)s characters; this one has %(count)s.") % {
            "most": f"{LONGEST_APPEAL:,}",
            "count": f"{len(answer):,}",
        }
        raise Invalid(problem, errors={"answer": problem})
    program = programs.lock_for_close(merchant_id=merchant_id)
    appeal, state = _appeal(merchant_id, appeal_id), AppealState.UPHELD if upheld else AppealState.REFUSED
    if (appeal.state, appeal.answer, appeal.ended_by_id) == (state, answer, actor.user_id):
        return appeal
    _require_open(appeal)
    appeal.answer = answer
    _end(appeal, state, at, actor, "appeal.decided")
    appeal_emails.tell(
        appeal=appeal,
        template="decided",
        key=appeal.public_id,
        at=at,
        context={"upheld": upheld, "answer": answer, "cleared": program.status == ProgramStatus.CLEARED},
    )
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


def _appeal(merchant_id: int, appeal_id: int) -> Appeal:
    appeal = Appeal.objects.of(merchant_id).select_for_update().filter(pk=appeal_id).first()
    if appeal is None:
        raise NotFound(_("There is no such appeal."))
    return appeal


def _require_open(appeal: Appeal) -> None:
    if not appeal.is_open:
        raise AppealNotAllowed(_("This appeal was decided or withdrawn already."))


def _end(appeal: Appeal, state: AppealState, at: dt.datetime, actor: Actor, action: str) -> None:
    appeal.state = state
    appeal.ended_at = at
    appeal.ended_by_id = actor.user_id
    appeal.save(update_fields=["state", "ended_at", "ended_by", "answer"])
    _record(appeal, at, actor, action)


def uphold_undone(*, program: Program, run_id: int, at: dt.datetime, actor: Actor) -> None:
    """An appeal against a clearing that was undone has what it asked for. The program's lock is held."""
    pending = Appeal.objects.of(program.pk).select_for_update().filter(run_id=run_id, state=AppealState.OPEN)
    for appeal in pending:
        with override(program.merchant.language):
            appeal.answer = gettext("The platform has undone this clearing.")
        _end(appeal, AppealState.UPHELD, at, actor, "appeal.decided")


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
