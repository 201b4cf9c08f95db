"""What can be done to many members, a chunk at a time, and how it is taken back from those who are still as it left
them. Each works in the caller's transaction, which holds the act's row and the open program."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from members.lib.refusals import Conflict, Refusal
from members.models import (
    BulkAct,
    BulkActMember,
    BulkKind,
    Member,
    MemberStatus,
    MemberTag,
    Merchant,
    PointsRequestStatus,
    Program,
    TierMove,
    TierStanding,
)
from members.selectors import rules as rules_selector
from members.services import points, points_reversal, posting, tags, tier_hand, tier_lifts
from members.services.audit import Actor
from members.services.tier_hand import Given

CHANGED, SAME, REFUSED = "changed", "same", "refused"
UNDONE, LEFT = "undone", "left"


@dataclass(frozen=True)
class Round:
    """One chunk: whose, of which act, when and by whom."""

    merchant: Merchant
    program: Program
    act: BulkAct
    at: dt.datetime
    actor: Actor


Work = Callable[[Round, list[BulkActMember]], None]


def alive(merchant_id: int, rows: Iterable[BulkActMember]) -> list[BulkActMember]:
    """Those who are still members; the others are refused."""
    rows = list(rows)
    here = set(
        Member.objects.of(merchant_id)
        .filter(pk__in=[row.member_id for row in rows], status=MemberStatus.ACTIVE)
        .values_list("pk", flat=True)
    )
    for row in rows:
        if row.member_id not in here:
            row.outcome, row.why = REFUSED, _("No longer a member.")
    return [row for row in rows if row.member_id in here]


def _put_on(now: Round, ids: Collection[int]) -> set[int]:
    name = now.act.arguments["tag"]
    return tags.put_on(merchant_id=now.merchant.pk, at=now.at, member_ids=ids, name=name)


def _take_off(now: Round, ids: Collection[int]) -> set[int]:
    return tags.take_off(merchant_id=now.merchant.pk, member_ids=ids, name=now.act.arguments["tag"])


def _holders(now: Round, ids: Collection[int], **more: object) -> set[int]:
    rows = MemberTag.objects.of(now.merchant.pk).filter(
        member_id__in=ids, name=now.act.arguments["tag"], **more
    )
    return set(rows.values_list("member_id", flat=True))


def tag(now: Round, rows: list[BulkActMember]) -> None:
    """Put the tag on who has it not and has room."""
    tags.lock(merchant_id=now.merchant.pk)
    ids = [row.member_id for row in rows]
    had = _holders(now, ids)
    put = _put_on(now, ids)
    for row in rows:
        if row.member_id in put:
            row.outcome, row.mark = CHANGED, {"at": now.at.isoformat()}
        elif row.member_id in had:
            row.outcome = SAME
        else:
            row.outcome, row.why = REFUSED, _("Has %(most)s tags already.") % {"most": tags.MOST_TAGS}


def untag(now: Round, rows: list[BulkActMember]) -> None:
    """Take the tag off who has it."""
    tags.lock(merchant_id=now.merchant.pk)
    gone = _take_off(now, [row.member_id for row in rows])
    for row in rows:
        row.outcome = CHANGED if row.member_id in gone else SAME


def undo_tag(now: Round, rows: list[BulkActMember]) -> None:
    """Take the tag off those who have the very one that the act put on."""
    tags.lock(merchant_id=now.merchant.pk)
    ids = [row.member_id for row in rows]
    mine = {
        tag.member_id: tag.at.isoformat()
        for tag in MemberTag.objects.of(now.merchant.pk).filter(
            member_id__in=ids, name=now.act.arguments["tag"]
        )
    }
    here = [row.member_id for row in rows if mine.get(row.member_id) == row.mark["at"]]
    _take_off(now, here)
    _told(rows, set(here), _("The tag was taken off or put on again since."))


def undo_untag(now: Round, rows: list[BulkActMember]) -> None:
    """Put the tag back on those who have it not."""
    tags.lock(merchant_id=now.merchant.pk)
    put = _put_on(now, [row.member_id for row in rows])
    _told(rows, put, _("The tag is there again, or there are too many."))


def _told(rows: list[BulkActMember], back: set[int], why: str) -> None:
    for row in rows:
        row.undone = UNDONE if row.member_id in back else LEFT
        row.why = "" if row.member_id in back else why


def tier(now: Round, rows: list[BulkActMember]) -> None:
    """Give the tier to those who are below it."""
    arguments, ids = now.act.arguments, [row.member_id for row in rows]
    _lock(now, ids)
    rules = rules_selector.rules_at(merchant_id=now.merchant.pk, at=now.at, program=now.program)
    before = _standings(now, ids)
    base = rules.tiers.base.id
    given = Given(arguments["tier_id"], dt.date.fromisoformat(arguments["until"]))
    if given.tier_id not in rules.tiers.rank:
        raise Conflict(_("This tier is no longer in the ladder."))
    kept = tier_hand.give_many(
        merchant=now.merchant,
        program=now.program,
        rules=rules,
        at=now.at,
        tiers=dict.fromkeys(ids, given),
        reason=now.act.reason,
    )
    after, moves = _standings(now, ids), _last_moves(now, ids)
    for row in rows:
        if row.member_id in kept:
            row.outcome, row.why = REFUSED, _("Holds this tier or a higher one.")
            continue
        row.outcome = CHANGED
        row.mark = {
            "before": before.get(row.member_id, [base, None]),
            "after": after.get(row.member_id),
            "move": moves.get(row.member_id),
        }


def undo_tier(now: Round, rows: list[BulkActMember]) -> None:
    """Give the tier before back to those whose tier nobody and nothing moved since."""
    ids = [row.member_id for row in rows]
    _lock(now, ids)
    rules = rules_selector.rules_at(merchant_id=now.merchant.pk, at=now.at, program=now.program)
    present, moves = _standings(now, ids), _last_moves(now, ids)
    today = now.at.astimezone(now.merchant.zone).date()
    back: dict[int, Given] = {}
    for row in rows:
        tier_id, until = row.mark["before"]
        is_same = present.get(row.member_id) == row.mark["after"]
        is_last = moves.get(row.member_id) == row.mark["move"]
        last = dt.date.fromisoformat(until) if until else None
        if is_same and is_last and tier_id in rules.tiers.rank and (last is None or last >= today):
            back[row.member_id] = Given(tier_id, last)
    tier_hand.give_many(
        merchant=now.merchant,
        program=now.program,
        rules=rules,
        at=now.at,
        tiers=back,
        reason=_("Undone: %(reason)s") % {"reason": now.act.reason},
        exactly=True,
    )
    _told(rows, set(back), _("The tier has moved since, or the former one is over."))


def _lock(now: Round, ids: Collection[int]) -> None:
    """Lock the members, and have those who wait for an edit's lift brought up to it: what they hold and what moved them
    last is read next."""
    posting.lock_members(merchant_id=now.merchant.pk, member_ids=ids)
    if now.program.is_lifting:
        tier_lifts.catch_up(merchant=now.merchant, member_ids=ids)


def _standings(now: Round, ids: Collection[int]) -> dict[int, list[object]]:
    rows = TierStanding.objects.of(now.merchant.pk).filter(member_id__in=ids)
    return {
        row.member_id: [row.tier_id, row.valid_until.isoformat() if row.valid_until else None] for row in rows
    }


def _last_moves(now: Round, ids: Collection[int]) -> dict[int, int]:
    rows = TierMove.objects.of(now.merchant.pk).filter(member_id__in=ids).order_by("member_id", "-at", "-id")
    return {row.member_id: row.pk for row in rows.distinct("member_id")}


def adjust(now: Round, rows: list[BulkActMember]) -> None:
    """Give or take the points, each member's in a savepoint: what is refused moves nothing."""
    for row in sorted(rows, key=lambda row: row.member_id):
        try:
            with transaction.atomic():
                request = points.adjust(
                    merchant_id=now.merchant.pk,
                    at=now.at,
                    actor=now.actor,
                    member_id=row.member_id,
                    points=now.act.arguments["points"],
                    key=key_of(now.act, row),
                    reason=now.act.reason,
                )
                if request.status != PointsRequestStatus.DONE:
                    raise Conflict(_("More than one person alone may move."))
        except Refusal as refusal:
            row.outcome, row.why = REFUSED, refusal.detail[:300]
        else:
            row.outcome = CHANGED


