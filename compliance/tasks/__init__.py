"""Tasks, one file a topic; imported here, since Celery looks for them in this package."""

from compliance.tasks import clearance

__all__ = ["clearance"]
