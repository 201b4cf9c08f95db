"""The compliance app."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """compliance."""

    name = "compliance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the app's pages into the menu; programs open and close by the service that knows of clearances."""
        from benefits.selectors import paper_rules
        from compliance.selectors import policies
        from compliance.services import life
        from compliance.web import pages
        from members.services import program_settings

        pages.register()
        paper_rules.register(policies.refused_doubts)
        program_settings.use_life(opener=life.open_program, closer=life.close_program)
