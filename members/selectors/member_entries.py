"""A member's ledger, entry by entry, and the arithmetic behind one of them (domain.md 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from babel.numbers import get_currency_precision
from django.db.models import QuerySet

from members.lib.points import EarningTerms, earning_terms, kept, points_for, share
from members.models import Merchant, Order, OrderLine, OrderRevision, PointsEntry, Refund, RulesVersion, Tier
from members.selectors.entry_lots import Lots, lots_of

Line = tuple[str, object, int]
"""(sku, quantity, amount_minor)."""


def entries(*, merchant: Merchant, member_id: int, kind: str = "") -> QuerySet[PointsEntry]:
    """A member's entries, newest first, each with its order and request. Runs no query."""
    rows = PointsEntry.objects.of(merchant.pk).filter(member_id=member_id).select_related("order", "request")
    if kind:
        rows = rows.filter(kind=kind)
    return rows.order_by("-sequence")


@dataclass(slots=True)
class KeptLine:
    """A line whose refund moved points: what it was worth, and what it keeps."""

    number: int
    sku: str
    stored: int
    amount_minor: int
    refunded_minor: int
    kept: int


@dataclass(slots=True)
class Why:
    """The numbers behind an entry: enough to do the sum again by hand.

    `exact` is amount x rate x multiplier before the floor; `before` and `after` are what the order had and has
    posted by rule; `taken` what the clawback policy let it take. `lots` says which points moved.
    """

    entry: PointsEntry
    lots: Lots = field(default_factory=Lots)
    order: Order | None = None
    terms: EarningTerms | None = None
    tier: Tier | None = None
    version: RulesVersion | None = None
    amount_minor: int = 0
    exact: Decimal = Decimal(0)
    whole: int = 0
    before: int = 0
    after: int = 0
    taken: int = 0
    refund: Refund | None = None
    lines: list[KeptLine] = field(default_factory=list)
    amount_before_minor: int | None = None  # of the order before it was sent again
    status: str = ""

    @property
    def is_first(self) -> bool:
        """Whether this is what the order earned when it came."""
        return self.entry.posting == 1 and self.before == 0 and self.refund is None

    @property
    def is_trimmed(self) -> bool:
        """Whether the policy forgot a part."""
        return self.entry.kind == "clawback" and self.taken < self.before - self.after


def why(*, merchant: Merchant, member_id: int, sequence: int) -> Why | None:
    """The arithmetic of one entry; None when the member has none of that number. At most ten queries."""
    entry = entries(merchant=merchant, member_id=member_id).filter(sequence=sequence).first()
    if entry is None:
        return None
    answer = Why(entry=entry, order=entry.order, taken=-entry.points - entry.pending)
    answer.lots = lots_of(merchant=merchant, entry=entry)
    if entry.order is None or entry.order.per_major is None:
        answer.version = _version(merchant, entry.rules_version)
        return answer
    order = entry.order
    revisions = list(OrderRevision.objects.of(merchant.pk).filter(order_id=order.pk).order_by("revision"))
    refunds = list(Refund.objects.of(merchant.pk).filter(order_id=order.pk).order_by("at", "pk"))
    _set_terms(answer, merchant)
    _set_amounts(answer, merchant, revisions, refunds)
    return answer


def _set_terms(answer: Why, merchant: Merchant) -> None:
    order = answer.order
    assert order is not None
    assert order.per_major is not None
    answer.terms = earning_terms(
        rules_version=order.rules_version or 0,
        tier_id=order.tier_id or 0,
        per_major=order.per_major,
        multiplier=order.multiplier or Decimal(1),
        minor_digits=get_currency_precision(merchant.currency),
        pending_days=order.pending_days or 0,
    )
    answer.tier = Tier.objects.of(merchant.pk).filter(pk=order.tier_id).first()
    answer.version = _version(merchant, order.rules_version)


def _version(merchant: Merchant, number: int | None) -> RulesVersion | None:
    return RulesVersion.objects.of(merchant.pk).filter(number=number or 0).first()


def _set_amounts(
    answer: Why, merchant: Merchant, revisions: Sequence[OrderRevision], refunds: Sequence[Refund]
) -> None:
    """The order as it was when the entry was posted, and just before."""
    order, entry, terms = answer.order, answer.entry, answer.terms
    assert order is not None
    assert terms is not None
    replaced_later = [row for row in revisions if row.replaced_at > entry.at]
    if replaced_later:
        lines: list[Line] = [tuple(line) for line in replaced_later[0].lines]
        answer.status = replaced_later[0].status
    else:
        stored = OrderLine.objects.of(merchant.pk).filter(order_id=order.pk).order_by("number")
        lines = list(stored.values_list("sku", "quantity", "amount_minor"))
        answer.status = order.status
    replaced_then = [row for row in revisions if row.replaced_at == entry.at]
    posted_before: int | None = None
    if replaced_then and entry.refund is None:
        answer.amount_before_minor = sum(line[2] for line in replaced_then[0].lines)
        posted_before = replaced_then[0].posted
    answer.refund = next((row for row in refunds if row.refund == entry.refund), None)
    answer.amount_minor = sum(line[2] for line in lines)
    digits = get_currency_precision(merchant.currency)
    major = Decimal(answer.amount_minor).scaleb(-digits)
    answer.exact = (major * terms.per_major * terms.multiplier).normalize()
    answer.whole = points_for(answer.amount_minor, terms)
    stored_points = share(answer.whole, [line[2] for line in lines])
    done = _refunded(len(lines), [row for row in refunds if _is_before(row, entry)])
    before_this = done
    if answer.refund is not None:
        before_this = list(done)
        done = list(done)
        for number, amount in answer.refund.lines:
            done[number - 1] += amount
    was_paid = answer.status == "paid"
    answer.after = _target(stored_points, lines, done) if was_paid else 0
    if answer.refund is not None:
        answer.before = _target(stored_points, lines, before_this)
    elif posted_before is not None:
        answer.before = posted_before
    else:
        answer.before = answer.after - entry.points - entry.pending
    if answer.refund is not None:
        answer.lines = [
            KeptLine(
                number=number,
                sku=lines[number - 1][0],
                stored=stored_points[number - 1],
                amount_minor=lines[number - 1][2],
                refunded_minor=done[number - 1],
                kept=kept(stored_points[number - 1], lines[number - 1][2], done[number - 1]),
            )
            for number, _amount in answer.refund.lines
        ]


def _is_before(refund: Refund, entry: PointsEntry) -> bool:
    """Whether a refund was stored before the entry's own refund, or before the entry."""
    return refund.refund != entry.refund and refund.at <= entry.at


def _refunded(count: int, refunds: Sequence[Refund]) -> list[int]:
    done = [0] * count
    for refund in refunds:
        for number, amount in refund.lines:
            if number <= count:
                done[number - 1] += amount
    return done


def _target(points: Sequence[int], lines: Sequence[Line], refunded: Sequence[int]) -> int:
    return sum(
        kept(stored, line[2], back)
        for stored, line, back in zip(points, lines, refunded, strict=True)
        if line[2]
    )
