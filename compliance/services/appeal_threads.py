"""What is written about an appeal while it is open: messages between shop and platform, and drafts (domain.md 3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from compliance.lib import appeal_files as files_rule
from compliance.lib.appeal_files import Upload
from compliance.models import Appeal, AppealDraft, AppealFile, AppealMessage, AppealState
from compliance.models.appeal_threads import LONGEST_DRAFT
from compliance.models.appeals import LONGEST_APPEAL
from compliance.services import appeal_emails, appeal_files
from members.lib import batches
from members.lib.fields import opaque_id
from members.lib.refusals import AppealNotAllowed, Conflict, Invalid, NotFound
from members.services import audit, programs
from members.services.audit import Actor

MOST_MESSAGES = 50  # of one appeal
DRAFTS_KEPT = dt.timedelta(days=60)


def plain(text: str) -> str:
    """A text as it is counted and kept: a browser sends a line's end as two characters."""
    return text.replace("\r\n", "\n").strip()


@transaction.atomic
def write(
    *,
    merchant_id: int,
    appeal_id: int,
    text: str,
    at: dt.datetime,
    actor: Actor,
    files: Sequence[Upload] = (),
    of_platform: bool = False,
    public_id: str = "",
) -> AppealMessage:
    """Write a message about an appeal under review, the shop's with files if it likes.

    What the platform asks goes to the shop's owners and managers by e-mail. `public_id` makes a repeated request
    harmless. Raises NotFound, AppealNotAllowed when the appeal was decided or withdrawn, Conflict when this
    `public_id` is another appeal's, Invalid (text, files).
    """
    text = plain(text)
    if not text:
        raise Invalid.on("text", _("Write the message."))
    if len(text) > LONGEST_APPEAL:
        problem = _("A message has at most %(most)s characters; this one has %(count)s.") % {
            "most": f"{LONGEST_APPEAL:,}",
            "count": f"{len(text):,}",
        }
        raise Invalid.on("text", problem)
    programs.lock_for_close(merchant_id=merchant_id)
    appeal = Appeal.objects.of(merchant_id).select_for_update().filter(pk=appeal_id).first()
    if appeal is None:
        raise NotFound(_("There is no such appeal."))
    if public_id:
        known = AppealMessage.objects.of(merchant_id).filter(public_id=public_id).first()
        if known is not None and known.appeal_id != appeal.pk:
            raise Conflict(_("This message was sent to another appeal already. Write it anew."))
        if known is not None:
            return known
    if appeal.state != AppealState.OPEN:
        raise AppealNotAllowed(_("This appeal was decided or withdrawn already."))
    if AppealMessage.objects.of(merchant_id).filter(appeal=appeal).count() >= MOST_MESSAGES:
        full = _("An appeal has at most %(most)s messages. Wait for the decision.")
        raise AppealNotAllowed(full % {"most": MOST_MESSAGES})
    held = AppealFile.objects.of(merchant_id).filter(appeal=appeal).count()
    checked = files_rule.check(list(files), held=held)
    made = AppealMessage.objects.create(
        merchant_id=merchant_id,
        public_id=public_id or opaque_id(),
        appeal=appeal,
        at=at,
        of_platform=of_platform,
        by_id=actor.user_id,
        text=text,
    )
    appeal_files.keep(appeal=appeal, files=checked, at=at, actor=actor)
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="appeal.message",
        subject=("appeal", appeal.public_id),
        after={"files": len(checked)},
    )
    if of_platform:
        appeal_emails.tell(
            appeal=appeal, template="message", key=made.public_id, at=at, context={"text": text}
        )
    return made


@transaction.atomic
def save_draft(*, merchant_id: int, text: str, at: dt.datetime, actor: Actor) -> bool:
    """Keep what a person has written so far; an empty text forgets it. Whether there is a draft now.

    Raises Invalid for a text too long to be kept.
    """
    text = plain(text)
    assert actor.user_id is not None  # a draft is a person's
    mine = AppealDraft.objects.of(merchant_id).filter(by_id=actor.user_id)
    if len(text) > LONGEST_DRAFT:
        problem = _("A draft has at most %(most)s characters; this one has %(count)s.") % {
            "most": f"{LONGEST_DRAFT:,}",
            "count": f"{len(text):,}",
        }
        raise Invalid.on("text", problem)
    if not text:
        mine.delete()
        return False
    AppealDraft.objects.bulk_create(
        [AppealDraft(merchant_id=merchant_id, by_id=actor.user_id, text=text, saved_at=at)],
        update_conflicts=True,
        unique_fields=["merchant", "by"],
        update_fields=["text", "saved_at"],
    )
    return True


def forget_draft(*, merchant_id: int, user_id: int | None) -> None:
    """What was filed is no draft any more."""
    AppealDraft.objects.of(merchant_id).filter(by_id=user_id).delete()


def forget_old_drafts(*, at: dt.datetime) -> int:
    """Delete drafts untouched for 60 days; returns how many. Works as platform."""
    return batches.delete(
        "compliance_appealdraft",
        key=["merchant_id", "id"],
        condition="saved_at < %s",
        values=[at - DRAFTS_KEPT],
    )
