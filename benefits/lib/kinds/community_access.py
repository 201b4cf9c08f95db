"""A group of members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind, Show


class CommunityAccessKind(Kind):
    """A group of members."""

    code = "community_access"
    label = _("Community access")
    group = "social"
    place = 10
    text = _("A group that only members get into.")
    names = ("group",)
    asked = ("group",)

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("A group that only members get into.")
        return gettext("Our members meet here: %(gives)s.") % {"gives": show.gives}
