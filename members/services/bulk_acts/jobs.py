"""The life of an act on many members: checked, begun, stopped, taken back within three days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from members.lib import queue
from members.lib.periods import add_months, merchant_day
from members.lib.refusals import Conflict, Invalid
from members.lib.tiers import MOST_VALIDITY_MONTHS
from members.models import BulkAct, BulkKind, Member, MemberStatus, Merchant, Role, WorkState
from members.models.worked import WORKED
from members.selectors import rules as rules_selector
from members.services import audit, chunked, leases, posting, programs, tags
from members.services.audit import Actor
from members.services.chunked import UNDO_FOR as UNDO_FOR

TASK = "members.bulk_act"
MOST, LONGEST_REASON, MOST_POINTS = 200_000, 180, 1_000_000_000
CHANGED = _("What is done or to whom has changed since it was shown. Look at the result again, then confirm.")
ROLES = {
    BulkKind.TAG: frozenset({Role.OWNER, Role.MANAGER, Role.OPERATOR}),
    BulkKind.UNTAG: frozenset({Role.OWNER, Role.MANAGER, Role.OPERATOR}),
    BulkKind.TIER: frozenset({Role.OWNER, Role.MANAGER}),
    BulkKind.POINTS: frozenset({Role.OWNER, Role.MANAGER}),
}


def check(
    *, merchant: Merchant, at: dt.datetime, role: str, kind: str, given: Mapping[str, Any], reason: str
) -> dict[str, Any]:
    """The arguments of an act as they are kept. Raises Invalid, by field."""
    if kind not in BulkKind.values:
        raise Invalid.on("kind", _("Choose what is to be done."))
    if role not in ROLES[BulkKind(kind)]:
        raise Invalid.on("kind", _("Tiers and points of many members are changed by owners and managers."))
    if kind in (BulkKind.TAG, BulkKind.UNTAG):
        return {"tag": tags.name_of(str(given.get("tag") or ""))}
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Invalid.on("reason", _("Say why, in at most %(most)s characters.") % {"most": LONGEST_REASON})
    return _tier(merchant, at, given) if kind == BulkKind.TIER else _points(merchant, at, given)


def _tier(merchant: Merchant, at: dt.datetime, given: Mapping[str, Any]) -> dict[str, Any]:
    version = rules_selector.version_at(merchant_id=merchant.pk, at=at)
    codes = rules_selector.tier_codes(merchant_id=merchant.pk)
    above = [rung["tier"] for rung in version.ladder[1:]] if version else []
    tier_id = next((pk for pk in above if codes.get(pk) == given.get("tier")), None)
    if tier_id is None:
        raise Invalid.on("tier", _("Choose a tier above the lowest."))
    until, today = given.get("until"), merchant_day(at, merchant.zone)
    last = add_months(today, MOST_VALIDITY_MONTHS)
    if until is None or not today <= until <= last:
        raise Invalid.on(
            "until",
            _("The last day of the tier lies between %(first)s and %(last)s.")
            % {"first": today.isoformat(), "last": last.isoformat()},
        )
    return {"tier_id": tier_id, "tier": codes[tier_id], "until": until.isoformat()}


def _points(merchant: Merchant, at: dt.datetime, given: Mapping[str, Any]) -> dict[str, Any]:
    points = given.get("points")
    if isinstance(points, bool) or not isinstance(points, int) or not 0 < abs(points) <= MOST_POINTS:
        raise Invalid.on("points", _("Give a whole number of points, with a minus to take them."))
    version = rules_selector.version_at(merchant_id=merchant.pk, at=at)
    limit = version.adjust_limit if version else None
    if limit is not None and abs(points) > limit:
        raise Invalid.on(
            "points", _("One person alone moves at most %(limit)s points of a member.") % {"limit": limit}
        )
    return {"points": points}


@transaction.atomic
def create(
    *,
    merchant: Merchant,
    at: dt.datetime,
    actor: Actor,
    role: str,
    kind: str,
    given: Mapping[str, Any],
    reason: str,
    members: QuerySet[Member],
    once: str = "",
    shown: int | None = None,
) -> BulkAct:
    """Begin an act on `members`, who are written down now. `once`: a repeated request gives the act begun before.

    `shown`: how many they were when somebody confirmed them. Raises Invalid (arguments, nobody, too many), Conflict
    (another act is on its way, `once` began another act, there are not as many as shown), ProgramNotOpen,
    ProgramCleared.
    """
    programs.lock_open(merchant_id=merchant.pk)
    arguments = check(merchant=merchant, at=at, role=role, kind=kind, given=given, reason=reason)
    acts = BulkAct.objects.of(merchant.pk)
    posting.lock_order(merchant_id=merchant.pk, key=("bulk", ""))  # one beginning of a shop at a time
    reason = reason.strip()[:LONGEST_REASON]
    if once and (known := acts.filter(public_id=once).first()):
        if (known.kind, known.arguments, known.reason) != (kind, arguments, reason):
            raise Conflict(
                _("This form has begun another act already. Look at the result again, then confirm.")
            )
        return known
    if acts.filter(state__in=WORKED).exists():
        raise Conflict(_("Another act on many members is on its way. Wait until it is done."))
    act = BulkAct(
        merchant_id=merchant.pk,
        kind=kind,
        arguments=arguments,
        reason=reason,
        by_id=actor.user_id,
        by_label=actor.label[:120],
        language=get_language() or "",
        created_at=at,
        **({"public_id": once} if once else {}),
    )
    act.save(force_insert=True)
    act.total = _write_down(act, members.filter(status=MemberStatus.ACTIVE))
    if not 0 < act.total <= MOST:
        raise Invalid(_("An act takes 1 to %(most)s members.") % {"most": MOST})
    if shown is not None and act.total != shown:
        raise Conflict(CHANGED)
    act.save(update_fields=["total"])
    record(act, at, actor, "bulk.started")
    queue.enqueue(TASK, merchant_id=merchant.pk, job_id=act.pk)
    return act


def _write_down(act: BulkAct, members: QuerySet[Member]) -> int:
    """Who is meant, in one statement; how many."""
    statement, values = members.order_by().values("pk")[: MOST + 1].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into members_bulkactmember (merchant_id, act_id, member_id, outcome, why, mark, undone) "
            f"select %s, %s, found.id, 'waiting', '', '{{}}', '' from ({statement}) found (id)",
            [act.merchant_id, act.pk, *values],
        )
        return cursor.rowcount


@transaction.atomic
def cancel(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor, role: str) -> BulkAct:
    """Stop after the chunk at hand; what is done stays and can be undone. Again is a no-op.

    Raises NotFound, Invalid (a role that may not do this kind).
    """
    act = leases.lock(BulkAct, merchant_id=merchant_id, public_id=public_id)
    _check_role(act, role)
    if chunked.stop(act, at):
        record(act, at, actor, "bulk.cancelled")
    return act


def _check_role(act: BulkAct, role: str) -> None:
    if role not in ROLES[BulkKind(act.kind)]:
        raise Invalid(_("Tiers and points of many members are changed by owners and managers."))


def undo_until(act: BulkAct) -> dt.datetime | None:
    """Until when it can be undone; None when there is nothing to undo."""
    return chunked.undo_until(act, act.changed)


def may_be_undone(act: BulkAct, at: dt.datetime) -> bool:
    """Whether an undoing may begin, or begin again."""
    return chunked.may_be_undone(act, act.changed, at)


@transaction.atomic
def undo(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor, role: str) -> BulkAct:
    """Take it back from those who are still as it left them; again is a no-op. Raises NotFound, Invalid (role),
    Conflict (too late, nothing to undo), ProgramNotOpen, ProgramCleared."""
    programs.lock_open(merchant_id=merchant_id)
    act = leases.lock(BulkAct, merchant_id=merchant_id, public_id=public_id)
    _check_role(act, role)
    if act.state in (WorkState.UNDOING, WorkState.UNDONE):
        return act
    if not may_be_undone(act, at):
        raise Conflict(_("This can no longer be undone: an act is undone within 72 hours of its end."))
    chunked.begin_undo(act, actor.label)
    record(act, at, actor, "bulk.undo_started")
    queue.enqueue(TASK, merchant_id=merchant_id, job_id=act.pk)
    return act


def record(act: BulkAct, at: dt.datetime, actor: Actor, action: str, **more: object) -> None:
    """Keep who did what with many members, in the caller's transaction."""
    facts = {name: value for name, value in act.arguments.items() if name != "tier_id"}
    audit.record(
        merchant_id=act.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("bulk", act.public_id),
        label=str(act.get_kind_display()),
        after={**facts, "members": act.total, **more},
        reason=act.reason,
    )
