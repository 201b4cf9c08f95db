"""What a benefit says of what it gives, where a test does not care."""

from __future__ import annotations

from typing import Any

from benefits.lib.kinds import KINDS

OFF = {"off_minor": 500}


def given(kind: str) -> dict[str, Any]:
    """The least that settings of a kind say, so that it can be published."""
    return dict(OFF) if kind in KINDS and KINDS[kind].gives else {}
