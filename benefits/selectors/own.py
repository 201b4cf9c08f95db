"""What a member sees of benefits on their own page: codes, what can be claimed, what else is in force."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from benefits.lib import entitlements as rule
from benefits.lib.coverage import EVERYONE
from benefits.lib.entitlements import Standing, Why, terms_of
from benefits.lib.holdouts import is_held
from benefits.lib.kinds import KINDS
from benefits.models import Benefit, BenefitStatus, Entitlement
from benefits.selectors import audiences, pools
from benefits.selectors import entitlements as entitlements_selector
from benefits.selectors.entitlements import Promise
from members.models import Member

EXCHANGED = "points_exchange"
CHECKED_IN = "check_in"  # has a part of the page with its button
MOST = 100  # entitlements looked at, the newest: beyond them nobody scrolls


@dataclass(frozen=True, slots=True)
class Held:
    """An entitlement as its member sees it."""

    row: Entitlement
    standing: Standing
    promise: Promise
    partner_code: str = ""


@dataclass(frozen=True, slots=True)
class Codes:
    """A member's codes: those that a till takes now, and those that rest while the program or benefit is paused."""

    usable: list[Held]
    resting: list[Held]


def codes_of(*, merchant_id: int, member: Member, at: dt.datetime) -> Codes:
    """A member's codes that can be used, now or later; what was paid for among them whatever the program's state. At
    most five queries."""
    rows = entitlements_selector.of_member(merchant_id=merchant_id, member=member)
    found = list(rows.filter(state__in=rule.OPEN)[:MOST])
    promises = entitlements_selector.promises(found)
    partners = pools.codes_of(found)
    usable, resting = [], []
    for row, standing in zip(found, entitlements_selector.standings(found), strict=True):
        why = rule.why_not(standing, at)
        held = Held(row, standing, promises[row.pk], partners.get(row.pk, ""))
        if why is None or why is Why.RESERVED:
            usable.append(held)
        elif why in (Why.CLEARED, Why.CLOSED, Why.PAUSED, Why.NOT_YET):
            resting.append(held)
    return Codes(usable, resting)


def in_force_for(*, merchant_id: int, member: Member, at: dt.datetime) -> list[Benefit]:
    """The benefits in force that are for a member who is not held out of them, the newest first. At most one query more
    an audience."""
    rows = Benefit.objects.of(merchant_id).filter(
        Q(from_at=None) | Q(from_at__lte=at),
        Q(to_at=None) | Q(to_at__gt=at),
        status=BenefitStatus.PUBLISHED,
    )
    known: dict[str, bool] = {}
    found = []
    for benefit in rows.order_by("-published_at", "-id")[:MOST]:
        name = json.dumps(benefit.audience, sort_keys=True)
        if name not in known:
            known[name] = benefit.audience == EVERYONE or bool(
                audiences.among(
                    merchant_id=merchant_id, audience=benefit.audience, member_ids=[member.pk], at=at
                )
            )
        if known[name] and not is_held(benefit.public_id, benefit.holdout_percent, member.pk):
            found.append(benefit)
    return found


def is_claimed(benefit: Benefit) -> bool:
    """Whether members claim it themselves: it has codes, and neither an occasion, an order nor points bring them."""
    kind = KINDS.get(benefit.kind)
    return kind is not None and kind.is_claimed(benefit.settings)


def is_by_itself(benefit: Benefit) -> bool:
    """Whether it is listed as working without an act of the member: draws are entered, rewards exchanged."""
    kind = KINDS.get(benefit.kind)
    is_draw = kind is not None and kind.is_draw
    return not (is_claimed(benefit) or is_draw or benefit.kind in (EXCHANGED, CHECKED_IN))


def claimable(*, merchant_id: int, member: Member, benefits: Sequence[Benefit]) -> list[Benefit]:
    """Those of the benefits in force that a member can claim: something is left, and they had not as many in all as one
    may. The service looks again. One query."""
    offered = [each for each in benefits if is_claimed(each) and each.stock != 0]
    had: dict[int, int] = {}
    rows = Entitlement.objects.of(merchant_id).filter(member_id=member.pk)
    rows = rows.filter(benefit_id__in=[each.pk for each in offered]).exclude(state=rule.State.REVOKED)
    for benefit_id in rows.values_list("benefit_id", flat=True):
        had[benefit_id] = had.get(benefit_id, 0) + 1
    found = []
    for each in offered:
        life = terms_of(KINDS[each.kind], each.settings, is_claim=True).per_life
        if life is None or had.get(each.pk, 0) < life:
            found.append(each)
    return found
