"""Waiting for what comes by itself: as long as it takes, no longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 60.0  # within which everything is well again


def until(is_so: Callable[[], Any], what: str, *, log: Path | None = None, patience: float = PATIENCE) -> Any:
    """Wait for something that comes by itself, so many seconds at most."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            if found := is_so():
                return found
        except OSError:
            pass
        time.sleep(0.1)
    more = "" if log is None else log.read_text()[-2000:]
    raise AssertionError(f"not within {patience:.0f} seconds: {what}\n{more}")
