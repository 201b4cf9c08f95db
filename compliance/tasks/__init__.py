"""Tasks, one file a topic; imported here, since Celery looks for them in this package."""

from compliance.tasks import clearance, previews

__all__ = ["clearance", "previews"]
