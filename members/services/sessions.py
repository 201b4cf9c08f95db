"""Sessions of people who signed in."""

from __future__ import annotations

import datetime as dt

from members.lib import batches


def forget_expired(*, at: dt.datetime) -> int:
    """Delete the sessions that nobody can use any more; returns how many. Works as platform."""
    return batches.delete("django_session", key=["session_key"], condition="expire_date < %s", values=[at])
