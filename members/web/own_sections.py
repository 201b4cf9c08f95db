"""Parts of the page that a member sees of their own: registered from an app's ready(), drawn by their own template."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from members.web.own_page import Visit

Section = Callable[[Visit], dict[str, Any] | None]
"""What a part shows a member: {"template", …}, read by that template as `section`; None for nothing."""

_sections: list[tuple[int, Section]] = []


def register(section: Section, *, order: int) -> None:
    """Add a part at its place; once per process."""
    if all(known is not section for _order, known in _sections):
        _sections.append((order, section))
        _sections.sort(key=lambda each: each[0])


def sections_of(visit: Visit) -> list[dict[str, Any]]:
    """The parts of the page, in their order."""
    return [found for _order, section in _sections if (found := section(visit)) is not None]
