"""What every issue of entitlements has in common, one or many: is the benefit to be had, for whom, and what is left.

Limits are kept in the write. Locks, always in this order: the merchant's coverage (where stock can run out), the
benefit's row, its budget. Stock is the benefit's own column, guarded by its check; taking the last piece ends the
coverage at that instant (domain.md 3), so it writes the revision that says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _
from psycopg.errors import UniqueViolation

from benefits.lib import coverage as coverage_rule
from benefits.lib.codes import new_codes
from benefits.lib.entitlements import Terms, terms_of
from benefits.lib.kinds import KINDS, Kind
from benefits.lib.pools import is_pooled
from benefits.models import Benefit, BenefitBudget, BenefitStatus
from benefits.services import coverage, entitlement_events, pool_stock
from benefits.services.revisions import revise
from members.lib.periods import local_instant, merchant_day
from members.lib.refusals import Busy, Invalid, NotFound, Refusal
from members.lib.set_based import bigints
from members.models import Merchant
from members.services.audit import Actor

ISSUED = """
insert into benefits_entitlement (merchant_id, member_id, benefit_id, code, revision, source, cause, state, uses_total,
    uses_left, worth_minor, paid_with, paid_amount, at, valid_from, valid_until, reservation)
select %(merchant)s, x.member_id, %(benefit)s, x.code, %(revision)s, %(source)s, {cause}, 'issued', %(uses)s, %(uses)s,
    %(worth)s, %(paid_with)s, %(paid_amount)s, %(at)s, %(at)s, %(until)s, ''
from {rows}
"""
SAME = ISSUED.format(
    cause="%(cause)s", rows="unnest(%(members)s::bigint[], %(codes)s::text[]) x (member_id, code)"
)
# Those whose cause or code is there already are left out.
EACH = (
    ISSUED.format(
        cause="x.cause",
        rows="unnest(%(members)s::bigint[], %(causes)s::text[], %(codes)s::text[]) x (member_id, cause, code)",
    )
    + "on conflict do nothing "
)
RETURNING = "returning member_id, id"
MANY = 500  # from so many on they are written without looking for each that is there, and again with it if one is
KNOWN = """
select e.member_id, e.cause from unnest(%(members)s::bigint[]) x (member_id)
join benefits_entitlement e on e.merchant_id = %(merchant)s and e.member_id = x.member_id
    and e.benefit_id = %(benefit)s
"""
TAKEN = """
update benefits_benefitbudget set taken_minor = taken_minor + %(promised)s, most_minor = %(most)s
where merchant_id = %(merchant)s and benefit_id = %(benefit)s and taken_minor + %(promised)s <= %(most)s
"""

# What the codes of a benefit hold of a budget: each its most; what expired, only what was used of it.
PROMISED = """
select coalesce(sum(coalesce(worth_minor, 0)::numeric
    * (uses_total - case when state = 'expired' then uses_left else 0 end)), 0)
