"""Drafts of policy versions, what merchants said to them, and the versions that are to come."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from compliance.lib.calendar import platform_date
from compliance.lib.policy import Policy as Rule
from compliance.lib.policy import PolicyHistory
from compliance.models import Policy, PolicyComment, PolicyDraft


@dataclass(frozen=True, slots=True)
class Coming:
    """A version that is public and not in force yet, with the rule that it takes the place of."""

    version: Policy
    before: Rule


def is_open(row: PolicyDraft, *, at: dt.datetime) -> bool:
    """Whether a draft can be commented on: until the end of its platform day, unless it was withdrawn."""
    return row.withdrawn_at is None and platform_date(at) <= row.closes_on


def open_ones(*, at: dt.datetime) -> list[PolicyDraft]:
    """The drafts that can be commented on, the one that closes first in front. One query."""
    rows = PolicyDraft.objects.filter(withdrawn_at=None, closes_on__gte=platform_date(at))
    return list(rows.order_by("closes_on", "id"))


def by_public_id(public_id: str) -> PolicyDraft | None:
    """A draft, open or not."""
    return PolicyDraft.objects.filter(public_id=public_id).first()


def before(row: PolicyDraft, history: PolicyHistory) -> Rule:
    """The rule that a draft would take the place of."""
    return history.at(row.starts_at).policy


def own_comments(*, merchant_id: int, draft_ids: list[int]) -> dict[int, list[PolicyComment]]:
    """What a merchant said to some drafts, oldest first. One query."""
    found: dict[int, list[PolicyComment]] = {}
    rows = PolicyComment.objects.of(merchant_id).filter(draft_id__in=draft_ids).select_related("by")
    for row in rows.order_by("at", "id"):
        found.setdefault(row.draft_id, []).append(row)
    return found


def coming(rows: list[Policy], *, at: dt.datetime) -> list[Coming]:
    """The versions that are to come, the first one in front. rows: every version."""
    history = PolicyHistory(row.version for row in rows)
    told, standing = [], history.at(at).policy
    for row in sorted(rows, key=lambda each: (each.effective_at, each.published_at, each.number)):
        if row.effective_at > at:
            told.append(Coming(row, standing))
            standing = row.rule
    return told
