"""What had its time goes, once a day: answers kept for repeated requests, messages sent, files of imports.

It is the beat's alone: plays and replays tell other days than the real one, and files are real.
"""

from __future__ import annotations

import datetime as dt

from benefits.services import pool_uploads, price_changes, price_uploads
from compliance.services import appeal_files, appeal_threads, reviews
from members.services import idempotency, outbox, sessions
from members.services.exports import jobs as exports
from members.services.imports import leftovers


def tidy(*, at: dt.datetime) -> dict[str, int]:
    """Do it for the instant `at`; how much of each went. Works as platform, in many short transactions; idempotent."""
    return {
        "idempotency": idempotency.forget_old(at=at),
        "outbox": outbox.forget_done(at=at),
        "price_changes": price_changes.forget_drafts(at=at),
        "price_uploads": price_uploads.forget_unconfirmed(at=at),
        "code_uploads": pool_uploads.forget_unconfirmed(at=at),
        "sessions": sessions.forget_expired(at=at),
        "previews": reviews.forget_previews(at=at),
        "appeal_drafts": appeal_threads.forget_old_drafts(at=at),
        "appeal_files": appeal_files.clear(at=at),
        "import_files": leftovers.clear(at=at),
        "export_files": exports.clear(at=at),
    }
