"""Coverage: when benefits were in force and when they were configured, whatever a policy makes of it.

A benefit's past cannot be rewritten: everything here is read from its append-only revisions, never from its
present row (domain.md 3). What is stored per program and kind (`Coverage`) is neutral: which kinds count, how
long a window is and what a short stretch is worth are questions that `compliance` answers under a policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

from benefits.lib.spans import ALWAYS, Span, Spans, clip, first_from, normalise, utc
from benefits.lib.usefulness import AUDIENCE

EVERYONE = "everyone"


class Action(StrEnum):
    """What a revision records. `stock` and `audience` are observations (the last one was taken, the first member
    reached the tier): they turn paper on and off but configure nothing."""

    PUBLISH = "publish"
    CHANGE = "change"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"
    STOCK = "stock"
    AUDIENCE = "audience"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One row of a benefit's history, with the benefit's arguments as they are after it.

    Only `publish` and `change` set arguments; `stock` sets `stock` alone and `audience` sets `audience_empty`
    alone, so the other columns of such rows are not read.

    starts_at, ends_at: the arguments `from` and `to`; None is unbounded.
    audience, scope: opaque, only compared. audience_empty: it is named and nobody is in it.
    stock: units left after this revision; None is unlimited.
    worthless: the kind's own verdict that these settings give a member nothing.
    doubts: what speaks against it (`benefits.lib.usefulness`), as measured then; `audience` sets its part of them.
    acts: the only stretches in which it does anything, where its settings name certain days; None for its whole period.
    """

    action: Action
    at: datetime
    kind: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    audience: Any = EVERYONE
    audience_empty: bool = False
    stock: int | None = None
    worthless: bool = False
    doubts: int = 0
    scope: Mapping[str, Any] = field(default_factory=dict)
    acts: Spans | None = None


