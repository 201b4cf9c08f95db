"""Reading benefits: the list with its filters, one benefit, its history."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from benefits.lib.kinds import KINDS
from benefits.lib.standing import Standing
from benefits.models import Benefit, BenefitRevision, BenefitStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitFilter:
    """What a list shows. Empty means all; `kinds` by code; `search` in names and in the words of kinds."""

    search: str = ""
    standing: str = ""
    kinds: tuple[str, ...] = ()

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.search or self.standing or self.kinds)


def _standing_is(standing: str, at: dt.datetime) -> Q:
    """The same question as `standing_of`, as a condition."""
    over = Q(status=BenefitStatus.ENDED) | (~Q(status=BenefitStatus.DRAFT) & Q(to_at__lte=at))
    running = Q(status=BenefitStatus.PUBLISHED) & (Q(to_at=None) | Q(to_at__gt=at))
    later = Q(from_at__gt=at)
    conditions = {
        Standing.DRAFT: Q(status=BenefitStatus.DRAFT),
        Standing.OVER: over,
        Standing.PAUSED: Q(status=BenefitStatus.PAUSED) & (Q(to_at=None) | Q(to_at__gt=at)),
        Standing.SCHEDULED: running & later,
        Standing.IN_FORCE: running & (Q(from_at=None) | Q(from_at__lte=at)),
    }
    return conditions[Standing(standing)]


def _narrowed(merchant_id: int, wanted: BenefitFilter) -> QuerySet[Benefit]:
    rows: QuerySet[Benefit] = Benefit.objects.of(merchant_id)
    if wanted.kinds:
        rows = rows.filter(kind__in=wanted.kinds)
    text = wanted.search.strip().replace("\x00", "")
    if text:
        named = [code for code, kind in KINDS.items() if text.casefold() in str(kind.label).casefold()]
        rows = rows.filter(Q(name__icontains=text) | Q(kind__in=named))
    return rows


def listed(*, merchant_id: int, wanted: BenefitFilter, at: dt.datetime) -> QuerySet[Benefit]:
    """The benefits a filter means, drafts first, then the newest publication first. Runs no query."""
    rows = _narrowed(merchant_id, wanted)
    if wanted.standing in Standing.__members__.values():
        rows = rows.filter(_standing_is(wanted.standing, at))
    return rows.order_by("-published_at", "-id")


def counts(*, merchant_id: int, wanted: BenefitFilter, at: dt.datetime) -> dict[str, int]:
    """How many stand how, under the filter's other conditions; "" is all of them. One query."""
    parts: dict[str, Any] = {
        str(standing): Count("id", filter=_standing_is(standing, at)) for standing in Standing
    }
    found = _narrowed(merchant_id, wanted).aggregate(all=Count("id"), **parts)
    return {"" if name == "all" else name: number for name, number in found.items()}


def by_public_id(*, merchant_id: int, public_id: str) -> Benefit | None:
    """One benefit of the merchant."""
    return Benefit.objects.of(merchant_id).filter(public_id=public_id).first()


def redeemed_names(merchant_id: int) -> list[tuple[str, str]]:
    """(public id, name) of the benefits with entitlements that were ever published, by name. One query."""
    kinds = [code for code, kind in KINDS.items() if kind.is_redeemed]
    rows = Benefit.objects.of(merchant_id).filter(kind__in=kinds).exclude(status=BenefitStatus.DRAFT)
    return [(row.public_id, str(row)) for row in rows.order_by("name", "id")]


def exists(*, merchant_id: int) -> bool:
    """Whether the merchant has any benefit, drafts included."""
    return Benefit.objects.of(merchant_id).exists()


@dataclass(frozen=True, slots=True)
class RevisionStep:
    """A revision with what it changed: (argument, before, after)."""

    row: BenefitRevision
    changes: list[tuple[str, Any, Any]]


ARGUMENTS = ("name", "kind", "from_at", "to_at", "settings", "audience", "scope", "stock")


def history(*, merchant_id: int, benefit_id: int) -> list[RevisionStep]:
    """A benefit's revisions, the newest first, each with what it changed against the one before."""
    rows = list(BenefitRevision.objects.of(merchant_id).filter(benefit_id=benefit_id).order_by("number"))
    steps = []
    before: BenefitRevision | None = None
    for row in rows:
        changes = []
        if before is not None:
            pairs = ((name, getattr(before, name), getattr(row, name)) for name in ARGUMENTS)
            changes = [(name, old, new) for name, old, new in pairs if old != new]
        steps.append(RevisionStep(row, changes))
        before = row
    return steps[::-1]
