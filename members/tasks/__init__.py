"""Tasks, one file a topic; imported here, since Celery looks for them in this package."""

from members.tasks import exports, imports, outbox, webhooks

__all__ = ["exports", "imports", "outbox", "webhooks"]
