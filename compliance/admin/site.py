"""The platform's admin site."""

from __future__ import annotations

from django.contrib.admin import AdminSite


class PlatformSite(AdminSite):
    """Django's admin with our name."""
