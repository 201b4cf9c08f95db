"""A gift on the birthday."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.parts.goods import GoodsKind


class BirthdayGiftKind(GoodsKind):
    """A gift on the birthday."""

    code = "birthday_gift"
    label = _("Birthday gift")
    group = "welcome"
    place = 20
    occasion = "birthday"
    names = ("gift", "value_minor", "points")
