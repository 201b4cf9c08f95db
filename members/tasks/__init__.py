"""Tasks, one file a topic; imported here, since Celery looks for them in this package."""

from members.tasks import facts, imports, outbox, webhooks

__all__ = ["facts", "imports", "outbox", "webhooks"]
