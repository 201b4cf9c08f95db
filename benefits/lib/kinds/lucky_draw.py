"""A lucky draw 抽奖."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
from benefits.lib.kinds.parts.draw import DrawKind


class LuckyDrawKind(DrawKind):
    """A lucky draw 抽奖."""

    code = "lucky_draw"
    place = 10
    label = _("Lucky draw")
    text = _("Members draw for prizes.")

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("Enter here; winners are drawn when entries close.")
        return gettext("%(gives)s. Enter here; winners are drawn when entries close.") % {"gives": show.gives}
