"""Tasks, one file a topic; imported here, since Celery looks for them in this package."""

from members.tasks import imports, outbox, webhooks

__all__ = ["imports", "outbox", "webhooks"]
