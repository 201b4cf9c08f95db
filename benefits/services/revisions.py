"""Writing the history of benefits: each change of a row with its revision, its audit row and what follows from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from benefits.lib import coverage as rule
from benefits.models import Benefit, BenefitRevision
from benefits.selectors.coverage import as_rule, revisions_by_benefit
from benefits.services import coverage
from benefits.services.arguments import Checked
from members.services import audit
from members.services.audit import Actor


def revise(
    benefit: Benefit,
    at: dt.datetime,
    actor: Actor,
    action: rule.Action,
    name: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    reason: str = "",
) -> Benefit:
    """Save a changed row with its next revision, audit what differs and refresh coverage.

    The caller holds the coverage lock. `at` never lies before the newest revision.
    """
    at = max(at, benefit.revision_at or at)
    benefit.revision += 1
    benefit.revision_at = at
    benefit.save()
    write_revision(benefit, at, actor, action, reason)
    changed = {key for key in after if after[key] != before[key]}
    audit_row(benefit, at, actor, name, _only(before, changed), _only(after, changed), reason)
    coverage.refresh(merchant_id=benefit.merchant_id, at=at)
    return benefit


def _only(values: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key in names}


def write_revision(benefit: Benefit, at: dt.datetime, actor: Actor, action: rule.Action, reason: str) -> None:
    """Write the revision of a benefit just saved, and whether it configures the benefit."""
    row = BenefitRevision(
        merchant_id=benefit.merchant_id,
        benefit_id=benefit.pk,
        number=benefit.revision,
        at=at,
        action=action.value,
        actor_label=actor.label[:120],
        reason=reason[:500],
        doubts=benefit.doubts,
        measured=benefit.measured,
        **{name: getattr(benefit, name) for name in Checked.__slots__},
    )
    history = revisions_by_benefit(merchant_id=benefit.merchant_id, benefit_ids=[benefit.pk])
    configured = rule.benefit_coverage([*history.get(benefit.pk, []), as_rule(row)])
    row.configures = action in (rule.Action.PUBLISH, rule.Action.CHANGE) and any(
        each.at == row.at for kind in configured for each in kind.configured
    )
    row.save(force_insert=True)


def audit_row(
    benefit: Benefit,
    at: dt.datetime,
    actor: Actor,
    action: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    reason: str,
) -> None:
    """Write the audit row of a change of a benefit."""
    audit.record(
        merchant_id=benefit.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("benefit", benefit.public_id),
        label=benefit.name,
        before=before,
        after=after,
        reason=reason,
    )