class Configured(NamedTuple):
    """A publication or a material change, and the first instant from then on at which the benefit is in force
    as that kind (`force_from`; None when, by what is known, it never is)."""

    at: datetime
    force_from: datetime | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a program's benefits of one kind amount to: the row stored per program, kind and set of doubts.

    in_force: `tstzmultirange`, possibly reaching into the future (an open end is None).
    configured: ascending, each instant once with its earliest `force_from`.
    """

    kind: str
    in_force: Spans = ()
    configured: tuple[Configured, ...] = ()
    doubts: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from the other rows of its program."""
        return self.kind, self.doubts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """How a benefit stands between one revision and the next."""

    live: bool = False
    paused: bool = False
    kind: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    audience: Any = EVERYONE
    audience_empty: bool = False
    stock: int | None = None
    worthless: bool = False
    doubts: int = 0
    scope: Mapping[str, Any] = field(default_factory=dict)
    acts: Spans | None = None

    @property
    def key(self) -> tuple[str, int]:
        return self.kind, self.doubts

    @property
    def is_paper(self) -> bool:
        return self.stock == 0 or (self.audience_empty and self.audience != EVERYONE) or self.worthless

    def is_over(self, at: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= at

    def force_after(self, at: datetime) -> Spans:
        """When it is in force from `at` on, if nothing else happens."""
        if not self.live or self.paused or self.is_paper:
            return ()
        start = at if self.starts_at is None else max(at, self.starts_at)
        return clip((ALWAYS,) if self.acts is None else self.acts, Span(start, self.ends_at))

    def differs_from(self, other: _Standing) -> bool:
        """Whether an argument that a merchant gives is another one."""
        names = ("kind", "starts_at", "ends_at", "settings", "audience", "scope", "stock")
        return any(getattr(self, name) != getattr(other, name) for name in names)


def _after(standing: _Standing, revision: Revision) -> _Standing:
    """How the benefit stands once the revision is done. An ended benefit only a new publication brings back."""
    action = revision.action
    if action is Action.PUBLISH:
        return _with_arguments(revision, paused=False)
    if not standing.live:
        return standing
    if action is Action.CHANGE:
        return _with_arguments(revision, paused=standing.paused)
    if action is Action.PAUSE or action is Action.RESUME:
        return replace(standing, paused=action is Action.PAUSE)
    if action is Action.END:
        return replace(standing, live=False)
    if action is Action.STOCK:
        return replace(standing, stock=revision.stock)
    observed = standing.doubts & ~AUDIENCE | revision.doubts & AUDIENCE
    return replace(standing, audience_empty=revision.audience_empty, doubts=observed)


def _with_arguments(revision: Revision, *, paused: bool) -> _Standing:
    return _Standing(
        live=True,
        paused=paused,
        kind=revision.kind,
        starts_at=None if revision.starts_at is None else utc(revision.starts_at),
        ends_at=None if revision.ends_at is None else utc(revision.ends_at),
        settings=revision.settings,
        audience=revision.audience,
        audience_empty=revision.audience_empty,
        stock=revision.stock,
        worthless=revision.worthless,
        doubts=revision.doubts,
        scope=revision.scope,
        acts=revision.acts,
    )


def _configures(action: Action, before: _Standing, after: _Standing, at: datetime) -> bool:
    """Whether the revision counts as configuring a usable benefit (domain.md 3).

    Not: pausing, resuming, ending, observations; a change while paused, one that alters no argument, one of a
    benefit whose `to` is past; nor what leaves a paper benefit, or one that cannot come into force any more.
    """
    if action is Action.CHANGE:
        if not before.live or before.paused or before.is_over(at) or not after.differs_from(before):
            return False
    elif action is not Action.PUBLISH:
        return False
    return bool(after.force_after(at))


class _Step(NamedTuple):
    """One revision done: what it configured and how the benefit stands until the next one."""

    at: datetime
    until: datetime | None
    standing: _Standing
    configures: bool


def _steps(revisions: Sequence[Revision]) -> Iterator[_Step]:
    standing = _Standing()
    instants = [utc(revision.at) for revision in revisions]
    if any(later < earlier for earlier, later in pairwise(instants)):
        raise ValueError("revisions go back in time")
    for index, (at, revision) in enumerate(zip(instants, revisions, strict=True)):
        before, standing = standing, _after(standing, revision)
        until = instants[index + 1] if index + 1 < len(instants) else None
        yield _Step(at, until, standing, _configures(revision.action, before, standing, at))


def benefit_coverage(revisions: Sequence[Revision]) -> tuple[Coverage, ...]:
    """The coverage of one benefit from its revisions in the order they were made, one row per kind (and set of doubts)
    it has had.

    Between two revisions the benefit is in force while it is live, not paused, not paper, and the instant lies in
    `[from, to)` as they stood then, and on a day on which it acts where it names its only ones. So a `from` in the past
    does not reach back before publication, and a change never touches what was before it. Raises ValueError when
    instants go back or have no zone.
    """
    in_force: dict[tuple[str, int], list[Span]] = {}
    configured: dict[tuple[str, int], list[datetime]] = {}
    for step in _steps(revisions):
        force = step.standing.force_after(step.at)
        if force := clip(force, Span(None, step.until)):
            in_force.setdefault(step.standing.key, []).extend(force)
        if step.configures:
            configured.setdefault(step.standing.key, []).append(step.at)
    return tuple(
        _one_row(key, normalise(in_force.get(key, ())), _alike(key, in_force), configured.get(key, ()))
        for key in sorted({*in_force, *configured})
    )


def _alike(key: tuple[str, int], in_force: Mapping[tuple[str, int], Iterable[Span]]) -> Spans:
    """The force that a configuration with these doubts may begin: an audience that is seen to have grown or shrunk
    before it begins takes nothing from what was configured."""
    kind, doubts = key
    return normalise(
        span
        for (other, others), spans in in_force.items()
        if other == kind and (others ^ doubts) & ~AUDIENCE == 0
        for span in spans
    )


def _one_row(key: tuple[str, int], in_force: Spans, alike: Spans, configured: Iterable[datetime]) -> Coverage:
    instants = []
    for at in configured:
        force = first_from(alike, at)
        begins = None if force is None or force.start is None else max(at, force.start)
        instants.append(Configured(at, begins))
    kind, doubts = key
    return Coverage(kind, in_force, _earliest(instants), doubts)


def _earliest(configured: Iterable[Configured]) -> tuple[Configured, ...]:
    """Each instant once, with its earliest force."""
    found: dict[datetime, datetime | None] = {}
    for at, force_from in configured:
        known = found.get(at)
        found[at] = force_from if known is None else known if force_from is None else min(known, force_from)
    return tuple(Configured(at, found[at]) for at in sorted(found))


def unite(coverages: Iterable[Coverage]) -> tuple[Coverage, ...]:
    """The rows of a program: the coverages of its benefits united by kind and doubts, in their order."""
    by_key: dict[tuple[str, int], list[Coverage]] = {}
    for coverage in coverages:
        by_key.setdefault(coverage.key, []).append(coverage)
    return tuple(
        Coverage(
            kind,
            normalise(span for coverage in rows for span in coverage.in_force),
            _earliest(each for coverage in rows for each in coverage.configured),
            doubts,
        )
        for (kind, doubts), rows in sorted(by_key.items())
    )


def program_coverage(benefits: Iterable[Sequence[Revision]]) -> tuple[Coverage, ...]:
    """The coverage of a program, given the revisions of each of its benefits."""
    return unite(row for revisions in benefits for row in benefit_coverage(revisions))


def key_in_force(revisions: Sequence[Revision], at: datetime) -> tuple[str, int] | None:
    """The kind as which, and the doubts with which, a benefit is in force at an instant, or None. A revision made at
    `at` is done by then."""
    at = utc(at)
    for coverage in benefit_coverage(revisions):
        if any(span.holds(at) for span in coverage.in_force):
            return coverage.key
    return None


def known_before(revisions: Iterable[Revision], at: datetime) -> list[Revision]:
    """The revisions that a job due at `at` may know: jobs due at an instant run before what is done at it, so
    publishing at 23:00:00 is too late for that run, also when a missed run is made up later."""
    at = utc(at)
    return [revision for revision in revisions if utc(revision.at) < at]
