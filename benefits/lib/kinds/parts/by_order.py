"""Benefits that an order brings: which orders do, as a benefit's settings say it (domain 8)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.checks import MOST_MINOR, invalid, is_count

ON_ORDER = "on_order"
NAMES = ("from_minor", "skus", "channel")
MOST_SKUS, LONGEST_SKU = 100, 128


class Bought(Protocol):
    """What the condition looks at of an order: its amount after refunds in minor units, the SKUs of its lines, its
    channel, when it was paid."""

    @property
    def net_minor(self) -> int: ...
    @property
    def skus(self) -> frozenset[str]: ...
    @property
    def channel(self) -> str: ...
    @property
    def paid_at(self) -> dt.datetime: ...


@dataclass(frozen=True, slots=True)
class Condition:
    """An order of at least `from_minor`; with one of `skus`, on `channel`, where those are named."""

    from_minor: int
    skus: frozenset[str]
    channel: str

    def fits(self, order: Bought, *, from_at: dt.datetime | None, to_at: dt.datetime | None) -> bool:
        """Whether an order brings a benefit that is given in [from_at, to_at). One that was paid before it began brings
        nothing, however late it is sent."""
        if (from_at is not None and order.paid_at < from_at) or (
            to_at is not None and order.paid_at >= to_at
        ):
            return False
        if order.net_minor < self.from_minor or (self.channel and order.channel != self.channel):
            return False
        return not self.skus or not self.skus.isdisjoint(order.skus)


def condition_of(settings: Mapping[str, Any]) -> Condition | None:
    """What order brings a benefit; None where none does."""
    said = settings.get(ON_ORDER)
    if not isinstance(said, Mapping):
        return None
    return Condition(said["from_minor"], frozenset(said.get("skus") or ()), said.get("channel") or "")


def check_on_order(said: Any) -> None:
    """The setting is an amount, and perhaps SKUs and a channel. Raises Invalid."""
    if said is None:
        return
    if not isinstance(said, Mapping) or not (
        is_count(said.get("from_minor"), MOST_MINOR) and said["from_minor"]
    ):
        raise invalid(
            ON_ORDER, _("Say from which amount an order brings it: “from_minor”, a whole number from 1.")
        )
    skus = said.get("skus")
    if skus is not None and not (
        isinstance(skus, list) and len(skus) <= MOST_SKUS and all(_is_sku(each) for each in skus)
    ):
        text = _("“skus” is a list of at most %(most)s SKUs, each of 1 to 128 characters.")
        raise invalid(ON_ORDER, text % {"most": MOST_SKUS})
    channel = said.get("channel")
    if channel is not None and not isinstance(channel, str):
        raise invalid(ON_ORDER, _("“channel” is the name of one channel."))


def _is_sku(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_SKU and value.isprintable()
