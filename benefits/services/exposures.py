"""Writing down who could have a benefit of which some are held out, from when on: both arms alike (domain.md 8).

An effect is measured by intention to treat, so a member counts from the first instant at which they would have had the
benefit, whatever they did then: where something brings it, when it is brought (stock, limits and budget come after);
where members claim it, from when it is in force for them. Nothing is written for benefits without a control group.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from benefits.lib.audience import plans_of, segments_of, tiers_of
from benefits.lib.holdouts import is_held
from benefits.lib.kinds import KINDS
from benefits.models import Benefit, BenefitStatus, GiftCampaign
from benefits.selectors import audiences, effects
from members.lib import queue
from members.lib import tenant as tenancy
from members.lib.set_based import bigints
from members.models import Program, ProgramStatus

TASK = "benefits.enrol"
CHUNK = 5_000
LOCK = 0x656E726F  # one enrolment of a benefit at a time
WRITE = """
insert into benefits_exposure (merchant_id, benefit_id, campaign_id, member_id, at, is_held)
select %(merchant)s, %(benefit)s, %(campaign)s, x.member_id, {at}, x.is_held
from unnest(%(members)s::bigint[], %(helds)s::bool[]) x (member_id, is_held) {joined}
on conflict do nothing
"""
# From when on a member could claim it: joined, in the tier. Who came into a segment when nobody knows: they are found.
JOINED = "join members_member m on m.merchant_id = %(merchant)s and m.id = x.member_id"
IN_TIER = (
    f"{JOINED} left join members_tierstanding s on s.merchant_id = %(merchant)s and s.member_id = x.member_id"
)
SINCE = "least(%(at)s, greatest(%(since)s, m.joined_at{more}))"
NEXT = """
select m.id from members_member m where m.merchant_id = %(merchant)s and m.id > %(after)s and m.status = 'active'
and not exists (select from benefits_exposure e where e.merchant_id = %(merchant)s and e.benefit_id = %(benefit)s
    and e.campaign_id is null and e.member_id = m.id)
order by m.id limit %(chunk)s
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried on some members and kept from others: a benefit, or a campaign that gives it."""

    benefit: Benefit
    campaign_id: int | None
    key: str
    percent: int

    @classmethod
    def of_benefit(cls, benefit: Benefit) -> Trial:
        """The benefit's own."""
        return cls(benefit, None, benefit.public_id, benefit.holdout_percent)

    @classmethod
    def of_campaign(cls, benefit: Benefit, campaign: GiftCampaign | None) -> Trial | None:
        """A campaign's that gives the benefit; None for none."""
        if campaign is None:
            return None
        return cls(benefit, campaign.pk, campaign.public_id, campaign.holdout_percent)


def split(trial: Trial | None, members: Sequence[int], at: dt.datetime) -> set[int]:
    """Write down that these members would have it now, and say who of them is held out. In the transaction that gives
    it to the others."""
    if trial is None or not trial.percent or not members:
        return set()
    return _write(trial, members, {"at": at}, "%(at)s", "")


def _write(
    trial: Trial, members: Sequence[int], values: dict[str, Any], instant: str, joined: str
) -> set[int]:
    helds = [is_held(trial.key, trial.percent, member_id) for member_id in members]
    given = {
        "merchant": trial.benefit.merchant_id, "benefit": trial.benefit.pk, "campaign": trial.campaign_id,
        "members": bigints(members), "helds": helds,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(WRITE.format(at=instant, joined=joined), {**values, **given})
    return {member_id for member_id, held in zip(members, helds, strict=True) if held}


def is_enrolled(benefit: Benefit) -> bool:
    """Whether members are written down because they could claim it, and not when something brings it."""
    kind = KINDS.get(benefit.kind)
    return bool(benefit.holdout_percent) and kind is not None and kind.is_claimed(benefit.settings)


def begin(benefit: Benefit, at: dt.datetime) -> None:
    """See to it that those who can claim a benefit are written down as soon as it is in force. In the transaction that
    publishes it, after it is saved; one that begins later is found by the minute's look (`requeue`)."""
    if is_enrolled(benefit) and (benefit.from_at is None or benefit.from_at <= at):
        queue.enqueue(TASK, merchant_id=benefit.merchant_id, benefit_id=benefit.pk)


def requeue(*, at: dt.datetime) -> int:
    """Send tasks for benefits that came into force and whose members are not all written down; how many. Works as
    platform, every minute."""
    with transaction.atomic():
        waiting = effects.to_enrol(at=at)
    for merchant_id, benefit_id in waiting:
        queue.enqueue(TASK, merchant_id=merchant_id, benefit_id=benefit_id)
    return len(waiting)


def enrol(*, merchant_id: int, benefit_id: int, at: dt.datetime, chunk: int = CHUNK) -> int:
    """Write down all who could claim a benefit by now and are not written down yet; how many. Works as the merchant,
    a transaction for each chunk of members; goes on where another left off, and leaves it to one who is at it."""
    done, after = 0, 0
    while True:
        with tenancy.tenant(merchant_id), transaction.atomic():
            benefit = _free(merchant_id, benefit_id, at)
            if benefit is None:
                return done
            ids = _next(benefit, after, chunk)
            done += _enrol(benefit, ids, at)
            if len(ids) < chunk:
                Benefit.objects.of(merchant_id).filter(pk=benefit_id, enrolled_at=None).update(enrolled_at=at)
                return done
            after = ids[-1]


def _free(merchant_id: int, benefit_id: int, at: dt.datetime) -> Benefit | None:
    """The benefit, if it is to be had now and nobody else is at it."""
    if not Program.objects.filter(merchant_id=merchant_id, status=ProgramStatus.OPEN).exists():
        return None
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, %s)", [LOCK, benefit_id % 2**31])
        if not cursor.fetchone()[0]:
            return None
    rows = Benefit.objects.of(merchant_id).filter(pk=benefit_id, status=BenefitStatus.PUBLISHED)
    benefit = rows.first()
    if benefit is None or not is_enrolled(benefit):
        return None
    has_begun = benefit.from_at is None or benefit.from_at <= at
    return benefit if has_begun and (benefit.to_at is None or benefit.to_at > at) else None


def _next(benefit: Benefit, after: int, chunk: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            NEXT,
            {"merchant": benefit.merchant_id, "benefit": benefit.pk, "after": after, "chunk": chunk},
        )
        return [row[0] for row in cursor.fetchall()]


def _enrol(benefit: Benefit, ids: list[int], at: dt.datetime) -> int:
    """Those of some members who are in the audience."""
    found = audiences.among(merchant_id=benefit.merchant_id, audience=benefit.audience, member_ids=ids, at=at)
    if not found:
        return 0
    since = max(each for each in (benefit.from_at, benefit.published_at) if each is not None)
    instant, joined = SINCE.format(more=""), JOINED
    if segments_of(benefit.audience) or plans_of(benefit.audience):
        instant, joined = "%(at)s", ""
    elif tiers_of(benefit.audience):
        instant, joined = SINCE.format(more=", s.since"), IN_TIER
    _write(Trial.of_benefit(benefit), found, {"at": at, "since": since}, instant, joined)
    return len(found)
