"""Tasks, one file a topic; imported here, since Celery looks for them in this package."""

from members.tasks import bulk_acts, exports, facts, gap_postings, imports, outbox, tier_lifts, webhooks

__all__ = ["bulk_acts", "exports", "facts", "gap_postings", "imports", "outbox", "tier_lifts", "webhooks"]
