"""The pages of members in the console's menu: one line a page, read once at start."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from members.web import audit, gates, own_check_in, own_home, own_sections
from members.web.menu import register as add


def register() -> None:
    """Add the pages to their groups, and the parts of members' own page; `order` leaves room for upper apps."""
    add("members", label=_("Members"), route="members:members_list", order=20, roles=gates.READERS)
    add("members", label=_("Tier flow"), route="members:tierflow_page", order=40, roles=gates.READERS)
    add("members", label=_("Segments"), route="members:segments_list", order=30, roles=gates.READERS)
    add("program", label=_("Program"), route="members:program_page", order=5, roles=gates.READERS)
    add("program", label=_("Tiers"), route="members:tiers_edit", order=10, roles=gates.READERS)
    add("program", label=_("Point rules"), route="members:points_edit", order=20, roles=gates.READERS)
    add("program", label=_("Points ledger"), route="members:ledger_list", order=30, roles=gates.READERS)
    add("program", label=_("Books"), route="members:books_page", order=35, roles=gates.READERS)
    add("settings", label=_("Shop and stores"), route="members:settings_shop", order=10, roles=gates.READERS)
    add("settings", label=_("Staff"), route="members:staff_list", order=20, roles=gates.MANAGERS)
    add("settings", label=_("API keys"), route="members:api_keys_list", order=30, roles=gates.MANAGERS)
    add("settings", label=_("Webhooks"), route="members:webhooks_list", order=35, roles=gates.MANAGERS)
    add(
        "settings",
        label=_("Imports"),
        route="members:order_imports_list",
        order=40,
        roles=gates.READERS,
    )
    add("settings", label=_("Exports"), route="members:exports_list", order=45, roles=gates.READERS)
    add("settings", label=_("Audit log"), route="members:audit_list", order=50, roles=audit.READERS)
    add(
        "settings", label=_("Name and language"), route="members:profile_edit", order=60, roles=gates.EVERYONE
    )
    own_sections.register(own_home.tier_card, order=10)
    own_sections.register(own_home.points_card, order=20)
    own_sections.register(own_check_in.check_in_card, order=25)
