"""The pages of benefits in the console's menu, and their actions in the words of the audit log."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from members.web import audit_words, gates
from members.web.menu import register as add


def register() -> None:
    """Add the pages to their group and name what the audit log shows."""
    for order, label, route in (
        (10, _("All benefits"), "benefits:benefits_list"),
        (30, _("Member prices"), "benefits:prices_list"),
        (40, _("Coupons"), "benefits:coupons_list"),
        (50, _("Draws"), "benefits:draws_list"),
    ):
        add("benefits", label=label, route=route, order=order, roles=gates.READERS)
    audit_words.register(
        actions={
            "benefit.published": _("Benefit published"),
            "benefit.changed": _("Benefit changed"),
            "benefit.paused": _("Benefit paused"),
            "benefit.resumed": _("Benefit resumed"),
            "benefit.ended": _("Benefit ended"),
            "benefit.stock_set": _("Stock of a benefit changed"),
            "benefit.audience_turned": _("Audience of a benefit changed"),
            "benefit.draft_saved": _("Draft of a benefit saved"),
            "benefit.draft_discarded": _("Draft of a benefit deleted"),
        },
        topics={"benefit": _("Benefits")},
    )
