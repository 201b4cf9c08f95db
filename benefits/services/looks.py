"""Looks at what is shown masked: each is logged, and one person takes so many an hour alone (domain.md 11)."""

from __future__ import annotations

import datetime as dt

from django.utils.functional import Promise

from members.lib.refusals import Refusal
from members.models import AuditRow
from members.services.audit import Actor

AN_HOUR = 200


class TooManyLooks(Refusal):
    """A person looked at more of what is masked in an hour than their work needs."""

    slug = "too-many-requests"


def check(*, merchant_id: int, at: dt.datetime, actor: Actor, action: str, text: Promise | str) -> None:
    """Refuse one more look of a person who took as many within an hour as one may. action: as the audit log names it;
    text: what is said then, with a place for their number. Raises TooManyLooks."""
    looks = AuditRow.objects.of(merchant_id).filter(
        action=action, at__gt=at - dt.timedelta(hours=1), actor_kind=actor.kind, actor_id=actor.user_id
    )
    if looks.count() >= AN_HOUR:
        raise TooManyLooks(text % {"n": AN_HOUR})
