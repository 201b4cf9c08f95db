"""Forms of kinds whose settings each stand for themselves: made from the kind's own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from benefits.lib.kinds import KINDS, LIMITS
from benefits.lib.kinds.base import Kind
from benefits.web.base_forms import BenefitForm, LimitedForm
from benefits.web.fields import CountField, MoneyField
from benefits.web.setting_words import LABELS, MOST, TEXTS

LONGEST = 80
SHARED = ("from_at", "to_at", "audience", "tiers", "plans", "segments")


class _Plain:
    """The settings of one kind, a field each."""

    names: tuple[str, ...] = ()

    def settings(self) -> dict[str, Any]:
        """What was filled in, with the limits of a kind that has codes."""
        values = self.cleaned_data  # type: ignore[attr-defined]
        found = {name: values[name] for name in self.names if values[name] not in (None, "")}
        return found | (self.limits() if isinstance(self, LimitedForm) else {})

    def plain_fields(self) -> list[forms.BoundField]:
        """For the page."""
        return [self[name] for name in self.names]  # type: ignore[index]

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """As they are; what a kind calls `per_month` stands in the field of that limit."""
        return {"per_member_month": settings.get("per_month"), **settings}


def _field(kind: Kind, name: str) -> forms.Field:
    label, text = LABELS[name]
    shared: dict[str, Any] = {"label": label, "help_text": text, "required": name in kind.asked}
    if name in TEXTS:
        return forms.CharField(max_length=LONGEST, **shared)
    if name.endswith("_minor"):
        return MoneyField(**shared)
    return CountField(most=MOST[name], least=1, **shared)


def plain_form(code: str) -> type[BenefitForm]:
    """The form of a kind: all its settings, what it asks for required (`Kind.asked`)."""
    kind = KINDS[code]
    base = LimitedForm if kind.is_redeemed else BenefitForm
    limits = ("stock", *LIMITS) if kind.is_redeemed else ()
    names = tuple(name for name in kind.names if name in LABELS)
    members: dict[str, Any] = {
        "kind": code,
        "names": names,
        "field_order": ("name", *names, *limits, *SHARED),
        "__module__": __name__,
        "__doc__": f"What {code} is asked for.",
        **{name: _field(kind, name) for name in names},
    }
    if not kind.is_redeemed:  # nothing is taken from a stock
        members["stock"] = None
    return type(f"{code.title().replace('_', '')}Form", (_Plain, base), members)


# Kinds whose settings the rest of the product does not yet act on are not offered: a promise of ours must hold.
PLAIN = (
    "free_shipping", "trial", "priority_shipping", "dedicated_service", "freshness_guarantee", "free_returns",
    "fast_refund", "partner_benefit", "subscription_box", "event_access", "exclusive_product", "early_access",
    "community_access",
)  # fmt: skip
PLAIN_FORMS = {code: plain_form(code) for code in PLAIN}
