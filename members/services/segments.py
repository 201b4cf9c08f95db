"""Segments: making, changing and deleting them, and taking a snapshot (domain.md 10)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib import set_based
from members.lib.fields import opaque_id
from members.lib.refusals import Conflict, Invalid, NotFound
from members.lib.segments import check
from members.models import Merchant, Program, Segment, SegmentKind, SegmentMember
from members.selectors import segments as selectors
from members.selectors.segment_query import Query
from members.services import audit, programs
from members.services.audit import Actor

LONGEST_NAME = 60
TAKE = "insert into members_segmentmember (merchant_id, segment_id, member_id) "


class FitsEverybody(Invalid):
    """The rule means every member; whoever wants that says so."""


@transaction.atomic
def create(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    name: str,
    rule: Any,
    public_id: str = "",
    everybody: bool = False,
) -> Segment:
    """Keep a rule under a name. `public_id` makes a repeated request harmless: the segment made before comes back.

    Raises Invalid (a name or a rule that cannot be, by the paths of `members.lib.segments.check`), FitsEverybody for a
    rule that means every member unless `everybody` says that this is meant, ProgramNotOpen, ProgramCleared.
    """
    _lock(merchant_id)
    shop = _shop(merchant_id, at)
    if public_id and public_id in shop.segments:
        return shop.segments[public_id]
    segment = Segment(
        merchant_id=merchant_id,
        public_id=public_id or opaque_id(),
        name=_name(name, shop),
        created_at=at,
        changed_at=at,
        by_id=actor.user_id,
    )
    _give_rule(segment, shop, rule, everybody)
    segment.save(force_insert=True)
    _audit(segment, at, actor, "segment.created", after=_facts(segment))
    return segment


@transaction.atomic
def change(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    public_id: str,
    version: int,
    name: str,
    rule: Any,
    everybody: bool = False,
) -> Segment:
    """Give a segment another name or rule. `version` is the one that was looked at; what says the same changes nothing.

    Of a snapshot only the name can be changed. Raises NotFound, Conflict (somebody changed it meanwhile), Invalid,
    FitsEverybody, ProgramNotOpen, ProgramCleared.
    """
    _lock(merchant_id)
    shop = _shop(merchant_id, at)
    segment = _found(shop, public_id)
    before = _facts(segment)
    if segment.kind == SegmentKind.DYNAMIC:
        _give_rule(segment, shop, rule, everybody)
    segment.name = _name(name, shop, own=segment)
    if _facts(segment) == before:
        return segment
    if segment.version != version:
        raise Conflict(
            _("Somebody changed this segment meanwhile. Look at it as it is now, then change it again.")
        )
    segment.version += 1
    segment.changed_at = at
    segment.save(update_fields=["name", "rule", "version", "changed_at", "members", "counted_at"])
    _audit(segment, at, actor, "segment.changed", before=before, after=_facts(segment))
    return segment


@transaction.atomic
def delete(*, merchant_id: int, at: dt.datetime, actor: Actor, public_id: str) -> None:
    """Delete a segment, a snapshot with its list. Raises NotFound, Conflict while another segment names it,
    ProgramNotOpen, ProgramCleared."""
    _lock(merchant_id)
    shop = _shop(merchant_id, at)
    segment = _found(shop, public_id)
    users = selectors.users_of(segments=shop.segments.values(), public_id=public_id)
    if users:
        raise Conflict(
            _("The segment “%(other)s” is made of this one. Change that one first.")
            % {"other": users[0].name}
        )
    SegmentMember.objects.of(merchant_id).filter(segment_id=segment.pk).delete()
    before = _facts(segment)
    pk = segment.pk
    segment.delete()
    segment.pk = pk
    _audit(segment, at, actor, "segment.deleted", before=before)


@transaction.atomic
def snapshot(
    *, merchant_id: int, at: dt.datetime, actor: Actor, public_id: str, name: str, new_id: str = ""
) -> tuple[Segment, int]:
    """Keep the members a segment has now as a list that changes no more. The new segment and how many are in it.

    `new_id` makes a repeated request harmless. Raises NotFound, Invalid (name), Conflict (nobody is in it),
    ProgramNotOpen, ProgramCleared.
    """
    _lock(merchant_id)
    shop = _shop(merchant_id, at)
    source = _found(shop, public_id)
    if new_id and new_id in shop.segments:
        made = shop.segments[new_id]
        return made, SegmentMember.objects.of(merchant_id).filter(segment_id=made.pk).count()
    taken = Segment.objects.create(
        merchant_id=merchant_id,
        public_id=new_id or opaque_id(),
        name=_name(name, shop),
        kind=SegmentKind.STATIC,
        rule=source.rule,
        created_at=at,
        changed_at=at,
        by_id=actor.user_id,
    )
    rule = selectors.rule_of(source)
    shop.require_askable(rule)
    query = Query(shop.scope)
    query.values["segment"] = taken.pk
    statement = TAKE + query.select_of("%(merchant)s, %(segment)s, m.id", rule)
    count = set_based.execute(statement, query.values)
    if not count:
        raise Conflict(_("Nobody is in this segment now, so there is nothing to keep."))
    taken.members, taken.counted_at = count, at
    taken.save(update_fields=["members", "counted_at"])
    after = {**_facts(taken), "from": source.name, "members": count}
    _audit(taken, at, actor, "segment.snapshot_taken", after=after)
    return taken, count


def _lock(merchant_id: int) -> None:
    """The gate, and one writer of a merchant's segments at a time: names and circles are judged over all of them."""
    program = Program.objects.select_for_update(no_key=True).filter(merchant_id=merchant_id).first()
    if program is None:
        raise NotFound(_("This merchant has no program."))
    programs.require_open(program)


