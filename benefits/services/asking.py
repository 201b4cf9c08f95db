"""What every request of one member for one benefit has in common: who asks, under which key, within which limits."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter as Tally

from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from benefits.lib.entitlements import State
from benefits.lib.holdouts import is_held
from benefits.models import Entitlement, RewardOrder, RewardState
from benefits.selectors import audiences
from benefits.services.issuing import Counter, LimitReached
from members.lib.periods import local_instant
from members.lib.refusals import Invalid, NotFound
from members.models import Member, MemberStatus
from members.services import programs

LONGEST_KEY = 120


class NotInAudience(Invalid):
    """The benefit is for others."""

    slug = "not-in-audience"


def member_of(merchant_id: int, member_id: int) -> Member:
    """Raises NotFound, ProgramNotOpen, ProgramCleared."""
    programs.lock_open(merchant_id=merchant_id)
    member = Member.objects.of(merchant_id).filter(pk=member_id, status=MemberStatus.ACTIVE).first()
    if member is None:
        raise NotFound(_("There is no such member."))
    return member


def keyed(source: str, key: str) -> str:
    """A caller's key as it is stored: never one of our own. Raises Invalid."""
    if not 1 <= len(key) <= LONGEST_KEY or "\x00" in key:
        raise Invalid.on("key", _("A key has 1 to %(most)s characters.") % {"most": LONGEST_KEY})
    return f"{source}:{key}"


def points_key(member_id: int, benefit_id: int, cause: str) -> str:
    """The key under which the points of an exchange are spent: its own for each member, benefit and cause."""
    about = f"{member_id}:{benefit_id}:{cause}"
    return f"entitlement:{hashlib.sha256(about.encode()).hexdigest()[:48]}"


def check_audience(counter: Counter, member: Member) -> None:
    """Raises NotInAudience, for who is held out too."""
    if not audiences.fitting(benefit=counter.benefit, member_ids=[member.pk], at=counter.at):
        raise NotInAudience(_("This benefit is for other members."))


def check_not_held(counter: Counter, member: Member) -> None:
    """Raises NotInAudience for who is held out of the benefit, so that its effect is measured."""
    benefit = counter.benefit
    if is_held(benefit.public_id, benefit.holdout_percent, member.pk):
        raise NotInAudience(_("This benefit is not for this member: they are in its control group."))


def check_member_limits(counter: Counter, member: Member) -> None:
    """How many the member got today, this month, ever; what was taken back does not count. Raises LimitReached."""
    terms, zone, today = counter.terms, counter.merchant.zone, counter.today
    if not terms.has_member_limit:
        return
    day = local_instant(today, dt.time.min, zone)
    month = local_instant(today.replace(day=1), dt.time.min, zone)
    rows = Entitlement.objects.of(counter.benefit.merchant_id).filter(
        member_id=member.pk, benefit_id=counter.benefit.pk
    )
    orders = RewardOrder.objects.of(counter.benefit.merchant_id).filter(
        member_id=member.pk, benefit_id=counter.benefit.pk
    )
    got: Tally[str] = Tally()
    for found in (rows.exclude(state=State.REVOKED), orders.exclude(state=RewardState.CANCELLED)):
        got.update(
            found.aggregate(
                day=Count("pk", filter=Q(at__gte=day)),
                month=Count("pk", filter=Q(at__gte=month)),
                life=Count("pk"),
            )
        )
    limits = {"day": terms.per_day, "month": terms.per_month, "life": terms.per_life}
    words = {
        "day": _("The member has had this benefit %(most)s times today, the most for one day."),
        "month": _("The member has had this benefit %(most)s times this month, the most for one month."),
        "life": _("The member has had this benefit %(most)s times, the most for one member."),
    }
    for span, most in limits.items():
        if most is not None and got[span] >= most:
            raise LimitReached(words[span] % {"most": most})
