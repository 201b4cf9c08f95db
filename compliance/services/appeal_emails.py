"""E-mails about an appeal to the shop's owners and managers, through the outbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from compliance.models import Appeal
from compliance.selectors import notices
from members.services import mail

TEMPLATES = "compliance/appeals/email"


def tell(*, appeal: Appeal, template: str, key: str, at: dt.datetime, context: Mapping[str, Any]) -> None:
    """Have every owner and manager told, each once for a `key`; `template` is "message" or "decided"."""
    for user_id, email in notices.receivers(merchant_id=appeal.merchant_id):
        mail.leave_email(
            merchant_id=appeal.merchant_id,
            key=f"appeal:{template}:{key}:{user_id}",
            to=email,
            template=f"{TEMPLATES}/{template}",
            context={"reference": appeal.public_id, **context},
            at=at,
        )
