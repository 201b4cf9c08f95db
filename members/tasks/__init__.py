"""Tasks, one file a topic; imported here, since Celery looks for them in this package."""

from members.tasks import outbox

__all__ = ["outbox"]
