"""Drafts of policy versions: opened for comments until a day, commented on by merchants, withdrawn (domain.md 3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from compliance.lib.calendar import platform_date
from compliance.models import PolicyComment, PolicyDraft
from compliance.models.drafts import LONGEST_COMMENT
from compliance.selectors import drafts as selectors
from compliance.selectors import policies as versions
from compliance.services import policies
from members.lib.fields import opaque_id
from members.lib.refusals import Conflict, Invalid, NotFound
from members.services import audit
from members.services.audit import Actor

NO_REASON_YET = "nothing is published by opening a draft for comments"
LONGEST_PERIOD = dt.timedelta(days=366)


@transaction.atomic
def open_comments(
    *,
    at: dt.datetime,
    starts_at: dt.datetime,
    closes_on: dt.date,
    values: Mapping[str, Any],
    reason: str,
    actor: Actor,
) -> PolicyDraft:
    """Let merchants read a version that nobody has published and comment on it until the end of a platform day.

    values: as `policies.set_policy` takes them. Works as platform. Raises Invalid: what `set_policy` refuses, no
    reason, nothing that differs, or a day that is past or more than a year away.
    """
    reason = reason.strip()
    if not reason:
        problem = _("Say why the rule is to change: merchants read it.")
        raise Invalid(problem, errors={"reason": problem})
    today = platform_date(at)
    if not today <= closes_on <= today + LONGEST_PERIOD:
        problem = _("Comments close on a day from today on, within a year.")
        raise Invalid(problem, errors={"closes_on": problem})
    before, after = policies.changed(
        versions.history(), at=at, effective_at=starts_at, values=values, early_reason=NO_REASON_YET
    )
    if not after.changes_from(before):
        raise Invalid(_("This draft changes nothing."))
    made = PolicyDraft.objects.create(
        rule_settings=after.as_json(),
        starts_at=starts_at,
        reason=reason[:500],
        opened_at=at,
        closes_on=closes_on,
        by_id=actor.user_id,
        by_label=actor.label[:120],
    )
    _record(made, at, actor, "policy.drafted")
    return made


@transaction.atomic
def withdraw(*, draft_id: int, at: dt.datetime, actor: Actor) -> PolicyDraft:
    """Close a draft before its day; again changes nothing. What was said stays. Works as platform. Raises NotFound."""
    row = PolicyDraft.objects.select_for_update().filter(pk=draft_id).first()
    if row is None:
        raise NotFound(_("There is no such draft."))
    if row.withdrawn_at is None:
        row.withdrawn_at = at
        row.save(update_fields=["withdrawn_at"])
        _record(row, at, actor, "policy.draft_withdrawn")
    return row


@transaction.atomic
def comment(
    *, merchant_id: int, draft: str, text: str, at: dt.datetime, actor: Actor, public_id: str = ""
) -> PolicyComment:
    """Say something to a draft as a merchant, while it is open. `public_id` makes a repeated request harmless.

    draft: its public id. Raises NotFound, Conflict when it is closed, Invalid for an empty or too long text.
    """
    row = selectors.by_public_id(draft)
    if row is None:
        raise NotFound(_("There is no such draft."))
    known = PolicyComment.objects.of(merchant_id).filter(public_id=public_id).first() if public_id else None
    if known is not None:
        return known
    if not selectors.is_open(row, at=at):
        raise Conflict(_("Comments on this draft are closed."))
    text = text.replace("\r\n", "\n").replace("\0", "").strip()
    _require_text(text)
    made = PolicyComment.objects.create(
        merchant_id=merchant_id,
        public_id=public_id or opaque_id(),
        draft=row,
        at=at,
        by_id=actor.user_id,
        text=text,
    )
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="policy.commented",
        subject=("policy_draft", row.public_id),
    )
    return made


def _require_text(text: str) -> None:
    if not text:
        problem = _("Write what you think of the draft.")
        raise Invalid(problem, errors={"text": problem})
    if len(text) > LONGEST_COMMENT:
        too_long = _("A comment has at most %(most)s characters; this one has %(count)s.") % {
            "most": f"{LONGEST_COMMENT:,}",
            "count": f"{len(text):,}",
        }
        raise Invalid(too_long, errors={"text": too_long})


def _record(row: PolicyDraft, at: dt.datetime, actor: Actor, action: str) -> None:
    audit.record_for_platform(
        at=at,
        actor=actor,
        action=action,
        subject=("policy_draft", row.public_id),
        after={"closes_on": row.closes_on.isoformat(), "starts_at": row.starts_at.isoformat()},
        reason=row.reason,
    )
