"""A lucky draw 抽奖."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.parts.draw import DrawKind


class LuckyDrawKind(DrawKind):
    """A lucky draw 抽奖."""

    code = "lucky_draw"
    place = 10
    label = _("Lucky draw")
    text = _("Members draw for prizes.")
