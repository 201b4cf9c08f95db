"""What a program may appeal against now, and its appeals (domain.md 3, Appeal)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from compliance.lib.appeals import appealable_until, may_be_appealed
from compliance.models import (
    Appeal,
    AppealDraft,
    AppealFile,
    AppealMessage,
    AppealState,
    Decision,
    Notice,
    Run,
)
from compliance.selectors import glance
from members.models import Program, ProgramStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Appealable:
    """The clearing decision or the last warning of this life: of when, and the appeal against it under review."""

    what_at: dt.datetime
    decision: Decision | None = None
    notice: Notice | None = None
    pending: Appeal | None = None

    @property
    def until(self) -> dt.datetime:
        """The last instant at which it may be appealed."""
        return appealable_until(self.what_at)

    @property
    def against(self) -> dict[str, Any]:
        """The columns of an appeal that name it."""
        return {"run_id": self.decision.run_id} if self.decision else {"notice": self.notice}

    def is_late(self, at: dt.datetime) -> bool:
        """Whether it is too old to be appealed."""
        return not may_be_appealed(self.what_at, at)


def appealable(*, program: Program, at: dt.datetime) -> Appealable | None:
    """What stands against a program that it could appeal, however old; None when nothing does. Two queries."""
    decision, notice = None, None
    if program.status == ProgramStatus.CLEARED:
        decision = glance.clearing(program=program)
    elif program.status == ProgramStatus.OPEN:
        sent = Notice.objects.of(program.pk).filter(sent_at__gte=program.opened_at, sent_at__lte=at)
        notice = sent.order_by("-sent_at", "-id").first()
    if decision is None and notice is None:
        return None
    found = Appealable(
        what_at=cleared_at(decision.run) if decision else notice.sent_at,  # type: ignore[union-attr]
        decision=decision,
        notice=notice,
    )
    open_ones = Appeal.objects.of(program.pk).filter(state=AppealState.OPEN, **found.against)
    return Appealable(what_at=found.what_at, decision=decision, notice=notice, pending=open_ones.first())


def cleared_at(run: Run) -> dt.datetime:
    """When a run really cleared programs: one that waited for approval, or was worked late, not at its own instant.

    The days in which its decisions can be appealed begin then.
    """
    return max(each for each in (run.at, run.approved_at, run.done_at) if each is not None)


def listed(*, merchant_id: int) -> QuerySet[Appeal]:
    """A merchant's appeals, the latest first, with what they are against and who filed them. Runs no query."""
    rows = Appeal.objects.of(merchant_id).select_related("run", "notice", "filed_by", "ended_by")
    return rows.order_by("-filed_at", "-id")


def by_public_id(*, merchant_id: int, public_id: str) -> Appeal | None:
    """One appeal by its reference; None for nobody's or another merchant's."""
    return Appeal.objects.of(merchant_id).filter(public_id=public_id).first()


def subject(*, appeal: Appeal) -> tuple[Decision | None, Notice | None]:
    """What an appeal is against, with what its evidence is told from. One query."""
    if appeal.run_id is None:
        return None, Notice.objects.of(appeal.merchant_id).select_related("merchant", "policy").get(
            pk=appeal.notice_id
        )
    rows = Decision.objects.filter(run_id=appeal.run_id, merchant_id=appeal.merchant_id)
    return rows.select_related("run", "merchant", "policy").first(), None


def files_of(*, appeal: Appeal) -> list[AppealFile]:
    """The files of an appeal as they came, those too whose bytes are gone."""
    return list(
        AppealFile.objects.of(appeal.merchant_id)
        .filter(appeal=appeal)
        .select_related("added_by")
        .order_by("id")
    )


def messages_of(*, appeal: Appeal) -> list[AppealMessage]:
    """What shop and platform wrote to each other about an appeal, the first first."""
    return list(
        AppealMessage.objects.of(appeal.merchant_id).filter(appeal=appeal).select_related("by").order_by("id")
    )


def draft_of(*, merchant_id: int, user_id: int) -> AppealDraft | None:
    """What a person has written of an appeal and not filed."""
    return AppealDraft.objects.of(merchant_id).filter(by_id=user_id).first()
