"""An open shop's system."""

from __future__ import annotations

from tests.members.api.conftest import neighbour, system

__all__ = ["neighbour", "system"]
