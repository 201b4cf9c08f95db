"""What the benefits of a merchant are called, for rules that ask of their uses: told by the app that has benefits."""

from __future__ import annotations

from collections.abc import Callable

Names = Callable[[int], list[tuple[str, str]]]
"""(id shown outside, name) of a merchant's benefits, by merchant id."""

_sources: list[Names] = []


def register(source: Names) -> None:
    """Say where names come from; once per process."""
    if source not in _sources:
        _sources.append(source)


def names(merchant_id: int) -> dict[str, str]:
    """The names of a merchant's benefits by id. One query."""
    return {key: name for source in _sources for key, name in source(merchant_id)}
