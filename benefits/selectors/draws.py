"""Reading draws: one, its entries and winners, its proof file, and how a member stands in them (domain 8)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet

from benefits.lib import draws as rule
from benefits.lib.draws import Win
from benefits.models import BenefitStatus, Draw, DrawEntry, DrawState, DrawWin, Entitlement


def due(*, at: dt.datetime) -> list[tuple[int, int]]:
    """(merchant, draw) of what closed by `at` and was not drawn, the earliest first. Works as platform; one query."""
    with transaction.atomic():
        rows = Draw.objects.filter(state=DrawState.OPEN, closes_at__lte=at).order_by("closes_at", "id")
        return list(rows.values_list("merchant_id", "id"))


def closes_until(*, until: dt.datetime) -> list[dt.datetime]:
    """The instants up to `until` at which draws close that were not drawn. Works as platform; one query."""
    with transaction.atomic():
        rows = Draw.objects.filter(state=DrawState.OPEN, closes_at__lte=until)
        return list(rows.values_list("closes_at", flat=True).distinct().order_by("closes_at"))


def of_benefit(*, merchant_id: int, benefit_id: int) -> Draw | None:
    """The draw behind a benefit. One query."""
    rows = Draw.objects.of(merchant_id).select_related("benefit")
    return rows.filter(benefit_id=benefit_id).first()


def by_public_id(*, merchant_id: int, public_id: str) -> Draw | None:
    """A draw by the id shown outside. One query."""
    rows = Draw.objects.of(merchant_id).select_related("benefit")
    return rows.filter(public_id=public_id).first()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many entries there are, of how many members, and how many prizes were won."""

    entries: int
    members: int
    winners: int


def counts(draw: Draw) -> Counts:
    """Two queries."""
    rows = DrawEntry.objects.of(draw.merchant_id).filter(draw_id=draw.pk)
    found = rows.aggregate(entries=Count("pk"), members=Count("member_id", distinct=True))
    winners = DrawWin.objects.of(draw.merchant_id).filter(draw_id=draw.pk).count()
    return Counts(found["entries"], found["members"], winners)


def wins(draw: Draw) -> QuerySet[DrawWin]:
    """Who won, in the order of prizes and places, with entry, member and entitlement. Runs no query."""
    rows = DrawWin.objects.of(draw.merchant_id).filter(draw_id=draw.pk)
    return rows.select_related("entry__member", "entitlement").order_by("prize", "place")


def proof(draw: Draw) -> dict[str, Any] | None:
    """The proof file of a draw that was held; None before. Two queries."""
    if draw.state != DrawState.DRAWN:
        return None
    entrants = DrawEntry.objects.of(draw.merchant_id).filter(draw_id=draw.pk)
    rows = DrawWin.objects.of(draw.merchant_id).filter(draw_id=draw.pk).order_by("prize", "place")
    return rule.proof_of(
        rules=draw.rules,
        rules_hash=draw.rules_hash,
        commitment=draw.commitment,
        seed=draw.seed,
        root=draw.root,
        entrants=entrants.values_list("entrant", flat=True),
        won=[Win(*row) for row in rows.values_list("prize", "place", "entry__entrant")],
    )


@dataclass(frozen=True, slots=True)
class Mine:
    """A draw as one member sees it: their entries in order, and what those won."""

    draw: Draw
    entries: tuple[DrawEntry, ...]
    wins: tuple[DrawWin, ...]
    is_open: bool

    @property
    def left(self) -> int:
        """How many more entries the member may have."""
        return max(int(self.draw.rules["entries"]) - len(self.entries), 0) if self.is_open else 0


def of_member(*, merchant_id: int, member_id: int, at: dt.datetime) -> list[Mine]:
    """The draws open to entries and those that the member entered, the next to close first. Three queries.

    For pages of members: whom a draw is for is asked when they enter (`benefits.services.draws.enter`).
    """
    entered = DrawEntry.objects.of(merchant_id).filter(member_id=member_id).order_by("draw_id", "number")
    entries: dict[int, list[DrawEntry]] = {}
    for row in entered:
        entries.setdefault(row.draw_id, []).append(row)
    rows = Draw.objects.of(merchant_id).select_related("benefit")
    draws = rows.filter(pk__in=list(entries)) | rows.filter(
        state=DrawState.OPEN, opens_at__lte=at, closes_at__gt=at, benefit__status="published"
    )
    return _mine(list(draws.order_by("closes_at", "id")), entries, at)


def open_to_entries(*, merchant_id: int, at: dt.datetime) -> list[Draw]:
    """Draws that take entries at an instant, with their benefits, the next to close first. One query."""
    rows = Draw.objects.of(merchant_id).select_related("benefit")
    found = rows.filter(state=DrawState.OPEN, opens_at__lte=at, closes_at__gt=at, benefit__status="published")
    return list(found.order_by("closes_at", "id"))


def in_draw(*, draw: Draw, member_id: int, at: dt.datetime) -> Mine:
    """One draw as a member sees it. Two queries."""
    rows = DrawEntry.objects.of(draw.merchant_id).filter(member_id=member_id, draw_id=draw.pk)
    (found,) = _mine([draw], {draw.pk: list(rows.order_by("number"))}, at)
    return found


def _mine(draws: list[Draw], entries: dict[int, list[DrawEntry]], at: dt.datetime) -> list[Mine]:
    ids = [entry.pk for each in entries.values() for entry in each]
    won: dict[int, list[DrawWin]] = {}
    if ids:
        rows = DrawWin.objects.of(draws[0].merchant_id).filter(entry_id__in=ids)
        for row in rows.select_related("entitlement", "entry").order_by("prize", "place"):
            won.setdefault(row.draw_id, []).append(row)
    return [
        Mine(
            draw=each,
            entries=tuple(entries.get(each.pk, ())),
            wins=tuple(won.get(each.pk, ())),
            is_open=each.state == DrawState.OPEN
            and each.opens_at <= at < each.closes_at
            and each.benefit.status == BenefitStatus.PUBLISHED,
        )
        for each in draws
    ]


def prizes_of(entitlements: Iterable[Entitlement]) -> dict[int, dict[str, Any]]:
    """What entitlements of one merchant were won for: {entitlement id: the prize as published}. At most one query."""
    won = [each for each in entitlements if each.source == "draw"]
    if not won:
        return {}
    rows = DrawWin.objects.of(won[0].merchant_id).filter(entitlement_id__in=[each.pk for each in won])
    return {
        row.entitlement_id: row.draw.rules["prizes"][row.prize - 1] for row in rows.select_related("draw")
    }
