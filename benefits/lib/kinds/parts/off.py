"""An amount or a share off an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import OFF, Kind
from benefits.lib.kinds.checks import Settings, invalid, is_number


class OffKind(Kind):
    """`off_minor` or `off_percent` off an order of at least `at_least_minor`, at most `max_off_minor`."""

    group = "price"
    is_redeemed = True
    names = OFF
    gives = OFF[:2]

    def nothing_given(self) -> str:
        return gettext("Say how much the coupon takes off.")

    def check_own(self, settings: Settings, currency: str) -> None:
        off = settings.get("off_minor")
        share = settings.get("off_percent")
        if off is not None and share is not None:
            raise invalid("off_percent", _("Give an amount off or a share off, not both."))
        at_least = settings.get("at_least_minor")
        if isinstance(off, int) and isinstance(at_least, int) and off > at_least > 0:
            raise invalid(
                "off_minor",
                _(
                    "The coupon takes off more than the order it needs: a discount over 100 %. Lower the discount."
                ),
            )

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        return settings.get("off_minor") == 0 or is_number(settings.get("off_percent"), 0)

    def worth_minor(self, settings: Mapping[str, Any]) -> int | None:
        off = settings.get("off_minor")
        return off if off is not None else settings.get("max_off_minor")

    def saved_minor(self, settings: Mapping[str, Any]) -> int | None:
        return settings.get("off_minor")
