"""Publishing a policy of the price guard: always a new version, never an edit (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib.price_guard import KINDS, GuardRules
from benefits.models import GuardLevel, GuardPolicy
from benefits.selectors import price_guard
from members.lib.refusals import Invalid
from members.services import audit
from members.services.audit import Actor

LOCK = 0x67756172  # one publication at a time, so that numbers follow each other
SETTINGS = tuple(name for name in GuardRules.__slots__ if name != "number")
RANGES = {"far_percent": (1, 100), "few_percent": (0, 100), "days": (1, 365), "eu_days": (1, 365)}


@transaction.atomic
def publish(
    *, at: dt.datetime, effective_at: dt.datetime, actor: Actor, values: Mapping[str, Any], reason: str
) -> GuardPolicy:
    """Publish a version that takes effect at `effective_at`, now at the earliest. Works as platform.

    values: settings by name; those left out keep what is in force then. Raises Invalid: a start in the past, no reason,
    a bad value (errors by setting), nothing changed.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    if effective_at < at:
        raise Invalid.on("effective_at", _("A policy cannot start in the past: choose now or a later time."))
    if not reason.strip():
        raise Invalid.on("reason", _("Say why the rule changes."))
    base = price_guard.policy_at(effective_at)
    before = {name: getattr(base, name) for name in SETTINGS}
    after = {**before, **_checked(values)}
    names = [name for name in SETTINGS if before[name] != after[name]]
    if not names and base.number:
        raise Invalid(_("Nothing differs from the version in force then."))
    last = price_guard.policies().first()
    row = GuardPolicy.objects.create(
        number=1 if last is None else last.number + 1,
        published_at=at,
        effective_at=effective_at,
        by_id=actor.user_id,
        by_label=actor.label[:120],
        reason=reason.strip()[:500],
        **after,
    )
    audit.record_for_platform(
        at=at,
        actor=actor,
        action="guard_policy.published",
        subject=("guard_policy", row.number),
        before={name: before[name] for name in names},
        after={name: after[name] for name in names} | {"effective_at": effective_at.isoformat()},
        reason=reason.strip(),
    )
    return row


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Raises Invalid."""
    for name, value in values.items():
        if name in KINDS and value not in GuardLevel.values:
            raise Invalid.on(name, _("Choose what is done."))
        if name in RANGES:
            least, most = RANGES[name]
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                text = _("Give a whole number from %(least)s to %(most)s.") % {"least": least, "most": most}
                raise Invalid.on(name, text)
        elif name not in KINDS:
            raise Invalid(f"There is no setting {name!r}.")
    return dict(values)
