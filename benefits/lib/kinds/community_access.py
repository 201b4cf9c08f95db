"""A group of members."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind


class CommunityAccessKind(Kind):
    """A group of members."""

    code = "community_access"
    label = _("Community access")
    group = "social"
    place = 10
    text = _("A group that only members get into.")
    names = ("group",)
    asked = ("group",)
