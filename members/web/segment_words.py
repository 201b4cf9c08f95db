"""Rules of segments in words, and the ready-made ones (domain.md 10)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from members.lib.lifecycle import OWN_DAYS, STAGES
from members.lib.segments import FACTS, GROUPS, Rule
from members.models import Channel
from members.selectors.segments import Shop
from members.templatetags.fmt import money_text
from members.templatetags.fmt import points as points_text

FACT_WORDS: dict[str, Any] = {
    "recency": gettext_lazy("Days since the last order"),
    "orders": gettext_lazy("Number of orders"),
    "spend": gettext_lazy("Amount spent"),
    "active_days": gettext_lazy("Days of purchase"),
    "lifecycle": gettext_lazy("Lifecycle stage"),
    "tier": gettext_lazy("Tier"),
    "tag": gettext_lazy("Tag"),
    "channel": gettext_lazy("Channel of joining"),
    "store": gettext_lazy("Store ordered from"),
    "joined": gettext_lazy("Days since joining"),
    "joined_on": gettext_lazy("Day of joining"),
    "points": gettext_lazy("Points available"),
    "expiring": gettext_lazy("Points about to expire"),
    "benefit": gettext_lazy("Benefit used"),
    "benefit_uses": gettext_lazy("Uses of benefits"),
    "birthday": gettext_lazy("Days until the birthday"),
    "birth_month": gettext_lazy("Month of birth"),
    "segment": gettext_lazy("Another segment"),
}
OP_WORDS: dict[str, Any] = {
    "at_least": pgettext_lazy("comparison", "at least"),
    "at_most": pgettext_lazy("comparison", "at most"),
    "between": pgettext_lazy("comparison", "from … to …"),
    "never": pgettext_lazy("comparison", "never ordered"),
    "is_in": pgettext_lazy("comparison", "is one of"),
    "not_in": pgettext_lazy("comparison", "is none of"),
    "from": pgettext_lazy("comparison", "on or after"),
    "before": pgettext_lazy("comparison", "before"),
}
GROUP_WORDS: dict[str, Any] = {
    "all": gettext_lazy("All of these hold"),
    "any": gettext_lazy("At least one of these holds"),
    "none": gettext_lazy("None of these holds"),
}
STAGE_WORDS: dict[str, Any] = {
    "introduction": pgettext_lazy("lifecycle", "Introduction"),
    "growth": pgettext_lazy("lifecycle", "Growth"),
    "mature": pgettext_lazy("lifecycle", "Mature"),
    "decline": pgettext_lazy("lifecycle", "Decline"),
    "dormant": pgettext_lazy("lifecycle", "Dormant"),
    "lost": pgettext_lazy("lifecycle", "Lost"),
}
STAGE_NOTES: dict[str, Any] = {
    "introduction": gettext_lazy("On time, with at most one day of purchase"),
    "growth": gettext_lazy("On time, with two or three days of purchase"),
    "mature": gettext_lazy("On time, with four days of purchase or more"),
    "decline": gettext_lazy("Later than the rhythm explains"),
    "dormant": gettext_lazy("Quiet for twice as long as that"),
    "lost": gettext_lazy("Quiet for four times as long as that"),
}


@dataclass(frozen=True, slots=True)
class Template:
    """A rule to begin with."""

    code: str
    name: Any
    note: Any
    rule: Rule


TEMPLATES = [
    Template(
        "new",
        gettext_lazy("New members"),
        gettext_lazy("Joined in the last 30 days. Time to bring them to a first or second order."),
        {"all": [{"fact": "joined", "op": "at_most", "value": 30}]},
    ),
    Template(
        "at-risk",
        gettext_lazy("At risk of leaving"),
        gettext_lazy("Bought by a rhythm of their own and are late now. The best moment for a reminder."),
        {
            "all": [
                {"fact": "lifecycle", "op": "is_in", "value": ["decline"]},
                {"fact": "active_days", "op": "at_least", "value": OWN_DAYS},
            ]
        },
    ),
    Template(
        "dormant",
        gettext_lazy("Dormant members"),
        gettext_lazy("Quiet for more than twice their usual time. They need a reason to come back."),
        {"all": [{"fact": "lifecycle", "op": "is_in", "value": ["dormant"]}]},
    ),
]


def template(code: str) -> Template | None:
    """A ready-made rule; `stage-lost` is one for each stage of the lifecycle."""
    known = {each.code: each for each in TEMPLATES}
    stage = code.removeprefix("stage-")
    if code not in known and stage in STAGES:
        rule = {"all": [{"fact": "lifecycle", "op": "is_in", "value": [stage]}]}
        return Template(code, STAGE_WORDS[stage], "", rule)
    return known.get(code)


def choices(fact: str, shop: Shop, tags: list[str], own_id: str = "") -> list[tuple[str, str]]:
    """What can be chosen of a fact, with its words."""
    if fact == "lifecycle":
        return [(stage, str(STAGE_WORDS[stage])) for stage in STAGES]
    if fact == "tier":
        return [(code, str(tier)) for code, tier in shop.tiers.items()]
    if fact == "channel":
        return [(value, str(label)) for value, label in Channel.choices]
    if fact == "store":
        return [(key, store.name) for key, store in shop.stores.items()]
    if fact == "benefit":
        return list(shop.benefits.items())
    if fact == "birth_month":
        return [(str(month), dt.date(2024, month, 1).strftime("%m")) for month in range(1, 13)]
    if fact == "segment":
        return [(key, each.name) for key, each in shop.segments.items() if key != own_id]
    return [(name, name) for name in tags]


def lines(rule: Rule, shop: Shop, depth: int = 0) -> list[tuple[int, str]]:
    """A rule as a list with indents: (depth, sentence)."""
    for name in GROUPS:
        if name in rule:
            found = [(depth, str(GROUP_WORDS[name]))]
            for part in rule[name]:
                found += lines(part, shop, depth + 1)
            return found
    return [(depth, condition(rule, shop))]


def condition(rule: Rule, shop: Shop) -> str:
    """One condition: "Amount spent in the last 90 days: at least ¥1,000.00"."""
    return _("%(fact)s: %(value)s") % {"fact": _fact(rule), "value": _value(rule, shop)}


def _fact(rule: Rule) -> str:
    days = rule.get("days")
    if days is None:
        return str(FACT_WORDS[rule["fact"]])
    about = {"days": points_text(days)}
    if rule["fact"] == "orders":
        text = ngettext("Orders in the last %(days)s day", "Orders in the last %(days)s days", days)
    elif rule["fact"] == "spend":
        text = ngettext(
            "Amount spent in the last %(days)s day", "Amount spent in the last %(days)s days", days
        )
    elif rule["fact"] == "store":
        text = ngettext(
            "Store ordered from in the last %(days)s day",
            "Store ordered from in the last %(days)s days",
            days,
        )
    elif rule["fact"] == "benefit":
        text = ngettext(
            "Benefit used in the last %(days)s day", "Benefit used in the last %(days)s days", days
        )
    elif rule["fact"] == "benefit_uses":
        text = ngettext(
            "Uses of benefits in the last %(days)s day", "Uses of benefits in the last %(days)s days", days
        )
    else:
        text = ngettext(
            "Points that expire within %(days)s day", "Points that expire within %(days)s days", days
        )
    return text % about


def _value(rule: Rule, shop: Shop) -> str:
    op, fact, value = rule["op"], rule["fact"], rule.get("value")
    if op == "never":
        return str(OP_WORDS["never"])
    if FACTS[fact].kind == "choice":
        words = dict(choices(fact, shop, []))
        named = ", ".join(words.get(each, each) for each in value or [])
        text = _("one of %(names)s") if op == "is_in" else _("none of %(names)s")
        return text % {"names": named}
    if op == "between":
        low, high = (_amount(fact, each, shop) for each in value or [0, 0])
        return _("from %(low)s to %(high)s") % {"low": low, "high": high}
    texts = {
        "at_least": _("at least %(value)s"),
        "at_most": _("at most %(value)s"),
        "from": _("on or after %(value)s"),
        "before": _("before %(value)s"),
    }
    return texts[op] % {"value": _amount(fact, value, shop)}


def _amount(fact: str, value: Any, shop: Shop) -> str:
    if FACTS[fact].kind == "money":
        return money_text(value, shop.merchant.currency)
    return str(value) if FACTS[fact].kind == "date" else points_text(value)
