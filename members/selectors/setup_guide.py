"""The set-up guide: five tasks in any order, and which are done (ux.md, Menu)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from members.models import AuditRow, Member, Program, ProgramStatus
from members.selectors import rules as rules_of

STEPS = ("name", "tiers", "points", "benefit", "members")


@dataclass(frozen=True, slots=True)
class Task:
    """A task of the guide: one of STEPS."""

    key: str
    is_done: bool


def tasks(*, program: Program, at: dt.datetime, has_benefit: bool) -> list[Task]:
    """The five tasks. `has_benefit` is the caller's fact: whether a benefit is published. Three queries."""
    merchant_id = program.pk
    ticked = set(
        AuditRow.objects.of(merchant_id).filter(subject_kind="setup").values_list("subject_id", flat=True)
    )
    version = rules_of.version_at(merchant_id=merchant_id, at=at)
    done = {
        "name": "name" in ticked,
        "tiers": "tiers" in ticked or (version is not None and len(version.ladder) > 1),
        "points": "points" in ticked
        or (version is not None and (version.per_major != Decimal(1) or bool(version.tier_multipliers))),
        "benefit": has_benefit,
        "members": Member.objects.of(merchant_id).exists(),
    }
    return [Task(step, done[step]) for step in STEPS]


def has_own_tiers(*, program: Program, at: dt.datetime) -> bool:
    """Whether somebody decided on the ladder; a merchant begins with one tier that nobody chose. Two queries."""
    version = rules_of.version_at(merchant_id=program.pk, at=at)
    if version is None or program.status != ProgramStatus.DRAFT or len(version.ladder) > 1:
        return version is not None
    return AuditRow.objects.of(program.pk).filter(subject_kind="setup", subject_id="tiers").exists()


def left(guide: list[Task]) -> int:
    """How many tasks are open."""
    return sum(not task.is_done for task in guide)
