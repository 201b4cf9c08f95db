"""A receipt in words. Its codes are English in the API and the play, and stay so; people read these sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from benefits.lib.quotes import Tried
from members.templatetags.fmt import money_text

LAYERS = {
    "sale": gettext_lazy("Sale price"),
    "member": gettext_lazy("Member price"),
    "fan": gettext_lazy("Fan price"),
    "spend_and_save": gettext_lazy("Spend and save"),
}
STACKS = {
    "on_sale_price": gettext_lazy("A member price is taken from the sale price."),
    "best_of": gettext_lazy(
        "A member price is taken from the list price; the lower of it and the sale price counts."
    ),
    "not_on_sale": gettext_lazy("While a sale runs, member prices rest."),
}
WHY = {
    "the sale price": gettext_lazy("The sale price is below the list price."),
    "the floor": gettext_lazy("The floor leaves nothing of the sale price."),
    "not below the list price": gettext_lazy("The sale price is not below the list price."),
    "the lowest price": gettext_lazy("It is the lowest price that this buyer can have."),
    "member prices rest while a sale runs": gettext_lazy("Member prices rest while a sale runs."),
    "not below what everybody pays": gettext_lazy("It is not below what everybody pays."),
    "the member price is not higher": gettext_lazy("The member price is as low or lower."),
    "the fan price is not higher": gettext_lazy("The fan price is as low or lower."),
    "the largest reward reached": gettext_lazy("It is the largest reward that the basket reaches."),
    "the floors leave no more to give": gettext_lazy(
        "It is the largest reward; the floors leave no more to give."
    ),
    "another reward gives as much or more": gettext_lazy("Another reward gives as much or more."),
    "the basket does not reach it": gettext_lazy("The basket does not reach it."),
}


def why(tried: Tried) -> str:
    """Why a candidate won or lost, as a sentence."""
    return str(WHY.get(tried.why, tried.why))


def candidate(tried: Tried, tiers: Mapping[str, str], currency: str) -> str:
    """What was tried, in words: a tier's price, a fan price, so much off so much."""
    if tried.layer == "spend_and_save":
        off, _word, least = tried.candidate.partition(" off ")
        values = {"off": money_text(int(off), currency), "least": money_text(int(least), currency)}
        return _("%(off)s off from %(least)s on") % values
    if tried.layer == "member":
        sku, _space, code = tried.candidate.rpartition(" ")
        return _("%(tier)s price of %(sku)s") % {"tier": tiers.get(code, code), "sku": sku}
    return tried.candidate


def receipt_rows(receipt: list[Tried], tiers: Mapping[str, str], currency: str) -> list[dict[str, Any]]:
    """Each candidate as the page shows it."""
    return [
        {
            "line": tried.line,
            "layer": LAYERS.get(tried.layer, tried.layer),
            "candidate": candidate(tried, tiers, currency),
            "gives_minor": tried.gives_minor,
            "won": tried.won,
            "why": why(tried),
        }
        for tried in receipt
    ]
