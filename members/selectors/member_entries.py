"""A member's ledger, entry by entry, and what is behind each of them (domain.md 6).

The explanations of a page of entries are read together: a constant number of queries however many entries.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django.db.models import QuerySet

from members.lib.bonus import Priced
from members.lib.points import EarningTerms, earning_terms, kept, points_for, share
from members.models import (
    Merchant,
    Order,
    OrderBonus,
    OrderLine,
    OrderRevision,
    PointsAllocation,
    PointsEntry,
    PointsLot,
    Refund,
    RulesVersion,
    Tier,
)

Line = tuple[str, object, int]
"""(sku, quantity, amount_minor)."""


def entries(*, merchant: Merchant, member_id: int, kind: str = "") -> QuerySet[PointsEntry]:
    """A member's entries, newest first, each with its order and its request. Runs no query."""
    rows = PointsEntry.objects.of(merchant.pk).filter(member_id=member_id).select_related("order", "request")
    if kind:
        rows = rows.filter(kind=kind)
    return rows.order_by("-sequence")


@dataclass(slots=True)
class KeptLine:
    """A line of an entry's order: what it was worth, and what it keeps after the refunds up to the entry."""

    number: int
    sku: str
    stored: int
    amount_minor: int
    refunded_minor: int
    kept: int


@dataclass(slots=True)
class Part:
    """Points of one lot that an entry took (positive) or gave back (negative). `expires_on` None: they never expire."""

    lot: int
    points: int
    expires_on: dt.date | None


@dataclass(slots=True)
class Why:
    """The numbers behind an entry: enough to do the sum again by hand.

    Of an order's entry: `exact` is amount x rate x multiplier before the floor; `priced` what campaigns and caps made
    of it, None where there were none; `before` and `after` are what the
    order had and has posted by rule; `taken` what the clawback policy let it take; `refunded` the lines that its
    refund names. `parts` are the lots that a debit took from, a cancellation gave back to, or a credit repaid a
    deficit from. `lot` is the lot that the entry made, or that expired.
    """

    entry: PointsEntry
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
    refunded: frozenset[int] = frozenset()
    amount_before_minor: int | None = None  # of the order before it was sent again
    status: str = ""
    revision: int = 1
    priced: Priced | None = None
    parts: list[Part] = field(default_factory=list)
    lot: PointsLot | None = None

    @property
    def is_first(self) -> bool:
        """Whether this is what the order earned when it came."""
        return self.entry.posting == 1 and self.before == 0 and self.refund is None

    @property
    def is_trimmed(self) -> bool:
        """Whether the policy forgot a part."""
        return self.entry.kind == "clawback" and self.taken < self.before - self.after

    @property
    def lines_concerned(self) -> list[KeptLine]:
        """The lines that a refund names, or all."""
        return [line for line in self.lines if not self.refunded or line.number in self.refunded]


def why(*, merchant: Merchant, member_id: int, sequence: int) -> Why | None:
    """The arithmetic of one entry; None when the member has none of that number."""
    entry = entries(merchant=merchant, member_id=member_id).filter(sequence=sequence).first()
    return None if entry is None else whys(merchant=merchant, member_id=member_id, rows=[entry])[0]


def whys(*, merchant: Merchant, member_id: int, rows: Sequence[PointsEntry]) -> list[Why]:
    """The arithmetic of some entries of one member, in their order. Eight queries at most."""
    behind = _Behind(merchant, member_id, rows)
    return [behind.why(entry) for entry in rows]


