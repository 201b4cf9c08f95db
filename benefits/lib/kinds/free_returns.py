"""Returns whose freight the shop pays 退货包运费."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Show
from benefits.lib.kinds.parts.goods import CappedKind


class FreeReturnsKind(CappedKind):
    """Returns whose freight the shop pays 退货包运费."""

    code = "free_returns"
    label = _("Free returns")
    group = "service"
    place = 40
    text = _("You pay the freight when members send something back.")
    names = ("per_month", "cap_minor")
    usual: ClassVar = {"cap_minor": 2_500}  # domain.md 8

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("We pay the freight of your returns.")
        return gettext("We pay the freight of your returns: %(gives)s.") % {"gives": show.gives}