def undo_adjust(now: Round, rows: list[BulkActMember]) -> None:
    """Reverse each adjustment; who has spent the points since is left."""
    for row in sorted(rows, key=lambda row: row.member_id):
        try:
            with transaction.atomic():
                points_reversal.reverse(
                    merchant_id=now.merchant.pk,
                    at=now.at,
                    actor=now.actor,
                    key=key_of(now.act, row),
                    reason=(_("Undone: %(reason)s") % {"reason": now.act.reason})[:200],
                )
        except Refusal as refusal:
            row.undone, row.why = LEFT, refusal.detail[:300]
        else:
            row.undone, row.why = UNDONE, ""


def key_of(act: BulkAct, row: BulkActMember) -> str:
    """What an adjustment is known by: once a member of an act, however often it is tried."""
    return f"bulk {act.public_id} {row.member_id}"


DO: dict[str, Work] = {
    BulkKind.TAG: tag,
    BulkKind.UNTAG: untag,
    BulkKind.TIER: tier,
    BulkKind.POINTS: adjust,
}
UNDO: dict[str, Work] = {
    BulkKind.TAG: undo_tag,
    BulkKind.UNTAG: undo_untag,
    BulkKind.TIER: undo_tier,
    BulkKind.POINTS: undo_adjust,
}
