"""The settings of one program as they stand at an instant: what the fold needs to know besides the member."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from members.lib.points import EarningTerms, PointRules, earning_terms
from members.lib.tiers import TierRules


@dataclass(frozen=True)
class Rules:
    """One version of a program's settings.

    `version` is stamped on orders and tier moves. `is_open` is false for a draft, closed or cleared program:
    then orders and daily totals are kept, and no point and no tier moves. `minor_digits` is the currency's
    (ISO 4217). `is_lifting`: some members still wait for what an edit of the rules does to them; whoever loads
    their states brings them up to it first.
    """

    version: int
    zone: ZoneInfo
    is_open: bool = True
    minor_digits: int = 2
    points: PointRules = field(default_factory=PointRules)
    tiers: TierRules = field(default_factory=TierRules)
    is_lifting: bool = False

    def terms(self, tier_id: int) -> EarningTerms:
        """The earning terms of an order that arrives now from a member who holds `tier_id`."""
        return self.points.terms(rules_version=self.version, tier_id=tier_id, minor_digits=self.minor_digits)

    def no_points(self, tier_id: int) -> EarningTerms:
        """The terms of an order that earns nothing, now or later."""
        return earning_terms(
            rules_version=self.version,
            tier_id=tier_id,
            per_major=Decimal(0),
            multiplier=Decimal(1),
            minor_digits=self.minor_digits,
        )
