"""Tasks, one file a topic; imported here, since Celery looks for them in this package."""

from members.tasks import order_imports, outbox, point_imports, webhooks

__all__ = ["order_imports", "outbox", "point_imports", "webhooks"]
