"""Coverage read literally, instant by instant, and random histories to read it from.

Time here is a whole number of half microseconds, so that between two clock readings there is always one more
instant: the rules speak of dense time, and a sample between two neighbouring readings needs a name. Judged
are clock readings, even numbers, only.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from benefits.lib.coverage import Action, Revision

START = datetime(2024, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
Tick = int
KINDS = ("coupon", "member_price", "lucky_draw")


def tick(instant: datetime) -> Tick:
    return 2 * ((instant - START) // MICROSECOND)


def clock(ticks: Tick) -> datetime:
    assert ticks % 2 == 0
    return START + (ticks // 2) * MICROSECOND


def in_force_kind(revisions: Sequence[Revision], at: Tick) -> str | None:
    """As which kind the benefit is in force at one instant: every revision up to it told again from the
    start."""
    live, paused, told, stock, nobody = False, False, None, None, False
    for revision in revisions:
        if tick(revision.at) > at:
            break
        match revision.action:
            case Action.PUBLISH:
                live, paused, told = True, False, revision
                stock, nobody = revision.stock, revision.audience_empty
            case Action.CHANGE if live:
                told, stock, nobody = revision, revision.stock, revision.audience_empty
            case Action.PAUSE:
                paused = True
            case Action.RESUME:
                paused = False
            case Action.END:
                live, paused = False, False
            case Action.STOCK if live:
                stock = revision.stock
            case Action.AUDIENCE if live:
                nobody = revision.audience_empty
    if not live or paused or told is None or stock == 0 or told.worthless:
        return None
    if nobody and told.audience != "everyone":
        return None
    begun = told.starts_at is None or tick(told.starts_at) <= at
    over = told.ends_at is not None and tick(told.ends_at) <= at
    return told.kind if begun and not over else None


def boundaries(benefits: Iterable[Sequence[Revision]]) -> list[Tick]:
    """Every instant at which something may change."""
    found = set()
    for revisions in benefits:
        for revision in revisions:
            found |= {tick(i) for i in (revision.at, revision.starts_at, revision.ends_at) if i is not None}
    return sorted(found)


def samples(points: Iterable[Tick]) -> list[Tick]:
    """The points, an instant between each two neighbours, and one before and after all."""
    points = sorted(set(points))
    between = [(a + b) // 2 for a, b in itertools.pairwise(points)]
    return sorted({*points, *between, points[0] - 2, points[-1] + 2})


def configured(revisions: Sequence[Revision]) -> list[tuple[Tick, str, Tick | None]]:
    """Instants of configuration with their kind and the first instant of force from then on, read sample by
    sample."""
    found = []
    for index, revision in enumerate(revisions):
        if revision.action not in (Action.PUBLISH, Action.CHANGE):
            continue
        at = tick(revision.at)
        if revision.action is Action.CHANGE and not _is_material(revisions[:index], revision):
            continue
        alone = [*revisions[: index + 1]]
        horizon = samples(boundaries([alone]))
        if not any(t >= at and in_force_kind(alone, t) for t in horizon):
            continue
        later = (t for t in samples(boundaries([revisions])) if t >= at)
        force = next((t for t in later if in_force_kind(revisions, t) == revision.kind), None)
        found.append((at, revision.kind, force))
    return found


def _is_material(before: Sequence[Revision], change: Revision) -> bool:
    live = paused = False
    told: Revision | None = None
    stock = None
    for revision in before:
        match revision.action:
            case Action.PUBLISH:
                live, paused, told, stock = True, False, revision, revision.stock
            case Action.CHANGE if live:
                told, stock = revision, revision.stock
            case Action.PAUSE:
                paused = True
            case Action.RESUME:
                paused = False
            case Action.END:
                live, paused = False, False
            case Action.STOCK if live:
                stock = revision.stock
    if not live or paused or told is None:
        return False
    if told.ends_at is not None and told.ends_at <= change.at:
        return False
    arguments = ("kind", "starts_at", "ends_at", "settings", "audience")
    return stock != change.stock or any(getattr(told, name) != getattr(change, name) for name in arguments)


# --- random histories ---------------------------------------------------------------------------------------


def instants(days: int, unit: timedelta = timedelta(hours=6)) -> st.SearchStrategy[datetime]:
    """Coarse instants, so that boundaries meet, some of them a microsecond off."""
    last = timedelta(days=days) // unit
    nudge = st.sampled_from([timedelta(0)] * 6 + [MICROSECOND, -MICROSECOND])
    return st.builds(lambda n, off: START + n * unit + off, st.integers(0, last), nudge)


@st.composite
def histories(draw: st.DrawFn, days: int = 20, unit: timedelta = timedelta(hours=6)) -> list[Revision]:
    """The revisions of one benefit, in order; also ones that a service would refuse."""
    whens = sorted(draw(st.lists(instants(days, unit), min_size=1, max_size=7)))
    rest = st.sampled_from([a for a in Action for _ in range(3 if a is Action.CHANGE else 1)])
    revisions: list[Revision] = []
    last: Revision | None = None
    for index, at in enumerate(whens):
        action = Action.PUBLISH if index == 0 else draw(rest)
        fresh = Revision(
            action=action,
            at=at,
            kind=draw(st.sampled_from(KINDS)),
            starts_at=draw(st.none() | instants(days, unit)),
            ends_at=draw(st.none() | instants(days, unit)),
            settings={"off": draw(st.integers(1, 2))},
            audience=draw(st.sampled_from(["everyone", "gold"])),
            audience_empty=draw(st.sampled_from([False, False, False, True])),
            stock=draw(st.sampled_from([None, None, 3, 0])),
            worthless=draw(st.sampled_from([False] * 9 + [True])),
        )
        if last is not None and action is Action.CHANGE and draw(st.booleans()):
            kept = ("kind", "starts_at", "ends_at", "settings", "audience", "stock", "worthless")
            keep = draw(st.sets(st.sampled_from(kept), min_size=5))
            fresh = replace(fresh, **{name: getattr(last, name) for name in keep})
        if action in (Action.PUBLISH, Action.CHANGE):
            last = fresh
        revisions.append(fresh)
    return revisions


def programs(
    days: int = 20, unit: timedelta = timedelta(hours=6), most: int = 3
) -> st.SearchStrategy[list[list[Revision]]]:
    """The histories of the benefits of one program."""
    return st.lists(histories(days, unit), max_size=most)
