"""The pages of benefits in the console's menu, and their actions in the words of the audit log."""

from __future__ import annotations

import datetime as dt

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from benefits.lib.coverage import EVERYONE
from benefits.lib.kinds import KINDS
from benefits.models import BenefitStatus
from benefits.selectors import audiences
from benefits.web import words
from members.web import audit_words, gates, tier_simulation
from members.web.menu import register as add


def _by_tier(merchant_id: int, at: dt.datetime) -> list[tuple[str, str, list[str]]]:
    """The benefits of certain tiers with their pages, for the simulator of tiers."""
    found = audiences.by_tier(merchant_id, at)
    return [(name, reverse("benefits:benefits_detail", args=[key]), codes) for name, key, codes in found]


def register() -> None:
    """Add the pages to their group, name what the audit log shows, and tell the simulator of tiers of benefits."""
    tier_simulation.register(_by_tier)
    for order, label, route in (
        (10, _("All benefits"), "benefits:benefits_list"),
        (30, _("Member prices"), "benefits:prices_list"),
        (40, _("Coupons"), "benefits:coupons_list"),
        (50, _("Draws"), "benefits:draws_list"),
    ):
        add("benefits", label=label, route=route, order=order, roles=gates.READERS)
    audit_words.register(
        actions={
            "prices.changed": _("Prices changed"),
            "prices.undone": _("Change of prices taken back"),
            "benefit.published": _("Benefit published"),
            "benefit.changed": _("Benefit changed"),
            "benefit.paused": _("Benefit paused"),
            "benefit.resumed": _("Benefit resumed"),
            "benefit.ended": _("Benefit ended"),
            "benefit.stock_set": _("Stock of a benefit changed"),
            "benefit.audience_turned": _("Audience of a benefit changed"),
            "benefit.draft_saved": _("Draft of a benefit saved"),
            "benefit.draft_discarded": _("Draft of a benefit deleted"),
        },
        topics={"benefit": _("Benefits"), "price_change": _("Changes of prices")},
        fields={
            "from": words.FIELDS["from_at"],
            "to": words.FIELDS["to_at"],
            "settings": words.FIELDS["settings"],
            "audience": words.FIELDS["audience"],
            "stock": words.FIELDS["stock"],
            "tiers": _("Tiers"),
            "off_minor": _("Amount off in minor units"),
            "off_percent": _("Share off in per cent"),
            "at_least_minor": _("Orders from, in minor units"),
            "max_off_minor": _("At most, in minor units"),
            "percent": _("Per cent of the price"),
            "fixed_minor": _("Price in minor units"),
            "price_minor": _("Price in minor units"),
            "value_minor": _("Market value in minor units"),
            "prizes": _("Prizes"),
            "count": _("Pieces"),
            "terms": _("Rules and how prizes are claimed"),
            "list": _("Price list"),
            "lower": _("Prices below the list price"),
        },
        values={
            "benefit.status": dict(BenefitStatus.choices),
            "benefit.kind": {code: kind.label for code, kind in KINDS.items()},
            "benefit.audience": {EVERYONE: _("All members")},
        },
    )
