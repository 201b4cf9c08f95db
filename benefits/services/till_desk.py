"""One act on one entitlement, from lock to write: what the acts of `tills` have in common.

Few statements, because a till waits: lock program and entitlement and read all that decides, then write everything.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import gettext_lazy as _
from psycopg.types.json import Jsonb

from benefits.lib import entitlements as rule
from benefits.lib.codes import read_code
from benefits.lib.entitlements import State
from benefits.models import Benefit, Entitlement, EntitlementUse, UseAction
from benefits.selectors import entitlements as selectors
from benefits.services.till_words import UNKNOWN_CODE
from members.lib import prepared
from members.lib.fields import opaque_id
from members.lib.periods import merchant_day
from members.lib.refusals import Conflict, IdempotencyConflict, NotFound
from members.models import Member, Program
from members.services import audit, benefit_uses
from members.services.audit import Actor

OTHER_REQUEST = _("This key was used for another request. Send a new key with a new request.")
ACTED = {
    UseAction.RESERVE: "entitlement.reserved",
    UseAction.RELEASE: "entitlement.released",
    UseAction.REDEEM: "entitlement.redeemed",
    UseAction.UNDO: "entitlement.undone",
}


def _names(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)


_READ: tuple[tuple[type[models.Model], str, tuple[str, ...]], ...] = (
    (Program, "p", ("merchant_id", "status", "webhook_events")),
    (Entitlement, "e", _names(Entitlement)),
    (Member, "m", ("id", "merchant_id", "public_id", "status")),
    (Benefit, "b", _names(Benefit)),
)
# One row, or none for a code that nobody has. Program and entitlement are read by their locks, so they say what the
# last writer committed; the rest is of the statement's snapshot. `is_stale`: one of the two changed while its lock was
# waited for; the statement is sent again. Program first, which closers lock first too. The key is asked for by its
# order, which one index alone has: a session plans once, perhaps while the table is empty and any index will do.
OPEN = f"""
select {", ".join(f'{alias}."{name}"' for _model, alias, names in _READ for name in names)},
    e.row_version <> s.xmin::text or p.row_version <> q.xmin::text as is_stale, z.timezone,
    (select from_at from members_closure where merchant_id = %(merchant)s and to_at is null limit 1),
    (select case when key = %(key)s then id end from benefits_entitlementuse
        where merchant_id = %(merchant)s and key >= %(key)s order by key limit 1)
