"""The task that gives a benefit to many members, and takes it back."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from benefits.services import campaign_work, campaigns
from members.lib.queue import task


@task(campaigns.TASK, role="tenant")
def work_campaign(*, merchant_id: int, job_id: int, **_: Any) -> dict[str, Any]:
    """Do what is still to be done of a campaign; idempotent, one worker at a time."""
    campaign = campaign_work.work(merchant_id=merchant_id, job_id=job_id, now=timezone.now)
    return {} if campaign is None else {"state": campaign.state, "issued": campaign.issued}
