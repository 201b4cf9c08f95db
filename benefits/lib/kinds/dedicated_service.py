"""A contact of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import Kind, Show


class DedicatedServiceKind(Kind):
    """A contact of their own."""

    code = "dedicated_service"
    label = _("Dedicated service")
    group = "service"
    place = 20
    text = _("Somebody of their own whom members can ask.")
    names = ("contact",)
    asked = ("contact",)

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        if not show.gives:
            return gettext("Somebody of your own whom you can ask.")
        return gettext("Ask us at any time: %(gives)s.") % {"gives": show.gives}
