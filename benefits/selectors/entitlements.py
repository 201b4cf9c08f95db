"""Reading entitlements: one by its code, those of a member, what was done with them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from django.db.models import QuerySet

from benefits.lib import entitlements as rule
from benefits.lib.kinds import KINDS, Kind, Settings
from benefits.lib.scope import Scope
from benefits.models import (
    BenefitRevision,
    Entitlement,
    EntitlementSource,
    EntitlementUse,
    PaidWith,
    QueuedCode,
    UseAction,
)
from benefits.selectors import draws
from members.models import Closure, Member, MemberStatus, Program, ProgramStatus


def locked(*, merchant_id: int, code: str) -> Entitlement | None:
    """The entitlement of a code as it is stored, locked, with its member and benefit; None for another merchant's."""
    rows = Entitlement.objects.of(merchant_id).select_for_update(of=("self",))
    return rows.select_related("member", "benefit").filter(code=code).first()


def by_code(*, merchant_id: int, code: str) -> Entitlement | None:
    """The entitlement of a code as it is stored, with its member and benefit. One query."""
    rows = Entitlement.objects.of(merchant_id).select_related("member", "benefit")
    return rows.filter(code=code).first()


@dataclass(frozen=True, slots=True)
class Promise:
    """What an entitlement gives: its benefit's kind and settings as they were when it was issued. What the benefit
    became since is for those who come later. scope: where it can be used, as it was then. won: the prize, as it
    was published, of one that was won in a draw."""

    code: str
    settings: Settings
    won: Settings | None = None
    scope: Scope = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """One that no longer exists bounds nothing."""
        return KINDS.get(self.code) or Kind()


def promises(entitlements: Iterable[Entitlement]) -> dict[int, Promise]:
    """What entitlements of one merchant give, by their ids; their benefits are read. At most two queries, none where no
    benefit was revised since and nothing was won in a draw."""
    entitlements = list(entitlements)
    found, older = {}, []
    for each in entitlements:
        if each.revision == each.benefit.revision:
            found[each.pk] = Promise(each.benefit.kind, each.benefit.settings, scope=each.benefit.scope)
        else:
            older.append(each)
    if older:
        rows = BenefitRevision.objects.of(older[0].merchant_id).filter(
            benefit_id__in={each.benefit_id for each in older}, number__in={each.revision for each in older}
        )
        said = {
            (row.benefit_id, row.number): Promise(row.kind, row.settings, scope=row.scope) for row in rows
        }
        found |= {each.pk: said[each.benefit_id, each.revision] for each in older}
    for pk, prize in draws.prizes_of(entitlements).items():
        found[pk] = replace(found[pk], settings=found[pk].settings | {"prizes": [prize]}, won=prize)
    return found


def standing(entitlement: Entitlement, program: Program, closed_since: dt.datetime | None) -> rule.Standing:
    """All that decides whether it can be used; its member and benefit are read already. Runs no query."""
    benefit = entitlement.benefit
    return rule.Standing(
        state=entitlement.state,
        uses_left=entitlement.uses_left,
        valid_from=entitlement.valid_from,
        valid_until=entitlement.valid_until,
        reserved_until=entitlement.reserved_until,
        # A prize is issued when its draw is over, and owed whatever becomes of the program.
        is_paid=entitlement.paid_with != PaidWith.NOTHING or entitlement.source == EntitlementSource.DRAW,
        benefit_status=benefit.status,
        benefit_to=benefit.to_at,
        program=program.status,
        closed_since=closed_since,
        is_member=entitlement.member.status == MemberStatus.ACTIVE,
    )


def standings(entitlements: Sequence[Entitlement]) -> list[rule.Standing]:
    """The same of some of one merchant, for who locks nothing; members and benefits are read. At most two queries."""
    if not entitlements:
        return []
    merchant_id = entitlements[0].merchant_id
    program = Program.objects.get(merchant_id=merchant_id)
    since = None
    if program.status != ProgramStatus.OPEN:
        row = Closure.objects.filter(merchant_id=merchant_id, to_at=None).first()
        since = None if row is None else row.from_at
    return [standing(each, program, since) for each in entitlements]


def of_member(*, merchant_id: int, member: Member) -> QuerySet[Entitlement]:
    """A member's entitlements with their benefits, the newest first. Runs no query."""
    rows = Entitlement.objects.of(merchant_id).filter(member_id=member.pk)
    return rows.select_related("benefit", "member").order_by("-id")


def uses(*, merchant_id: int, entitlement_id: int) -> list[EntitlementUse]:
    """What was done with one, the newest first. One query."""
    rows = EntitlementUse.objects.of(merchant_id).filter(entitlement_id=entitlement_id)
    return list(rows.order_by("-id")[:100])


def use_by_id(*, merchant_id: int, public_id: str) -> EntitlementUse | None:
    """One act by the id shown outside. One query."""
    return EntitlementUse.objects.of(merchant_id).filter(public_id=public_id).first()


def queued(*, merchant_id: int, key: str) -> QueuedCode | None:
    """What came of a code that a till took without a connection, with its redemption. One query."""
    rows = QueuedCode.objects.of(merchant_id).filter(key=key)
    return rows.select_related("use__entitlement__benefit", "use__entitlement__member").first()


def undoable(*, merchant_id: int, user_id: int, at: dt.datetime, most: int = 10) -> list[EntitlementUse]:
    """The redemptions of a person that can still be taken back, the newest first, with member and benefit."""
    since = at - rule.UNDO
    rows = EntitlementUse.objects.of(merchant_id).filter(at__gte=since)
    taken_back = rows.filter(action=UseAction.UNDO).values("undoes")
    mine = rows.filter(action=UseAction.REDEEM, by_id=user_id).exclude(pk__in=taken_back)
    related = mine.select_related("entitlement__benefit", "entitlement__member")
    return list(related.order_by("-at", "-id")[:most])
