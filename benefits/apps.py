"""The benefits app."""

from django.apps import AppConfig


class BenefitsConfig(AppConfig):
    """benefits."""

    name = "benefits"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the app's pages into the menu."""
        from benefits.web import pages

        pages.register()
