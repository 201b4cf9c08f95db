"""Tasks, one file a topic; imported here, since Celery looks for them in this package."""

from benefits.tasks import campaigns, draws, effects

__all__ = ["campaigns", "draws", "effects"]
