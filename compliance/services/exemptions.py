"""Programs that the platform keeps out of clearance (domain.md 3, rule 3)."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from compliance.lib.calendar import PLATFORM_ZONE
from compliance.models import Exemption
from compliance.services import standing
from members.lib.refusals import Conflict, Invalid
from members.services import audit, programs
from members.services.audit import Actor


@transaction.atomic
def exempt(
    *, merchant_id: int, at: dt.datetime, until_at: dt.datetime, reason: str, actor: Actor
) -> Exemption:
    """Keep a program out of clearance from now until an instant. Works as platform.

    Raises Invalid when the end is past or no reason is given, Conflict when it is exempt already.
    """
    reason = reason.strip()
    if until_at <= at:
        problem = _("An exemption ends after it begins.")
        raise Invalid(problem, errors={"until_at": problem})
    if not reason:
        problem = _("Say why the program is exempt.")
        raise Invalid(problem, errors={"reason": problem})
    programs.lock_for_close(merchant_id=merchant_id)
    standing_one = _standing_one(merchant_id)
    if standing_one is not None and standing_one.until_at > at:
        raise Conflict(_("The program is exempt already."))
    if standing_one is not None:
        standing_one.ended_at = standing_one.until_at
        standing_one.save(update_fields=["ended_at"])
    made = Exemption.objects.create(
        merchant_id=merchant_id, from_at=at, until_at=until_at, reason=reason[:500], by_id=actor.user_id
    )
    _record(made, at, actor, "program.exempted", {"until_at": _day_and_time(until_at)})
    standing.mark_due(merchant_id=merchant_id, at=at)
    return made


@transaction.atomic
def lift(*, merchant_id: int, at: dt.datetime, actor: Actor) -> Exemption | None:
    """End a program's exemption now; None when it has none. Works as platform."""
    programs.lock_for_close(merchant_id=merchant_id)
    found = _standing_one(merchant_id)
    if found is None or found.until_at <= at:
        return None
    found.ended_at = at
    found.save(update_fields=["ended_at"])
    _record(found, at, actor, "program.exemption_lifted", {})
    standing.mark_due(merchant_id=merchant_id, at=at)
    return found


@transaction.atomic
def is_exempt(*, merchant_id: int, at: dt.datetime) -> bool:
    """Whether a program is exempt at an instant."""
    found = Exemption.objects.of(merchant_id).filter(ended_at=None).first()
    return found is not None and found.until_at > at


def _day_and_time(at: dt.datetime) -> str:
    return at.astimezone(PLATFORM_ZONE).isoformat(sep=" ", timespec="minutes")


def _standing_one(merchant_id: int) -> Exemption | None:
    return Exemption.objects.of(merchant_id).select_for_update().filter(ended_at=None).first()


def _record(row: Exemption, at: dt.datetime, actor: Actor, action: str, after: dict[str, str]) -> None:
    audit.record(
        merchant_id=row.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("program", row.merchant.slug),
        label=row.merchant.name,
        after=after,
        reason=row.reason,
    )
