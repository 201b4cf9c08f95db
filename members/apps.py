"""The members app."""

from django.apps import AppConfig


class MembersConfig(AppConfig):
    """members."""

    name = "members"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the app's pages into the menu."""
        from members.web import pages

        pages.register()
