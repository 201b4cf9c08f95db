"""Tiers given outside the rules: by staff until a day, with a reason, to a member or to those of a list; by a plan, at
least a tier (domain.md 5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.periods import add_months, merchant_day
from members.lib.posting import Changes, FloorEnded, Rules, TierGiven, fold
from members.lib.refusals import Invalid, NotFound
from members.lib.tiers import MOST_VALIDITY_MONTHS
from members.models import Closure, Member, MemberStatus, Merchant, Program
from members.selectors import rules as selector
from members.services import audit, occasions, posting, programs, webhook_events
from members.services.audit import Actor

LONGEST_REASON = 200


@transaction.atomic
def set_tier(
    *,
    merchant_id: int,
    member_id: int,
    at: dt.datetime,
    actor: Actor,
    tier: str,
    until: dt.date | None,
    reason: str,
) -> bool:
    """Staff set a member's tier, by its code, until a day, its last (the lowest has none). Whether anything changed:
    the same again changes nothing.

    An order may lift above it; a validity that runs longer is kept. Raises Invalid (no reason, no such tier, a day
    that is past or too far), NotFound, ProgramNotOpen, ProgramCleared.
    """
    reason = _reason(reason)
    at, program, state, rules = _opened(merchant_id, [member_id], at)
    here = next((rung for rung in rules.tiers.ladder if rung.code == tier), None)
    if here is None:
        raise Invalid.on("tier", _("There is no tier %(tier)s in the ladder now.") % {"tier": tier})
    if here.id == rules.tiers.base.id:
        until = None
    else:
        until = _until(until, merchant_day(at, rules.zone))
    standing = state[member_id].standing
    names = selector.tier_codes(merchant_id=merchant_id)
    before = {"tier": names[standing.tier_id], "valid_until": _iso(standing.valid_until)}
    event = TierGiven(at, here.id, until, "staff", reason)
    changes = fold(state[member_id], [event], rules)
    # What a plan grants may run longer: nothing moves now, and the day is remembered for when it is taken back.
    is_kept = occasions.tell_given(merchant_id=merchant_id, at=at, given={member_id: Given(here.id, until)})
    if not (changes.standings or is_kept):
        return False
    after = {"tier": tier, "valid_until": _iso(standing.valid_until)}
    if is_kept:
        after["without_plan_until"] = _iso(until)
    posting.write(merchant_id=merchant_id, changes=changes)
    webhook_events.told(changes, program=program, at=at)
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="tier.set",
        subject=("member", Member.objects.of(merchant_id).get(pk=member_id).public_id),
        before=before,
        after=after,
        reason=reason,
    )
    return True


class Given(NamedTuple):
    """A tier for a member of a list; its last valid day, None for the program's usual validity from today."""

    tier_id: int
    until: dt.date | None


def give_many(
    *,
    merchant: Merchant,
    program: Program,
    rules: Rules,
    at: dt.datetime,
    tiers: Mapping[int, Given],
    reason: str,
    exactly: bool = False,
    keeps_days: bool = False,
) -> dict[int, int]:
    """Give each member (id) a tier as staff do, unless theirs is as high already; the tier ids of those whose tier
    stays. What is longer than may be said of the reason is cut off. `exactly`: back to what was, also a lower one, as
    `set_tier` does. `keeps_days`: those whose tier stays by a plan's grant have theirs until the day also without it.

    In the caller's transaction, which holds the merchant alone (`posting.lock_merchant`) and the open program.
    """
    if not tiers:
        return {}
    states = posting.load(merchant=merchant, rules=rules, member_ids=tiers.keys(), at=at, spending=())
    ladder, changes = rules.tiers, Changes()
    usual = add_months(merchant_day(at, rules.zone), ladder.validity_months)
    kept: dict[int, int] = {}
    lasting = {
        member_id: Given(tier_id, None if tier_id == ladder.base.id else until or usual)
        for member_id, (tier_id, until) in tiers.items()
    }
    for member_id, (tier_id, last) in lasting.items():
        held = states[member_id].standing.tier_id
        if not exactly and ladder.rank[held] >= ladder.rank[tier_id]:
            kept[member_id] = held
            continue
        event = TierGiven(at, tier_id, last, "staff", reason[:LONGEST_REASON])
        fold(states[member_id], [event], rules, changes=changes)
    if changes:
        posting.write(merchant_id=merchant.pk, changes=changes)
        webhook_events.told(changes, program=program, at=at)
    if not exactly:
        given = {each: last for each, last in lasting.items() if keeps_days or each not in kept}
        occasions.tell_given(merchant_id=merchant.pk, at=at, given=given)
    return kept


