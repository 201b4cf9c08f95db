"""What campaigns and caps made of an order's points, in whole sentences (domain.md 6: caps trim, and say so)."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _

from members.lib.bonus import Part, Priced
from members.models import Merchant
from members.selectors.member_entries import Why
from members.templatetags.fmt import money_text
from members.templatetags.fmt import points as points_text


def decimal_text(value: Decimal) -> str:
    """1.20 -> 1.2; never an exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def priced(why: Why, found: Priced, merchant: Merchant) -> list[str]:
    """The sum of an order that campaigns or caps concern."""
    assert why.terms is not None
    product = _(
        "%(amount)s × %(rate)s points per currency unit × %(multiplier)s for tier %(tier)s = %(exact)s points."
    )
    values = {
        "amount": money_text(why.amount_minor, merchant.currency),
        "rate": decimal_text(why.terms.per_major),
        "tier": str(why.tier) if why.tier else "--",
        "multiplier": decimal_text(why.terms.multiplier),
        "exact": decimal_text(found.exact),
    }
    return [product % values, *sums(found)]


def sums(found: Priced) -> list[str]:
    """What each campaign gave, the sum with its one floor, and what caps trimmed."""
    sentences = [sentence for part in found.parts for sentence in campaign(part)]
    if found.parts or found.exact != found.before_caps:
        together = _("Together that is %(points)s points, rounded down once.")
        sentences.append(together % {"points": points_text(found.before_caps)})
    if found.order_cut:
        trimmed = _(
            "The cap per order trimmed %(cut)s of %(before)s points: an order earns at most %(points)s."
        )
        before, left = found.before_caps, found.before_caps - found.order_cut
        sentences.append(trimmed % _numbers(cut=found.order_cut, before=before, points=left))
    if found.day_cut:
        trimmed = _(
            "The cap per day trimmed %(cut)s points: earlier orders of the day left room for %(points)s."
        )
        sentences.append(trimmed % _numbers(cut=found.day_cut, points=found.points))
    return sentences


def campaign(part: Part) -> list[str]:
    """What one campaign gave, and what its limit trimmed."""
    values = {
        "campaign": part.name or part.code,
        "multiplier": decimal_text(part.multiplier),
        "extra": points_text(part.extra),
        "given": decimal_text(part.given),
        "wanted": decimal_text(part.wanted),
        "lines": ", ".join(map(str, part.lines)),
    }
    if part.extra and part.multiplier != 1:
        told = _(
            "Campaign “%(campaign)s”: × %(multiplier)s and %(extra)s extra points, on lines %(lines)s: "
            "%(given)s points more."
        )
    elif part.extra:
        told = _(
            "Campaign “%(campaign)s”: %(extra)s extra points, on lines %(lines)s: %(given)s points more."
        )
    else:
        told = _("Campaign “%(campaign)s”: × %(multiplier)s on lines %(lines)s: %(given)s points more.")
    trims = {
        "order": _(
            "Campaign “%(campaign)s” would have given %(wanted)s; its limit per order left %(given)s."
        ),
        "day": _("Campaign “%(campaign)s” would have given %(wanted)s; its limit per day left %(given)s."),
        "member": _(
            "Campaign “%(campaign)s” would have given %(wanted)s; its limit per member left %(given)s."
        ),
    }
    trimmed = trims.get(part.cut_by)
    return [told % values] if trimmed is None else [told % values, trimmed % values]


def _numbers(**values: int) -> dict[str, str]:
    return {name: points_text(value) for name, value in values.items()}
