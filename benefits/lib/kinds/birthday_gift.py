"""A gift on the birthday."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
from benefits.lib.kinds.parts.goods import GoodsKind


class BirthdayGiftKind(GoodsKind):
    """A gift on the birthday."""

    code = "birthday_gift"
    label = _("Birthday gift")
    group = "welcome"
    place = 20
    occasion = "birthday"
    names = ("gift", "value_minor", "points")

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("A gift on your birthday.")
        return gettext("For your birthday: %(gives)s.") % {"gives": show.gives}
