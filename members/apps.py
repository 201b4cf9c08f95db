"""The members app."""

from django.apps import AppConfig
from django.core.checks import Tags, register


class MembersConfig(AppConfig):
    """members."""

    name = "members"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the app's pages into the menu, its checks into `check --deploy`, and its rules into the language."""
        from django.utils.translation import gettext

        from members.lib import words
        from members.web import demo, pages

        words.use(gettext)
        pages.register()
        register(demo.refuse_in_production, Tags.security, deploy=True)
