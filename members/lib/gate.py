"""Who may enter a door: what every view and every operation of the API declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Function = Literal["", "members", "recruitment", "benefits", "outreach"]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Gate:
    """Who may enter: `kind` says by which credential, `read`/`write` which roles, `function` what a clearance stops."""

    kind: Literal["public", "user", "staff", "platform", "api"]
    read: frozenset[str] = NOBODY
    write: frozenset[str] = NOBODY
    function: Function = ""

    def admits(self, role: str, method: str) -> bool:
        """Whether a role may use a method (HTTP, upper case)."""
        return role in (self.read if method in SAFE_METHODS else self.write)
