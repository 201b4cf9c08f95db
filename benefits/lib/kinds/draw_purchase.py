"""A draw for the right to buy 抽签购."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.parts.draw import DrawKind


class DrawPurchaseKind(DrawKind):
    """A draw for the right to buy 抽签购."""

    code = "draw_purchase"
    place = 20
    label = _("Draw to purchase")
    text = _("Members draw for the right to buy something scarce.")
