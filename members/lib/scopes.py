"""What an API key may do. A key carries some of these; each API operation names the one it needs."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    """The scopes of API keys; the value is the contract (interface.md, API)."""

    PROGRAM_READ = "program:read", _("Read the program, its tiers and point rules")
    MEMBERS_READ = "members:read", _("Find and read members, their tiers")
    MEMBERS_WRITE = "members:write", _("Add and change members")
    MEMBERS_LINK = (
        "members:link",
        _("Make links to members' own pages, on which whoever holds one acts as the member"),
    )
    ORDERS_WRITE = "orders:write", _("Send orders and refunds")
    POINTS_READ = "points:read", _("Read balances and entries of points")
    POINTS_WRITE = "points:write", _("Redeem, hold and adjust points")
    BENEFITS_READ = "benefits:read", _("Read benefits, prices and coupons of members")
    BENEFITS_WRITE = "benefits:write", _("Publish and change benefits, redeem coupons")
    COMPLIANCE_READ = "compliance:read", _("Read the compliance state and its evidence")
