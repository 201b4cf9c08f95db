"""The compliance app."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """compliance."""

    name = "compliance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Programs are opened by compliance's service: it knows when a cleared one may be opened again."""
        from compliance.services import life
        from members.services import program_settings

        program_settings.use_opener(life.open_program)
