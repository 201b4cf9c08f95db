"""The platform's beginning: its instant and its first policy version."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance.lib.policy import PLATFORM_POLICY, Policy
from compliance.models import Policy as PolicyRow
from compliance.models.policies import columns_of
from compliance.services import grade_policies
from members.models import Installation


@transaction.atomic
def install(*, at: dt.datetime, scripted: bool = False) -> Installation:
    """Record that the platform begins at `at`, with the platform's first policy (in a play: with play.md's).

    Idempotent: what was installed before stays. Runs before the installation do not exist. Works as platform.
    """
    Installation.objects.bulk_create([Installation(id=1, installed_at=at)], ignore_conflicts=True)
    installation = Installation.objects.get(id=1)
    if not PolicyRow.objects.exists():
        first = Policy() if scripted else PLATFORM_POLICY
        begin = installation.installed_at
        PolicyRow.objects.bulk_create(
            [PolicyRow(number=1, published_at=begin, effective_at=begin, **columns_of(first))],
            ignore_conflicts=True,
        )
    grade_policies.install(at=installation.installed_at)
    return installation
