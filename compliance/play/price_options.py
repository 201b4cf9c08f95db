"""`prices` of program.configure, translated to what the service takes."""

from __future__ import annotations

from typing import Any

from benefits.lib.quotes import Cut, PriceRules, Reward, SkuPrices
from compliance.play.arguments import Arguments, BadLine, exact

WAYS = {"percent": "percent", "fixed_minor": "fixed", "off_minor": "off"}


def price_options(options: dict[str, Any]) -> dict[str, Any]:
    """`prices` of program.configure, as pricing.configure takes it. Raises BadLine; Invalid for prices out of range."""
    taken = Arguments(options)
    stack = taken.text("stack", "on_sale_price")
    catalogue = _objects("catalogue", taken.take("catalogue", []))
    rewards = _objects("spend_and_save", taken.take("spend_and_save", []))
    if taken.values:
        raise BadLine(f"prices: unknown option {min(taken.values)!r}")
    return {
        "rules": PriceRules(stack, tuple(_reward(each) for each in rewards)),  # type: ignore[arg-type]
        "catalogue": [_sku(each) for each in catalogue],
    }


def _objects(name: str, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise BadLine(f"{name}: a list of objects")
    return value


def _reward(said: dict[str, Any]) -> Reward:
    taken = Arguments(said)
    reward = Reward(taken.integer("at_least_minor"), taken.integer("off_minor"))
    taken.done()
    return reward


def _sku(said: dict[str, Any]) -> SkuPrices:
    taken = Arguments(said)
    members, fans = taken.take("members", {}), taken.take("fans", None)
    if not isinstance(members, dict):
        raise BadLine("members: an object from tier code to price")
    made = SkuPrices(
        sku=taken.text("sku"),
        list_minor=taken.integer("list_minor"),
        sale_minor=taken.integer("sale_minor", None),
        floor_minor=taken.integer("floor_minor", 1),
        members={tier: _cut(f"members.{tier}", cut) for tier, cut in members.items()},
        fans=None if fans is None else _cut("fans", fans),
    )
    taken.done()
    return made


def _cut(name: str, said: Any) -> Cut:
    if not isinstance(said, dict) or len(said) != 1 or not said.keys() <= WAYS.keys():
        raise BadLine(f'{name}: one of {{"percent": "90"}}, {{"fixed_minor": 7000}}, {{"off_minor": 500}}')
    ((way, value),) = said.items()
    return Cut(WAYS[way], exact(name, value))  # type: ignore[arg-type]