def _shop(merchant_id: int, at: dt.datetime) -> selectors.Shop:
    return selectors.shop(merchant=Merchant.objects.get(pk=merchant_id), at=at)


def _found(shop: selectors.Shop, public_id: str) -> Segment:
    segment = shop.segments.get(public_id)
    if segment is None:
        raise NotFound(_("There is no such segment."))
    return segment


def _name(name: str, shop: selectors.Shop, own: Segment | None = None) -> str:
    """A name that no other segment has. Raises Invalid."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or "\x00" in name:
        raise Invalid.on("name", _("A name has 1 to %(most)s characters.") % {"most": LONGEST_NAME})
    others = [each for each in shop.segments.values() if own is None or each.pk != own.pk]
    if any(each.name == name for each in others):
        raise Invalid.on("name", _("Another segment has this name. Choose one of its own."))
    if own is None and len(others) >= selectors.MOST:
        raise Conflict(
            _("A shop has at most %(most)s segments. Delete one that is no longer used.")
            % {"most": selectors.MOST}
        )
    return name


def _give_rule(segment: Segment, shop: selectors.Shop, rule: Any, everybody: bool) -> None:
    """Check a rule and count whom it means, if that takes no longer than somebody waits; else the night counts."""
    checked = check(rule, shop.known, own_id=segment.public_id)
    if checked == segment.rule:
        return
    segment.rule = checked
    found = selectors.count_in_time(shop=shop, rule=segment.rule)
    if not everybody and found.total and found.members == found.total:
        raise FitsEverybody(_("This rule means every member. Say that you want that, or narrow it."))
    segment.members, segment.counted_at = (None, None) if found.is_about else (found.members, shop.at)


def _facts(segment: Segment) -> dict[str, Any]:
    """A segment as the audit log shows it."""
    return {"name": segment.name, "kind": str(segment.kind), "rule": segment.rule}


def _audit(
    segment: Segment,
    at: dt.datetime,
    actor: Actor,
    action: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        merchant_id=segment.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("segment", segment.public_id),
        label=segment.name,
        before=before,
        after=after,
    )
