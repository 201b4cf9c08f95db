"""What the price guard found, in sentences with the numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from benefits.lib.price_guard import Basis, share_text
from members.templatetags.fmt import money_text
from members.templatetags.fmt import points as points_text


def _local(text: str) -> str:
    return f"{timezone.localtime(dt.datetime.fromisoformat(text)):%Y-%m-%d %H:%M}"


def sentence(
    kind: str, sku: str, numbers: Mapping[str, Any], currency: str, tiers: Mapping[str, str] | None = None
) -> str:
    """A finding as a sentence: what, with which numbers, and what helps."""
    money = {
        name: money_text(value, currency)
        for name, value in numbers.items()
        if name in ("price", "others", "reference", "struck", "basis", "floor") and isinstance(value, int)
    }
    if kind == "bait":
        return _(
            "%(sku)s costs %(price)s, less than %(percent)s %% of the %(others)s of its product's other SKUs, and none "
            "is in stock. Add stock, or take the price away."
        ) % {"sku": sku, "percent": numbers["percent"], **money}
    if kind == "conditions":
        return _conditions(sku, numbers, money, tiers or {})
    if kind == "comparison":
        return _comparison(sku, numbers, money)
    return _("%(sku)s: %(who)s of %(price)s lies under the floor of %(floor)s, which is what is paid.") % {
        "sku": sku,
        "who": _who(str(numbers["who"]), tiers or {}),
        **money,
    }


def _who(who: str, tiers: Mapping[str, str]) -> str:
    """Whose price it is."""
    if who.startswith("tier:"):
        code = who.removeprefix("tier:")
        return _("the %(tier)s price") % {"tier": tiers.get(code, code)} if code else _("the member price")
    if who.startswith("plan:"):
        return _("the price of the plan %(plan)s") % {"plan": who.removeprefix("plan:")}
    return {"sale": _("the sale price"), "list": _("the list price"), "fan": _("the fan price")}[who]


def _conditions(
    sku: str, numbers: Mapping[str, Any], money: Mapping[str, str], tiers: Mapping[str, str]
) -> str:
    members = int(numbers["members"])
    text = ngettext(
        "%(sku)s: the price of %(price)s beside %(reference)s is for %(tiers)s alone: %(n)s member of %(all)s "
        "(%(share)s %%) can have it. Open it to more tiers, or raise it.",
        "%(sku)s: the price of %(price)s beside %(reference)s is for %(tiers)s alone: %(n)s members of %(all)s "
        "(%(share)s %%) can have it. Open it to more tiers, or raise it.",
        members,
    )
    return text % {
        "sku": sku,
        "tiers": ", ".join(tiers.get(code, code) for code in numbers["tiers"]),
        "n": points_text(members),
        "all": points_text(numbers["all"]),
        "share": share_text(members, int(numbers["all"])),
        **money,
    }


def _comparison(sku: str, numbers: Mapping[str, Any], money: Mapping[str, str]) -> str:
    return _(
        "%(sku)s: %(struck)s stands struck through, but everybody could buy it at %(basis)s in the %(days)s days "
        "before the reduction of %(since)s began. Lower the list price to that, or end the reduction."
    ) % {"sku": sku, "days": numbers["days"], "since": _local(str(numbers["since"])), **money}


def basis(found: Basis, currency: str) -> str:
    """The stated basis of a struck-through price."""
    values = {
        "struck": money_text(found.struck_minor, currency),
        "days": found.days,
        "since": f"{timezone.localtime(found.begins_at):%Y-%m-%d %H:%M}",
    }
    if found.basis_minor is None:
        return (
            _(
                "%(struck)s struck through: the list price. The SKU had no price in the %(days)s days before "
                "%(since)s, when the reduction began."
            )
            % values
        )
    return _(
        "%(struck)s struck through; the lowest price of everybody in the %(days)s days before %(since)s, when the "
        "reduction began: %(basis)s."
    ) % {**values, "basis": money_text(found.basis_minor, currency)}
