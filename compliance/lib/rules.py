"""Which reading of the rules decided: a number stored with every decision, so that old ones are replayed as read then.

A policy version says what the settings are, this number how the code reads them. Whoever changes what
`compliance.lib.decide` (or its SQL in `compliance.selectors.judging`) makes of the same facts adds a revision here,
keeps the older reading under its number, and says in `CHANGES` what became different.
"""

from __future__ import annotations

from collections.abc import Mapping

from members.lib.words import Sentence
from members.lib.words import sentence as _

REVISION = 2
HOLD_OUTS = 2  # the first revision in which a person may hold a program out of a run

CHANGES: Mapping[int, Sentence] = {
    1: _("The rules as they were first written down."),
    2: _("A program can be held out of a run by a person, with a written reason."),
}


def is_known(revision: int) -> bool:
    """Whether this code can read facts as that revision did."""
    return revision in CHANGES


def knows_hold_outs(revision: int) -> bool:
    """Whether that revision looks at hold-outs."""
    return revision >= HOLD_OUTS


def changes_since(revision: int) -> list[Sentence]:
    """What has become different since a revision, in order."""
    return [CHANGES[number] for number in sorted(CHANGES) if number > revision]
