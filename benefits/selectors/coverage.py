"""Reading coverage: what is stored, and what the revisions say in detail (domain.md 3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benefits.lib import coverage as rule
from benefits.lib.spans import Span, Spans, clip, normalise, utc
from benefits.models import Benefit, BenefitRevision, Coverage


def as_rule(row: BenefitRevision) -> rule.Revision:
    """A stored revision as the pure rule reads it."""
    return as_it_stands(row, rule.Action(row.action), row.at)


def as_it_stands(row: Benefit | BenefitRevision, action: rule.Action, at: dt.datetime) -> rule.Revision:
    """What the pure rule reads of a benefit, or of a revision of it, that an action at an instant made so."""
    return rule.Revision(
        action=action,
        at=at,
        kind=row.kind,
        starts_at=row.from_at,
        ends_at=row.to_at,
        settings=row.settings,
        audience=row.audience,
        audience_empty=row.audience_empty,
        stock=row.stock,
        worthless=row.worthless,
        doubts=row.doubts,
        scope=row.scope,
        acts=acts_of(row.measured),
    )


def acts_of(measured: Mapping[str, Any]) -> Spans | None:
    """The stretches that a publication or change kept as those in which the benefit does anything (`usefulness`)."""
    if "acts" not in measured:
        return None
    instants = [[dt.datetime.fromisoformat(instant) for instant in each] for each in measured["acts"]]
    return normalise(Span(utc(start), utc(end)) for start, end in instants)


def revisions_by_benefit(
    *, merchant_id: int, benefit_ids: Iterable[int] | None = None, before: dt.datetime | None = None
) -> dict[int, list[rule.Revision]]:
    """Every revision of a merchant by benefit id, in the order they were made; `before` leaves out what was made
    at or after that instant."""
    rows = BenefitRevision.objects.of(merchant_id).order_by("benefit_id", "number")
    if benefit_ids is not None:
        rows = rows.filter(benefit_id__in=list(benefit_ids))
    if before is not None:
        rows = rows.filter(at__lt=before)
    found: dict[int, list[rule.Revision]] = {}
    for row in rows:
        found.setdefault(row.benefit_id, []).append(as_rule(row))
    return found


def stored(*, merchant_id: int) -> tuple[rule.Coverage, ...]:
    """A program's coverage as it is stored, in order of kind."""
    return tuple(as_coverage(row) for row in Coverage.objects.of(merchant_id).order_by("kind", "doubts"))


def as_coverage(row: Coverage) -> rule.Coverage:
    """A stored row as the pure rule's value."""
    return rule.Coverage(
        row.kind,
        row.in_force,
        tuple(
            rule.Configured(at, force) for at, force in zip(row.configured_at, row.force_from, strict=True)
        ),
        row.doubts,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitStretches:
    """What one benefit of one kind was within a window: the evidence that a page or decision shows.

    in_force: clipped to the window. configured: the instants inside it. paper: why nobody could use it now, as
    slugs (`stock`, `audience`, `worth`), empty when somebody can. doubts: those with which it was in force then.
    """

    benefit: Benefit
    kind: str
    in_force: Spans
    configured: tuple[rule.Configured, ...]
    paper: tuple[str, ...]
    doubts: int = 0


def stretches(
    *, merchant_id: int, start: dt.datetime, end: dt.datetime, before: dt.datetime | None = None
) -> list[BenefitStretches]:
    """Each benefit's stretches in force and configurations within `[start, end)`, by benefit in order of
    publication; also benefits that were never in force in it, as long as they were published before its end.

    before: the revisions known to a job due at that instant (those made before it); None: all of them.
    """
    window = Span(start, end)
    revisions = revisions_by_benefit(merchant_id=merchant_id, before=before)
    benefits = Benefit.objects.of(merchant_id).filter(id__in=list(revisions)).order_by("published_at", "id")
    found = []
    for benefit in benefits:
        if benefit.published_at >= end:
            continue
        rows = rule.benefit_coverage(revisions[benefit.pk]) or (
            rule.Coverage(benefit.kind, doubts=benefit.doubts),
        )
        for row in rows:
            found.append(
                BenefitStretches(
                    benefit=benefit,
                    kind=row.kind,
                    in_force=clip(row.in_force, window),
                    configured=tuple(each for each in row.configured if window.holds(each.at)),
                    paper=paper_reasons(benefit),
                    doubts=row.doubts,
                )
            )
    return found


def paper_reasons(benefit: Benefit) -> tuple[str, ...]:
    """Why no member could use the benefit as it stands (`stock`, `audience`, `worth`); empty when one can."""
    reasons = (
        ("stock", benefit.stock == 0),
        ("audience", benefit.audience_empty),
        ("worth", benefit.worthless),
    )
    return tuple(slug for slug, holds in reasons if holds)


def in_force(
    *, merchant_id: int, at: dt.datetime, before: dt.datetime | None = None
) -> list[tuple[Benefit, str, int]]:
    """The benefits in force at an instant with the kind and doubts they had then, by publication.

    Read from the revisions, so it is right for past instants too; a revision made at `at` is done by then unless
    `before` says otherwise.
    """
    revisions = revisions_by_benefit(merchant_id=merchant_id, before=before)
    keys = {benefit: rule.key_in_force(each, at) for benefit, each in revisions.items()}
    live = {benefit: key for benefit, key in keys.items() if key is not None}
    rows = Benefit.objects.of(merchant_id).filter(id__in=list(live)).order_by("published_at", "id")
    return [(row, *live[row.pk]) for row in rows]


def spans_of(*, merchant_id: int, benefit_id: int) -> Spans:
    """Every stretch in which one benefit was, is or will be in force, of whatever kind."""
    revisions = revisions_by_benefit(merchant_id=merchant_id, benefit_ids=[benefit_id]).get(benefit_id, [])
    return normalise(span for row in rule.benefit_coverage(revisions) for span in row.in_force)
