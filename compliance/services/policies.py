"""Publishing a clearance policy: always a new version, never an edit (domain.md 3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from compliance.lib import policy as rule
from compliance.lib.policy import PolicyHistory
from compliance.models import Policy
from compliance.models.policies import columns_of
from compliance.selectors import policies
from members.lib.refusals import Invalid
from members.services import audit
from members.services.audit import Actor

LOCK = 0x706F6C  # one publication at a time, so that numbers follow each other


def check_values(values: Mapping[str, Any]) -> None:
    """Raises ValueError, which names the key, for an unknown setting or a value of the wrong type or range."""
    rule.Policy().changed(values)


def changed(
    history: PolicyHistory,
    *,
    at: dt.datetime,
    effective_at: dt.datetime,
    values: Mapping[str, Any],
    early_reason: str,
) -> tuple[rule.Policy, rule.Policy]:
    """The policy in force at `effective_at`, and with some settings changed. Raises Invalid as `set_policy` does."""
    latest = max(version.effective_from for version in history.versions)
    rule.check_start(at=at, effective_at=effective_at, latest=latest, early_reason=early_reason)
    before = history.at(effective_at).policy
    try:
        after = before.changed(values)
    except ValueError as error:
        raise Invalid(str(error), errors={str(error).partition(":")[0]: str(error)}) from error
    rule.check_version(after, before, values)
    return before, after


@transaction.atomic
def set_policy(
    *,
    at: dt.datetime,
    effective_at: dt.datetime,
    actor: Actor,
    values: Mapping[str, Any],
    reason: str = "",
    early_reason: str = "",
) -> Policy:
    """Publish a version that takes effect at `effective_at`, not before one that exists. domain.md 3.

    early_reason: why it starts sooner than 7 days from now; kept, and shown to everybody who may read the version.
    values: JSON values as in play.md `policy.set`; settings left out keep what is in force at `effective_at`.
    Standings become due by the version's number, so that nothing is written per program here. Works as platform.
    Raises Invalid: a start in the past, before an existing version, or early without a reason; a bad value (with
    errors by key), such as a kind that does not exist or no warning at all.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    history = policies.history()
    before, after = changed(
        history, at=at, effective_at=effective_at, values=values, early_reason=early_reason
    )
    number = max(version.number for version in history.versions) + 1
    row = Policy.objects.create(
        number=number,
        published_at=at,
        effective_at=effective_at,
        by_id=actor.user_id,
        by_label=actor.label[:120],
        reason=reason[:500],
        early_reason=early_reason.strip()[:500] if rule.is_early(at=at, effective_at=effective_at) else "",
        **columns_of(after),
    )
    old, new = before.as_json(), after.as_json()
    names = sorted(after.changes_from(before))
    audit.record_for_platform(
        at=at,
        actor=actor,
        action="policy.published",
        subject=("policy", number),
        before={key: old[key] for key in names},
        after={key: new[key] for key in names} | {"effective_at": effective_at.isoformat()},
        reason=reason,
    )
    return row
