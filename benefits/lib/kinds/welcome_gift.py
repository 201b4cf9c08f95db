"""A gift for joining, or for reaching a tier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
from benefits.lib.kinds.parts.goods import GoodsKind


class WelcomeGiftKind(GoodsKind):
    """A gift for joining, or for reaching a tier."""

    code = "welcome_gift"
    label = _("Welcome gift")
    group = "welcome"
    place = 10
    occasion = "join"
    names = ("gift", "value_minor", "points")

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("A gift to welcome you.")
        return gettext("Welcome! For you: %(gives)s.") % {"gives": show.gives}