from benefits_entitlement where merchant_id = %s and benefit_id = %s and state <> 'revoked'
"""


class NotInForce(Refusal):
    """The benefit cannot be had now: a draft, paused, over, or not begun."""

    slug = "benefit-not-in-force"


class OutOfStock(Refusal):
    """Nothing is left, of pieces or of the budget."""

    slug = "out-of-stock"


class LimitReached(Refusal):
    """The member has had as many as the benefit gives one."""

    slug = "limit-reached"


@dataclass(slots=True)
class Counter:
    """A benefit under issue: its row is locked, stock and terms are what they are until the transaction ends."""

    benefit: Benefit
    kind: Kind
    terms: Terms
    merchant: Merchant
    at: dt.datetime
    actor: Actor

    @property
    def today(self) -> dt.date:
        """The merchant day."""
        return merchant_day(self.at, self.merchant.zone)

    @property
    def valid_until(self) -> dt.datetime | None:
        """The end of the last day on which what is issued now can be used."""
        if self.terms.valid_days is None:
            return None
        after = self.today + dt.timedelta(days=self.terms.valid_days + 1)
        return local_instant(after, dt.time.min, self.merchant.zone)


def open_counter(
    *, merchant_id: int, benefit_id: int, at: dt.datetime, actor: Actor, is_claim: bool = False
) -> Counter:
    """Lock the benefit and read what it gives. The caller holds the open program.

    Raises NotFound, Invalid (a kind without entitlements), NotInForce.
    """
    counter = reopen_counter(
        merchant_id=merchant_id, benefit_id=benefit_id, at=at, actor=actor, is_claim=is_claim
    )
    if not counter.kind.is_redeemed:
        raise Invalid(_("Benefits of this kind work by themselves: there is nothing to hand out."))
    require_in_force(counter.benefit, at)
    return counter


def reopen_counter(
    *, merchant_id: int, benefit_id: int, at: dt.datetime, actor: Actor, is_claim: bool = False
) -> Counter:
    """The same for a benefit of which something is taken back, whatever became of it. Raises NotFound, Busy."""
    rows = Benefit.objects.of(merchant_id).filter(pk=benefit_id)
    is_limited = rows.exclude(stock=None).exists()
    if is_limited:
        coverage.lock(merchant_id=merchant_id)
    benefit = rows.select_for_update(no_key=True).first()
    if benefit is None:
        raise NotFound(_("There is no such benefit."))
    if benefit.stock is not None and not is_limited:
        raise Busy(_("This benefit was changed at this very moment. Try again."))
    kind = KINDS.get(benefit.kind) or Kind()
    return Counter(
        benefit=benefit,
        kind=kind,
        terms=terms_of(kind, benefit.settings, is_claim=is_claim),
        merchant=Merchant.objects.select_related("program").get(pk=merchant_id),
        at=at,
        actor=actor,
    )


def require_in_force(benefit: Benefit, at: dt.datetime) -> None:
    """Raises NotInForce, with what a member can be told."""
    if benefit.status == BenefitStatus.PAUSED:
        raise NotInForce(_("This benefit is paused at the moment."))
    if benefit.status == BenefitStatus.DRAFT or (benefit.from_at is not None and benefit.from_at > at):
        raise NotInForce(_("This benefit has not begun yet."))
    if benefit.status == BenefitStatus.ENDED or (benefit.to_at is not None and benefit.to_at <= at):
        raise NotInForce(_("This benefit has ended."))


def take_stock(counter: Counter, pieces: int) -> None:
    """Take pieces from the stock; the last one ends the benefit's coverage. Raises OutOfStock."""
    benefit = counter.benefit
    if benefit.stock is None or not pieces:
        return
    if benefit.stock < pieces:
        if is_pooled(benefit.settings):
            raise OutOfStock(_("All codes of this benefit have been given out."))
        raise OutOfStock(_("Nothing is left of this benefit."))
    if benefit.stock == pieces:
        _observe_stock(counter, 0)
        return
    benefit.stock -= pieces
    benefit.save(update_fields=["stock"])


def give_back_stock(counter: Counter, pieces: int) -> None:
    """Pieces that were not used after all are there again; of a benefit without any left, coverage begins again. A
    partner's code is gone with the member who saw it."""
    if not is_pooled(counter.benefit.settings):
        add_pieces(counter, pieces)


def add_pieces(counter: Counter, pieces: int) -> None:
    """More pieces in the stock of a benefit that has one; of one without any left, coverage begins again."""
    benefit = counter.benefit
    if benefit.stock is None or benefit.status == BenefitStatus.ENDED:
        return
    if benefit.stock == 0:
        _observe_stock(counter, pieces)
        return
    benefit.stock += pieces
    benefit.save(update_fields=["stock"])


def _observe_stock(counter: Counter, stock: int) -> None:
    benefit = counter.benefit
    before = {"stock": benefit.stock}
    benefit.stock = stock
    revise(
        benefit,
        counter.at,
        counter.actor,
        coverage_rule.Action.STOCK,
        "benefit.stock_set",
        before,
        {"stock": stock},
    )


