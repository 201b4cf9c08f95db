"""Migrations run over the owner's connection only."""

from __future__ import annotations

from typing import Any


class OwnerMigrates:
    """`migrate --database owner` makes tables; the log-in role never does."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Only the owner's alias migrates."""
        return db == "owner"