class _Behind:
    """What the explanations of some entries need, read at once."""

    def __init__(self, merchant: Merchant, member_id: int, rows: Sequence[PointsEntry]) -> None:
        self.merchant, self.digits = merchant, get_currency_precision(merchant.currency)
        of = merchant.pk
        orders = {row.order_id for row in rows if row.order is not None and row.order.per_major is not None}
        self.revisions: dict[int, list[OrderRevision]] = defaultdict(list)
        self.refunds: dict[int, list[Refund]] = defaultdict(list)
        self.lines: dict[int, list[Line]] = defaultdict(list)
        self.tiers: dict[int, Tier] = {}
        self.bonuses: dict[int, dict[str, Any]] = {}
        self.versions: dict[int, RulesVersion] = {}
        if orders:
            for revision in OrderRevision.objects.of(of).filter(order_id__in=orders).order_by("revision"):
                self.revisions[revision.order_id].append(revision)
            for refund in Refund.objects.of(of).filter(order_id__in=orders).order_by("pk"):
                self.refunds[refund.order_id].append(refund)
            stored = OrderLine.objects.of(of).filter(order_id__in=orders).order_by("order_id", "number")
            for order_id, *line in stored.values_list("order_id", "sku", "quantity", "amount_minor"):
                self.lines[order_id].append((line[0], line[1], line[2]))
            self.tiers = {tier.pk: tier for tier in Tier.objects.of(of)}
            bonuses = OrderBonus.objects.of(of).filter(order_id__in=orders)
            self.bonuses = dict(bonuses.values_list("order_id", "kept"))
        self._rules(rows)
        self._lots(member_id, rows)

    def _rules(self, rows: Sequence[PointsEntry]) -> None:
        numbers = {row.order.rules_version if row.order else row.rules_version for row in rows} - {None}
        if numbers:
            found = RulesVersion.objects.of(self.merchant.pk).filter(number__in=numbers)
            self.versions = {version.number: version for version in found}

    def _lots(self, member_id: int, rows: Sequence[PointsEntry]) -> None:
        """The allocations of the entries, and every lot that they or the entries name."""
        of, sequences = self.merchant.pk, [row.sequence for row in rows]
        self.allocations: dict[int, list[PointsAllocation]] = defaultdict(list)
        found = PointsAllocation.objects.of(of).filter(member_id=member_id, sequence__in=sequences)
        for allocation in found.order_by("sequence", "pk"):
            self.allocations[allocation.sequence].append(allocation)
        numbers = {each.lot for every in self.allocations.values() for each in every}
        numbers |= {row.sequence if row.lot is None else row.lot for row in rows}
        lots = PointsLot.objects.of(of).filter(member_id=member_id, number__in=numbers)
        self.lots = {lot.number: lot for lot in lots}

    def why(self, entry: PointsEntry) -> Why:
        """One entry's."""
        order = entry.order
        version = order.rules_version if order is not None else entry.rules_version
        answer = Why(
            entry=entry,
            order=order,
            taken=-(entry.points + entry.pending),
            version=self.versions.get(version or 0),
            parts=[
                Part(each.lot, each.points, self.lots[each.lot].expires_on if each.lot in self.lots else None)
                for each in self.allocations[entry.sequence]
            ],
            lot=self.lots.get(entry.sequence if entry.lot is None else entry.lot),
        )
        if order is not None and order.per_major is not None:
            self._set_terms(answer, order)
            self._set_amounts(answer, order)
        return answer

    def _set_terms(self, answer: Why, order: Order) -> None:
        assert order.per_major is not None
        answer.terms = earning_terms(
            rules_version=order.rules_version or 0,
            tier_id=order.tier_id or 0,
            per_major=order.per_major,
            multiplier=order.multiplier or Decimal(1),
            minor_digits=self.digits,
        )
        answer.tier = self.tiers.get(order.tier_id or 0)

    def _set_amounts(self, answer: Why, order: Order) -> None:
        """The order as it was when the entry was posted, and just before."""
        entry, terms = answer.entry, answer.terms
        assert terms is not None
        lines = self._lines_then(answer, order)
        refunds = self.refunds[order.pk]
        answer.refund = next((row for row in refunds if row.refund == entry.refund), None)
        answer.amount_minor = sum(line[2] for line in lines)
        major = Decimal(answer.amount_minor).scaleb(-self.digits)
        answer.exact = (major * terms.per_major * terms.multiplier).normalize()
        answer.priced = self._priced(answer, order)
        if answer.priced is None:
            answer.whole = points_for(answer.amount_minor, terms)
            stored = share(answer.whole, [line[2] for line in lines])
        else:
            answer.whole, stored = answer.priced.points, answer.priced.lines
        before = _refunded(len(lines), [row for row in refunds if _is_before(row, entry)])
        done = list(before)
        if answer.refund is not None:
            answer.refunded = frozenset(number for number, _amount in answer.refund.lines)
            for number, amount in answer.refund.lines:
                done[number - 1] += amount
        answer.after = _target(stored, lines, done) if answer.status == "paid" else 0
        if answer.refund is not None:
            # What was refunded while the program was not open is taken with the next: the order had that too.
            answer.before = max(_target(stored, lines, before), answer.after + answer.taken)
        elif entry.kind == "confirm":
            answer.before = answer.after
        answer.lines = [
            KeptLine(
                number=number,
                sku=str(line[0]),
                stored=points,
                amount_minor=line[2],
                refunded_minor=back,
                kept=kept(points, line[2], back) if line[2] else 0,
            )
            for number, (line, points, back) in enumerate(zip(lines, stored, done, strict=True), start=1)
        ]

    def _priced(self, answer: Why, order: Order) -> Priced | None:
        """How the order's revision of then was priced, where campaigns or caps concern it."""
        found = self.bonuses.get(order.pk, {}).get("priced", {})
        spec = found.get(str(answer.revision))
        return None if spec is None else Priced.read(spec)

    def _lines_then(self, answer: Why, order: Order) -> Sequence[Line]:
        """The order's lines at the entry; sets its status then, and its amount and points before it was sent again."""
        entry, revisions = answer.entry, self.revisions[order.pk]
        replaced = [row for row in revisions if row.sequence < entry.sequence]
        if replaced and entry.refund is None and entry.kind != "confirm":
            # Neither a refund nor a confirmation wrote the entry: it is what the last change of the order moved.
            answer.amount_before_minor = sum(line[2] for line in replaced[-1].lines)
            answer.before = replaced[-1].posted
        replaced_later = revisions[len(replaced)] if len(replaced) < len(revisions) else None
        answer.revision = replaced_later.revision if replaced_later else order.revision
        if replaced_later is None:
            answer.status = order.status
            return self.lines[order.pk]
        answer.status = replaced_later.status
        return [tuple(line) for line in replaced_later.lines]


def _is_before(refund: Refund, entry: PointsEntry) -> bool:
    """Whether a refund was stored before the entry, and is not the one that wrote it."""
    return refund.refund != entry.refund and refund.sequence < entry.sequence


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
