"""Parts of a member's page that other apps own: registered from their ready(), drawn by their own template."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from members.models import Member
from members.web.request import StaffRequest

Section = Callable[[StaffRequest, Member], dict[str, Any] | None]
"""What a part shows of a member: {"template", …}, read by that template as `section`; None for nothing."""

_sections: list[Section] = []


def register(section: Section) -> None:
    """Add a part; once per process."""
    if section not in _sections:
        _sections.append(section)


def sections_of(request: StaffRequest, member: Member) -> list[dict[str, Any]]:
    """The parts of a member's page."""
    return [found for section in _sections if (found := section(request, member)) is not None]
