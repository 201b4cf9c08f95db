"""The compliance app."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """compliance."""

    name = "compliance"
    default_auto_field = "django.db.models.BigAutoField"
