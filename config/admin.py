"""The platform's admin: Django's own, signed in to through the same door as everyone, second factor required."""

from __future__ import annotations

from importlib import import_module

from django.contrib.admin.apps import AdminConfig


class LiushuiAdminConfig(AdminConfig):
    """Django's admin with our site."""

    default_site = "compliance.admin.site.PlatformSite"

    def ready(self) -> None:
        """The site lives in a package whose pages register with it: were the site asked for first, importing it would
        make a second one, and the first with all its pages would be lost."""
        import_module("compliance.admin")
        super().ready()