@transaction.atomic
def grant_floor(
    *, merchant_id: int, member_ids: Collection[int], at: dt.datetime, tier: str, until: dt.date
) -> int:
    """A plan grants members at least a tier, by its code, until a day, its last; again with a later day it extends.

    How many members moved. Raises Invalid (no such tier), NotFound, ProgramNotOpen, ProgramCleared.
    """
    at, program, states, rules = _opened(merchant_id, member_ids, at)
    here = next((rung for rung in rules.tiers.ladder if rung.code == tier), None)
    if here is None:
        raise Invalid.on("tier", _("There is no tier %(tier)s in the ladder now.") % {"tier": tier})
    changes = Changes()
    for member_id in member_ids:
        fold(states[member_id], [TierGiven(at, here.id, until, "plan")], rules, changes=changes)
    posting.write(merchant_id=merchant_id, changes=changes)
    webhook_events.told(changes, program=program, at=at)
    return len(changes.moves)


class Floor(NamedTuple):
    """A tier that a plan granted: until which day, from which, until when it was the member's without it (None: it was
    not), and until when another plan grants it too."""

    tier_id: int
    until: dt.date
    since: dt.date
    before: dt.date | None
    still: dt.date | None


@transaction.atomic
def end_floor(*, merchant_id: int, member_id: int, at: dt.datetime, floor: Floor) -> bool:
    """A plan's tier is taken back: it is valid no longer than without the plan, today at least; the daily
    recalculation judges who holds it no longer. Whether the validity moved.

    Raises NotFound, ProgramNotOpen, ProgramCleared.
    """
    since = dt.datetime.combine(floor.since, dt.time.min, Merchant.objects.get(pk=merchant_id).zone)
    at, _program, states, rules = _opened(merchant_id, [member_id], at, days_from=min(since, at))
    closures = Closure.objects.filter(merchant_id=merchant_id, from_at__gte=since, shifted_days__gt=0)
    shifts = [(merchant_day(row.from_at, rules.zone), row.shifted_days or 0) for row in closures]
    event = FloorEnded(at, *floor[:4], still=floor.still, shifts=shifts)
    changes = fold(states[member_id], [event], rules)
    posting.write(merchant_id=merchant_id, changes=changes)
    return bool(changes.validities)


def _opened(
    merchant_id: int, member_ids: Collection[int], at: dt.datetime, days_from: dt.datetime | None = None
) -> tuple[dt.datetime, Program, Any, Any]:
    """When it happens, the open program, the members' states under their locks, and the rules. `days_from`: since when
    their days are looked at, if before `at`."""
    posting.lock_merchant(merchant_id=merchant_id, alone=False)
    program = programs.lock_open(merchant_id=merchant_id)
    here = Member.objects.of(merchant_id).filter(pk__in=member_ids, status=MemberStatus.ACTIVE)
    if here.count() != len(set(member_ids)):
        raise NotFound(_("There is no such member."))
    posting.lock_members(merchant_id=merchant_id, member_ids=member_ids)
    at, version = selector.after_edits(merchant_id=merchant_id, at=at)
    rules = selector.rules_at(merchant_id=merchant_id, at=at, program=program, version=version)
    merchant = Merchant.objects.get(pk=merchant_id)
    states = posting.load(
        merchant=merchant, rules=rules, member_ids=member_ids, at=days_from or at, spending=()
    )
    return at, program, states, rules


def _reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid.on("reason", _("Say why the tier is set; the reason stays in the member's history."))
    if len(reason) > LONGEST_REASON:
        raise Invalid.on("reason", _("A reason has at most %(most)s characters.") % {"most": LONGEST_REASON})
    return reason


def _until(until: dt.date | None, today: dt.date) -> dt.date:
    last = add_months(today, MOST_VALIDITY_MONTHS)
    if until is None:
        raise Invalid.on("until", _("Say until which day the member keeps the tier."))
    if not today <= until <= last:
        raise Invalid.on(
            "until",
            _("The last day of the tier lies between %(first)s and %(last)s.")
            % {"first": today.isoformat(), "last": last.isoformat()},
        )
    return until


def _iso(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None
