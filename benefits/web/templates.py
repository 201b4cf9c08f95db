"""Ready templates: a form filled in, one press from publishing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Template:
    """A kind with entries of its form. Amounts are minor units and fit any currency as a share of each other."""

    key: str
    kind: str
    title: Promise
    text: Promise
    settings: dict[str, Any] = field(default_factory=dict)
    stock: int | None = None


TEMPLATES = (
    Template(
        "amount",
        "coupon",
        _("Member coupon: 10 off from 100"),
        _("An amount off every order from a threshold on, for all members. Two minutes."),
        {"off_minor": 1_000, "at_least_minor": 10_000},
        500,
    ),
    Template(
        "share",
        "coupon",
        _("Member coupon: 10 % off"),
        _("A share off, with a limit to what one order costs you. Two minutes."),
        {"off_percent": 10, "max_off_minor": 2_000},
        500,
    ),
    Template(
        "prices",
        "member_price",
        _("Member prices from a list"),
        _("Upload a table of SKUs and prices, look at the differences, publish."),
    ),
)


def template_of(key: str) -> Template | None:
    """The template of a key."""
    return next((each for each in TEMPLATES if each.key == key), None)
