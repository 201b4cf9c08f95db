"""A gift for joining, or for reaching a tier."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.parts.goods import GoodsKind


class WelcomeGiftKind(GoodsKind):
    """A gift for joining, or for reaching a tier."""

    code = "welcome_gift"
    label = _("Welcome gift")
    group = "welcome"
    place = 10
    occasion = "join"
    names = ("gift", "value_minor", "points")
