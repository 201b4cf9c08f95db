"""A thing or a service of a stated value, handed over at the till."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benefits.lib.kinds.base import Kind


class GoodsKind(Kind):
    """Worth `value_minor`, where that is said."""

    is_redeemed = True
    has_pool = True

    def worth_minor(self, settings: Mapping[str, Any]) -> int | None:
        return settings.get("value_minor")


class CappedKind(Kind):
    """Saves at most `cap_minor` a use; what it saved the till says."""

    is_redeemed = True

    def worth_minor(self, settings: Mapping[str, Any]) -> int | None:
        return settings.get("cap_minor")

    def saved_minor(self, settings: Mapping[str, Any]) -> int | None:
        return None
