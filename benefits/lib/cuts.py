"""How a price is lowered: to a percentage, to a fixed price, or by an amount (domain.md 7)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from members.lib.refusals import Invalid
from members.lib.words import sentence as _

Way = Literal["percent", "fixed", "off"]
MOST_MINOR = 10**12
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Cut:
    """How a member or fan price is said: percent of a price (90 is 9 折), a fixed price, or an amount off."""

    way: Way
    value: Decimal

    def __post_init__(self) -> None:
        if self.way == "percent" and not 0 <= self.value <= HUNDRED:
            raise Invalid(_("A percentage lies between 0 and 100, not %(value)s.", value=self.value))
        if self.way != "percent" and not (0 <= self.value <= MOST_MINOR and self.value == int(self.value)):
            raise Invalid(_("An amount is a whole number of minor units, not %(value)s.", value=self.value))

    def of(self, price_minor: int) -> int:
        """The price that it makes of another, half a minor unit rounded up; never below zero."""
        if self.way == "fixed":
            return int(self.value)
        if self.way == "off":
            return max(0, price_minor - int(self.value))
        top, bottom = self.value.as_integer_ratio()
        return (2 * price_minor * top + 100 * bottom) // (200 * bottom)


@lru_cache(maxsize=4_096)
def cut_of(way: Way, value: str) -> Cut:
    """The cut that stored words say; the same few are read for every quote."""
    return Cut(way, Decimal(value))
