"""The platform's admin: Django's own, signed in to through the same door as everyone, second factor required."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class LiushuiAdminConfig(AdminConfig):
    """Django's admin with our site."""

    default_site = "compliance.admin.site.PlatformSite"