from (
    select merchant_id, status, webhook_events, xmin::text as row_version from members_program
    where merchant_id = %(merchant)s for key share
) p
join members_program q on q.merchant_id = p.merchant_id
join members_merchant z on z.id = p.merchant_id
cross join lateral (
    select *, xmin::text as row_version from benefits_entitlement
    where merchant_id = p.merchant_id and code = %(code)s for update
) e
join benefits_entitlement s on s.merchant_id = e.merchant_id and s.id = e.id
join members_member m on m.merchant_id = e.merchant_id and m.id = e.member_id
join benefits_benefit b on b.merchant_id = e.merchant_id and b.id = e.benefit_id
"""
_COLUMNS = (
    "merchant_id", "public_id", "entitlement_id", "action", "key", "asked", "at", "state_after", "left_after",
    "until", "saved_minor", "undoes", "actor_kind", "actor_label", "by_id",
)  # fmt: skip
WRITTEN = f"""
with used as (
    insert into benefits_entitlementuse ({", ".join(_COLUMNS)})
    values ({", ".join(f"%({name})s" for name in _COLUMNS)})
    on conflict (merchant_id, key) do nothing returning id
), kept as (
    update benefits_entitlement e set state = %(state_after)s, uses_left = %(left_after)s,
        reserved_until = %(reserved_until)s, reservation = %(reservation)s
    from used where e.merchant_id = %(merchant_id)s and e.id = %(entitlement_id)s
)"""
SELECTED = "\nselect id from used"
WRITE = WRITTEN + SELECTED
REDEEM = f"{WRITTEN}, noted as ({benefit_uses.noting(source='used')}){SELECTED}"
_WIDTH = sum(len(names) for _model, _alias, names in _READ)
TIMES = 5  # with both locks held after the first, nothing is stale


@dataclass(slots=True)
class Desk:
    """A locked entitlement, with all that decides what may be done with it, and the act that is asked for."""

    program: Program
    entitlement: Entitlement
    standing: rule.Standing
    zone: ZoneInfo
    at: dt.datetime
    actor: Actor
    action: UseAction
    key: str
    asked: dict[str, Any]
    before: EntitlementUse | None = None  # what the key did before


def open_desk(
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    action: UseAction,
    code: str,
    key: str,
    asked: dict[str, Any],
) -> Desk:
    """Lock the program and the entitlement, and look whether the key did this before. Raises NotFound,
    IdempotencyConflict."""
    meant = read_code(code)
    row = _locked({"merchant": merchant_id, "code": meant, "key": key}) if meant else None
    if row is None:
        raise NotFound(UNKNOWN_CODE)
    found: list[Any] = []
    start = 0
    for model, _alias, names in _READ:
        found.append(prepared.object_of(model, names, row[start : start + len(names)]))
        start += len(names)
    program, entitlement, entitlement.member, entitlement.benefit = found
    zone, closed_since, used = row[_WIDTH + 1 :]
    standing = selectors.standing(entitlement, program, None if program.status == "open" else closed_since)
    desk = Desk(program, entitlement, standing, ZoneInfo(zone), at, actor, action, key, asked)
    if used is not None:
        known = EntitlementUse.objects.of(merchant_id).get(pk=used)
        if (known.entitlement_id, known.action, known.asked) != (entitlement.pk, action, asked):
            raise IdempotencyConflict(OTHER_REQUEST)
        desk.before = known
    return desk


def _locked(values: dict[str, Any]) -> tuple[Any, ...] | None:
    for _time in range(TIMES):
        row = prepared.fetch_one(OPEN, values)
        if row is None or not row[_WIDTH]:
            return row
    raise Conflict(_("This code is being used at this moment. Try again."))


def write(
    desk: Desk,
    *,
    saved_minor: int | None = None,
    until: dt.datetime | None = None,
    undoes: int | None = None,
) -> EntitlementUse:
    """Write the use and the entitlement as it is after it; what a person does is in the audit log too.

    Raises IdempotencyConflict when another entitlement's act took the key at this very moment.
    """
    entitlement, actor = desk.entitlement, desk.actor
    use = EntitlementUse(
        merchant_id=entitlement.merchant_id,
        public_id=opaque_id(),
        entitlement=entitlement,
        action=desk.action,
        key=desk.key,
        asked=desk.asked,
        at=desk.at,
        state_after=entitlement.state,
        left_after=entitlement.uses_left,
        until=until,
        saved_minor=saved_minor,
        undoes=undoes,
        actor_kind=actor.kind,
        actor_label=actor.label[:120],
        by_id=actor.user_id,
    )
    if desk.action == UseAction.RESERVE:
        entitlement.reservation = use.public_id
    elif entitlement.state != State.RESERVED:
        entitlement.reserved_until, entitlement.reservation = None, ""
    values = {name: getattr(use, name) for name in _COLUMNS} | {"asked": Jsonb(use.asked)}
    values |= {"reserved_until": entitlement.reserved_until, "reservation": entitlement.reservation}
    statement = WRITE
    if desk.action == UseAction.REDEEM:
        statement = REDEEM
        values |= {
            "member_id": entitlement.member_id,
            "benefit": entitlement.benefit.public_id,
            "day": merchant_day(desk.at, desk.zone),
        }
    row = prepared.fetch_one(statement, values)
    if row is None:
        raise IdempotencyConflict(OTHER_REQUEST)
    use.pk = int(row[0])
    if actor.kind == "user":
        _record(desk, use)
    return use


def _record(desk: Desk, use: EntitlementUse) -> None:
    entitlement = desk.entitlement
    audit.record(
        merchant_id=entitlement.merchant_id,
        at=desk.at,
        actor=desk.actor,
        action=ACTED[desk.action],
        subject=("member", entitlement.member.public_id),
        label=str(entitlement.benefit),
        after={"benefit": entitlement.benefit.public_id, "use": use.public_id, "left": use.left_after},
    )
