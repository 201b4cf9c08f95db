"""A program's coverage in one line: what says for most programs, without looking at each stretch, whether something
covers them at a coming instant, under policies that are not in force.

The line is told for the kinds (with their doubts) that counted when it was told, and names them, so that it is read
under any policy that counts the same ones. From the last stretch and the last configuration follows:

- after the last stretch, if it is long enough, everything before it covers nothing that it does not;
- a window after both the last stretch and the last configuration nothing covers any more;
- a stretch without end covers every instant from its start on, whatever else counts beside it.

What none of these decides is looked at stretch by stretch (`compliance.selectors.outlook`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from benefits.lib.coverage import Configured, Coverage
from benefits.lib.spans import Span, utc
from compliance.lib.danger import stretches_in_force
from compliance.lib.policy import Policy

STEADY, ENDING = "=", "-"
MOST = 500  # characters; programs of more kinds are looked at one by one

Key = tuple[str, int]  # a kind, and the doubts with which it was in force


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """shape: see `shape_of`. cover_from, cover_to: the last stretch in which a kind that counts is in force (no start:
    there is none; a start alone: it has no end). configured_at: the last configuration of such a kind, counting or not;
    configured_force: when force began by it."""

    shape: str
    cover_from: datetime | None = None
    cover_to: datetime | None = None
    configured_at: datetime | None = None
    configured_force: datetime | None = None


class Shape(NamedTuple):
    """A shape taken apart. is_steady: a kind that counts is in force and has no end."""

    is_steady: bool
    counted: frozenset[Key]
    others: frozenset[Key]

    def is_read_by(self, policy: Policy) -> bool:
        """Whether the line says what it says under this policy too: the same kinds count."""
        return self.counts_for(policy) and not any(policy.counts(*key) for key in self.others)

    def counts_for(self, policy: Policy) -> bool:
        """Whether everything counts that counted when the line was told."""
        return all(policy.counts(*key) for key in self.counted)


def shape_of(counted: Iterable[Key], others: Iterable[Key], *, is_steady: bool) -> str:
    """What many programs have in common: "=coupon:0 member_price:0|lucky_draw:0"."""
    told = "|".join(
        " ".join(f"{kind}:{doubts}" for kind, doubts in sorted(keys)) for keys in (counted, others)
    )
    return (STEADY if is_steady else ENDING) + told


def taken_apart(shape: str) -> Shape:
    """The inverse of `shape_of`."""
    counted, others = (
        frozenset((kind, int(doubts)) for kind, doubts in (key.split(":") for key in keys.split()))
        for keys in shape[1:].split("|")
    )
    return Shape(shape[0] == STEADY, counted, others)


def outline(coverages: Collection[Coverage], policy: Policy, at: datetime) -> Outline | None:
    """The line of a program under a policy, true from `at` until its coverage changes; None where one line does not
    tell it."""
    rows = [row for row in coverages if policy.counts(row.kind, row.doubts)]
    stretches = stretches_in_force(rows, policy)
    last = stretches[-1] if stretches else Span(None, None)
    shape = shape_of(
        {row.key for row in rows},
        {row.key for row in coverages} - {row.key for row in rows},
        is_steady=last.start is not None and last.end is None and last.start <= utc(at),
    )
    latest = _latest(rows)
    if len(shape) > MOST or len(latest) > 1 or (stretches and last.start is None):
        return None
    configured_at, force = next(iter(latest), (None, None))
    return Outline(
        shape=shape,
        cover_from=last.start,
        cover_to=last.end,
        configured_at=configured_at,
        configured_force=force,
    )


def _latest(rows: Iterable[Coverage]) -> set[Configured]:
    """The configurations of the last instant."""
    found = {row.configured[-1] for row in rows if row.configured}
    latest = max((each.at for each in found), default=None)
    return {each for each in found if each.at == latest}
