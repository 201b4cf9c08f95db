"""What events bring: joining, checking in, a review, a survey (domain.md 6). Referrals are `referrals`, birthdays
`earning_daily`; what is given is written by `awards`, once by its key.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib import bulk
from members.lib.check_ins import best
from members.lib.earning_events import ACTIVITIES, Given, ReviewRule, capped
from members.lib.periods import merchant_day
from members.lib.posting import Rules
from members.lib.refusals import Invalid, NotFound, Refusal
from members.models import EarningUse, Member, MemberStatus, Merchant, PointsRequest, Program
from members.selectors import check_ins
from members.selectors import rules as rules_selector
from members.services import audit, awards, posting, programs
from members.services.audit import Actor
from members.services.awards import Award

LONGEST_REFERENCE = 80
REVIEWS = "(review)"  # the code under which a day's reviews count


class UnknownActivity(Invalid):
    """Nothing of this name is earned by."""

    slug = "unknown-activity"


class ActivityNotRewarded(Refusal):
    """The program gives nothing for this kind of activity now."""

    slug = "activity-not-rewarded"


@dataclass(slots=True)
class Earned:
    """What an activity brought now. `request` is the award; `points` 0 with `trimmed_by` "once" when it had come
    before, else `trimmed_by` names the cap that left less than `wanted`.
    """

    request: PointsRequest
    wanted: int
    points: int
    trimmed_by: str = ""
    is_new: bool = True


@dataclass(slots=True)
class Desk:
    """An open program and its rules, with the member's account locked."""

    merchant: Merchant
    program: Program
    rules: Rules
    at: dt.datetime
    actor: Actor

    @property
    def today(self) -> dt.date:
        """The merchant day."""
        return merchant_day(self.at, self.rules.zone)


def open_desk(*, merchant_id: int, at: dt.datetime, actor: Actor, member_ids: Collection[int]) -> Desk:
    """Lock the open program and the members. Raises ProgramNotOpen, ProgramCleared, NotFound (no such member)."""
    posting.lock_merchant(merchant_id=merchant_id, alone=False)
    program = programs.lock_open(merchant_id=merchant_id)
    here = Member.objects.of(merchant_id).filter(pk__in=member_ids, status=MemberStatus.ACTIVE)
    if here.count() != len(set(member_ids)):
        raise NotFound(_("There is no such member."))
    awards.lock(merchant_id=merchant_id, member_ids=sorted(member_ids))
    return Desk(
        merchant=Merchant.objects.get(pk=merchant_id),
        program=program,
        rules=rules_selector.rules_at(merchant_id=merchant_id, at=at, program=program),
        at=at,
        actor=actor,
    )


def rule_of(desk: Desk, event: str) -> Any:
    """The rule of an event. Raises ActivityNotRewarded when there is none, or it is off."""
    rule = desk.rules.points.earning.events.active(event)
    if rule is None:
        raise not_rewarded()
    return rule


def not_rewarded() -> ActivityNotRewarded:
    """The refusal of what brings nothing now."""
    return ActivityNotRewarded(
        _("This program gives no points for that now. Switch it on in the point rules first.")
    )


@transaction.atomic
def earn(
    *, merchant_id: int, at: dt.datetime, actor: Actor, member_id: int, event: str, reference: str = ""
) -> Earned:
    """Reward a check-in, a review or a survey of a member; the same one again brings nothing more.

    A check-in is once a merchant day; a review once by its `reference`, at most so many points a day; a survey once a
    member by its `reference`. Raises UnknownActivity, ActivityNotRewarded, Invalid (no reference), NotFound,
    ProgramNotOpen, ProgramCleared.
    """
    if event not in ACTIVITIES or event == "referral":
        raise UnknownActivity.on("kind", _("There is no activity of this kind."))
    reference = checked_reference(event, reference)
    if event == "review":  # whose review it is: of two members who claim one at once, the second is told
        posting.lock_order(merchant_id=merchant_id, key=("review", reference))
    desk = open_desk(merchant_id=merchant_id, at=at, actor=actor, member_ids=[member_id])
    rule = None if event == "check_in" else rule_of(desk, event)
    key = {
        "check_in": check_ins.key_of(member_id, desk.today),
        "review": f"review:{reference}",
        "survey": f"survey:{member_id}:{reference}",
    }[event]
    known = awards.known(merchant_id=merchant_id, keys=[key]).get(key)
    if known is not None:
        if known.member_id != member_id:
            raise Invalid.on("reference", _("This reference is another member's."))
        return Earned(known, known.details.get("wanted", known.points), 0, "once", is_new=False)
    given = _check_in(desk, member_id) if rule is None else _given(desk, rule, member_id)
    details = {**given.details, "reference": reference} if reference else given.details
    return reward(desk, Award(member_id, key, given.points, event, details=details), given)


