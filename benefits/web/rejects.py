"""What was left out of a file or a change, as the table of it is put together (templates/benefits/_rejects.html)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SHOWN = 50


def table_of(rejects: Sequence[Any], count: int | None = None) -> dict[str, Any]:
    """The first of what was left out, and how many there are in all (`count` where not all of them were kept)."""
    return {"rejects": rejects[:SHOWN], "rejects_count": len(rejects) if count is None else count}