def take_budget(counter: Counter, pieces: int) -> None:
    """Set the most that the pieces can save aside from the benefit's budget. Raises OutOfStock."""
    most, promised = counter.terms.budget_minor, counter.terms.promised_minor * pieces
    if most is None or not promised:
        return
    benefit = counter.benefit
    _taken(benefit, most)
    values = {
        "merchant": benefit.merchant_id, "benefit": benefit.pk, "promised": promised, "most": most,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(TAKEN, values)
        if not cursor.rowcount:
            raise OutOfStock(_("The budget of this benefit is used up."))


def budget_pieces(counter: Counter) -> int | None:
    """For how many more the budget is enough; None without one."""
    most, each = counter.terms.budget_minor, counter.terms.promised_minor
    if most is None or not each:
        return None
    return max(most - _taken(counter.benefit, most), 0) // each


def _taken(benefit: Benefit, most: int) -> int:
    """What is taken from a budget; its first code makes the row."""
    row = BenefitBudget.objects.of(benefit.merchant_id).filter(benefit_id=benefit.pk).first()
    return row.taken_minor if row else _begin_budget(benefit, most, 0)


def _begin_budget(benefit: Benefit, most: int, taken: int) -> int:
    BenefitBudget.objects.create(
        merchant_id=benefit.merchant_id, benefit=benefit, taken_minor=taken, most_minor=max(most, taken)
    )
    return taken


def recount_budget(benefit: Benefit) -> None:
    """Forget the budget that a benefit had; one that it has now holds the codes of before too, which give back to it as
    the others do. The caller holds the benefit's row."""
    BenefitBudget.objects.of(benefit.merchant_id).filter(benefit_id=benefit.pk).delete()
    most = benefit.settings.get("budget_minor")
    if most is not None:
        with connection.cursor() as cursor:
            cursor.execute(PROMISED, [benefit.merchant_id, benefit.pk])
            _begin_budget(benefit, most, int(cursor.fetchone()[0]))


def give_back_budget(benefit: Benefit, amount_minor: int) -> None:
    """What was set aside and is not used goes back to the budget."""
    if amount_minor:
        with connection.cursor() as cursor:
            cursor.execute(
                "update benefits_benefitbudget set taken_minor = greatest(taken_minor - %s, 0) "
                "where merchant_id = %s and benefit_id = %s",
                [amount_minor, benefit.merchant_id, benefit.pk],
            )


def write(
    counter: Counter,
    *,
    source: str,
    who: Sequence[tuple[int, str]],
    paid_with: str = "nothing",
    paid_amount: int = 0,
) -> set[int]:
    """Insert an entitlement for each (member id, cause) that has none, set-based. The members who got one.

    A member is named once. Of a code that is there already, a matter of chance, another one is made. From a pool each
    gets a partner's code besides.
    """
    benefit, terms = counter.benefit, counter.terms
    waiting, ids = dict(who), dict[int, int]()
    values: dict[str, Any] = {
        "merchant": benefit.merchant_id,
        "benefit": benefit.pk,
        "revision": benefit.revision,
        "source": source,
        "uses": terms.uses,
        "worth": terms.worth_minor,
        "paid_with": paid_with,
        "paid_amount": paid_amount,
        "at": counter.at,
        "until": counter.valid_until,
    }
    if len(waiting) >= MANY and (written := _all_at_once(values, waiting)) is not None:
        ids, waiting = written, {}
    while waiting:
        columns: dict[str, Any] = {
            "members": list(waiting),
            "causes": list(waiting.values()),
            "codes": new_codes(len(waiting)),
        }
        with connection.cursor() as cursor:
            cursor.execute(EACH + RETURNING, {**values, **columns})
            ids |= dict(cursor.fetchall())
        waiting = {member: cause for member, cause in waiting.items() if member not in ids}
        waiting = without_known(benefit, waiting) if waiting else {}
    if ids and is_pooled(benefit.settings):
        pool_stock.hand_out(benefit, list(ids.values()), counter.at)
    entitlement_events.issued(program=counter.merchant.program, at=counter.at, ids=list(ids.values()))
    return set(ids)


def _all_at_once(values: Mapping[str, Any], who: Mapping[int, str]) -> dict[int, int] | None:
    """Insert for all of many members that one cause brings something; None, with nothing written, where one of them has
    it or a code is there already. Whoever issues holds the benefit's row, so nobody else writes of it meanwhile."""
    causes = set(who.values())
    if len(causes) > 1:
        return None
    columns: dict[str, Any] = {
        "members": bigints(who),
        "cause": causes.pop(),
        "codes": "{" + ",".join(new_codes(len(who))) + "}",
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(SAME + RETURNING, {**values, **columns})
            return dict(cursor.fetchall())
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        return None


def without_known(benefit: Benefit, causes: Mapping[int, str]) -> dict[int, str]:
    """The members of these who have no entitlement of their cause yet. One query."""
    values: dict[str, Any] = {
        "merchant": benefit.merchant_id,
        "benefit": benefit.pk,
        "members": bigints(causes),
    }
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, values)
        known = set(cursor.fetchall())
    return {member: cause for member, cause in causes.items() if (member, cause) not in known}
