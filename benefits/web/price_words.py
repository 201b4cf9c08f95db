"""A receipt in words. Its codes are English in the API and the play, and stay so; people read these sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from benefits.lib import baskets, offers
from benefits.lib.codes import shown
from benefits.lib.quotes import OWN_FAN_PRICE, Tried
from members.templatetags.fmt import money_text

LAYERS = {
    "sale": gettext_lazy("Sale price"),
    "member": gettext_lazy("Member price"),
    "fan": gettext_lazy("Fan price"),
    "plan": gettext_lazy("Plan price"),
    "spend_and_save": gettext_lazy("Spend and save"),
    "coupon": gettext_lazy("Coupon or discount"),
    "points": gettext_lazy("Points"),
    "shipping": gettext_lazy("Free shipping"),
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
    "the plan price is not higher": gettext_lazy("The plan price is as low or lower."),
    "the largest reward reached": gettext_lazy("It is the largest reward that the basket reaches."),
    "the floors leave no more to give": gettext_lazy(
        "It is the largest reward; the floors leave no more to give."
    ),
    "another reward gives as much or more": gettext_lazy("Another reward gives as much or more."),
    baskets.NOT_REACHED: gettext_lazy("The basket does not reach it."),
    baskets.MOST: gettext_lazy("It takes off the most."),
    baskets.MOST_LEFT: gettext_lazy("It takes off the most; the floors leave no more to give."),
    baskets.BEATEN: gettext_lazy("Another one takes off as much or more; only one counts."),
    baskets.NO_ROOM: gettext_lazy("Nothing is left that it could take off."),
    baskets.OTHER_ASKED: gettext_lazy("Another coupon was chosen."),
    baskets.FEW_POINTS: gettext_lazy("There are too few points for it."),
    baskets.NO_OFFSET: gettext_lazy("No benefit lets members pay with points."),
    OWN_FAN_PRICE: gettext_lazy("The SKU has a fan price of its own in the price table, which counts."),
    offers.NOT_OPEN: gettext_lazy("The program was not open."),
    offers.NOT_BEGUN: gettext_lazy("It has not begun yet."),
    offers.PAUSED: gettext_lazy("The benefit is paused."),
    offers.ENDED: gettext_lazy("The benefit has ended."),
    offers.NO_STOCK: gettext_lazy("None is left of this benefit."),
    offers.MEMBERS_ONLY: gettext_lazy("It is for members."),
    offers.OTHERS: gettext_lazy("It is for other members."),
    offers.ELSEWHERE: gettext_lazy("It is for other channels, stores or scenes."),
    offers.SEGMENTS: gettext_lazy(
        "It is for segments: who was in one at an instant is not known later, so prices do not follow it."
    ),
    offers.REVOKED: gettext_lazy("The code was taken back."),
    offers.USED: gettext_lazy("The code is used up."),
    offers.EXPIRED: gettext_lazy("The code has expired."),
    offers.RESERVED: gettext_lazy("The code is reserved for an order."),
}


def why(tried: Tried) -> str:
    """Why a candidate won or lost, as a sentence."""
    return str(WHY.get(tried.why, tried.why))


def candidate(
    tried: Tried,
    tiers: Mapping[str, str],
    currency: str,
    names: Mapping[str, str],
    plans: Mapping[str, str],
) -> str:
    """What was tried, in words: a tier's price, a plan's, a fan price, so much off so much, a benefit by its name.
    names: of benefits by id; plans: names by code."""
    if tried.layer == "spend_and_save":
        off, _word, least = tried.candidate.partition(" off ")
        values = {"off": money_text(int(off), currency), "least": money_text(int(least), currency)}
        return _("%(off)s off from %(least)s on") % values
    if tried.layer == "member":
        sku, _space, code = tried.candidate.rpartition(" ")
        return _("%(tier)s price of %(sku)s") % {"tier": tiers.get(code, code), "sku": sku}
    if tried.layer == "plan":
        sku, _space, code = tried.candidate.rpartition(" ")
        return _("price of %(sku)s for the plan %(plan)s") % {"plan": plans.get(code, code), "sku": sku}
    if tried.benefit is None:
        return tried.candidate or "--"
    name = names.get(tried.benefit) or str(LAYERS[tried.layer])
    if tried.layer == "fan" or tried.candidate == tried.benefit:
        return name
    return _("%(name)s, code %(code)s") % {"name": name, "code": shown(tried.candidate)}


def receipt_rows(
    receipt: list[Tried],
    tiers: Mapping[str, str],
    currency: str,
    names: Mapping[str, str],
    plans: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Each candidate as the page shows it."""
    return [
        {
            "line": tried.line,
            "layer": LAYERS.get(tried.layer, tried.layer),
            "candidate": candidate(tried, tiers, currency, names, plans),
            "gives_minor": tried.gives_minor,
            "won": tried.won,
            "why": why(tried),
        }
        for tried in receipt
    ]
