"""The benefits app."""

from django.apps import AppConfig


class BenefitsConfig(AppConfig):
    """benefits."""

    name = "benefits"
    default_auto_field = "django.db.models.BigAutoField"