def reward(desk: Desk, award: Award, given: Given) -> Earned:
    """Give an award that is new, and say what trimmed it."""
    award.details |= {"wanted": given.wanted, "trimmed_by": given.why} if given.why else {}
    merchant_id = desk.merchant.pk
    awards.give(
        merchant=desk.merchant,
        program=desk.program,
        rules=desk.rules,
        at=desk.at,
        actor=desk.actor,
        awards=[award],
    )
    request = awards.known(merchant_id=merchant_id, keys=[award.key])[award.key]
    if desk.actor.kind == "user":  # a person's act needs its trace; systems and jobs have the ledger
        audit.record(
            merchant_id=merchant_id,
            at=desk.at,
            actor=desk.actor,
            action="points.awarded",
            subject=("member", award.member_id),
            after={"points": award.points, "event": award.event, "request": request.public_id},
        )
    return Earned(request, given.wanted, given.points, given.why)


def checked_reference(event: str, reference: str) -> str:
    """The reference without spaces around it. Raises Invalid for none where one is needed."""
    reference = reference.strip()
    if len(reference) > LONGEST_REFERENCE:
        raise Invalid.on(
            "reference", _("A reference has at most %(most)s characters.") % {"most": LONGEST_REFERENCE}
        )
    if event in ("review", "survey") and not reference:
        raise Invalid.on("reference", _("Say which review or survey it is, by its own id."))
    return "" if event == "check_in" else reference


def _given(desk: Desk, rule: Any, member_id: int) -> Given:
    if isinstance(rule, ReviewRule):
        return _review(desk, rule, member_id)
    return Given(rule.points, rule.points)


def _check_in(desk: Desk, member_id: int) -> Given:
    """The day's points, and what a full row of days brings beside them, by the rule that gives most. Raises
    ActivityNotRewarded."""
    merchant_id = desk.merchant.pk
    before, _points = check_ins.days_until(
        merchant_id=merchant_id, member_id=member_id, day=desk.today - dt.timedelta(days=1)
    )
    days = before + 1
    rules = check_ins.rules_of(merchant_id=merchant_id, member_id=member_id, rules=desk.rules, at=desk.at)
    rule = best(rules, days)
    if rule is None:
        raise not_rewarded()
    points = rule.points + rule.bonus(days)
    details = {"streak": days, "streak_points": rule.bonus(days)}
    by = {"by": rule.name or rule.owner} if rule.owner else {}
    return Given(points, points, details=details | by)


def _review(desk: Desk, rule: ReviewRule, member_id: int) -> Given:
    """What the day's cap leaves; it is counted when it is given."""
    row = (
        EarningUse.objects.of(desk.merchant).filter(member_id=member_id, code=REVIEWS, day=desk.today).first()
    )
    given = capped(rule.points, had=row.points if row else 0, most=rule.day_most, cap="day")
    if given.points:
        bulk.add(
            EarningUse,
            desk.merchant.pk,
            ["member_id", "code", "day"],
            ["points"],
            [(member_id, REVIEWS, desk.today, given.points)],
        )
    return given


def joined(
    *, merchant: Merchant, program: Program, at: dt.datetime, actor: Actor, member_ids: Collection[int]
) -> int:
    """What joining brings to those who just joined; how many points. In the caller's transaction, set-based.

    The people of a list that a merchant declares joined elsewhere, before: the caller leaves them out.
    """
    if not member_ids:
        return 0
    version = rules_selector.version_at(merchant_id=merchant.pk, at=at)
    if version is None or not version.earning:
        return 0
    rules = rules_selector.rules_at(merchant_id=merchant.pk, at=at, program=program)
    rule = rules.points.earning.events.active("joining")
    if rule is None or not rule.points:
        return 0
    awards.lock(merchant_id=merchant.pk, member_ids=sorted(member_ids))
    return awards.give(
        merchant=merchant,
        program=program,
        rules=rules,
        at=at,
        actor=actor,
        awards=[Award(each, f"joining:{each}", rule.points, "joining") for each in member_ids],
    )
