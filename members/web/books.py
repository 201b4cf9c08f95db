"""The books of points: what is owed and how it came to that, closed months, and both as files (domain.md 6)."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_safe

from members.lib.books import LEAST_MONTHS, LEAST_POINTS, Breakage
from members.models import PointsStatement
from members.selectors import books
from members.selectors.books import Books
from members.web import book_words, csv_files, gates
from members.web.book_words import MOVED, month_text
from members.web.request import StaffRequest

CHARTED = 24  # months
MONTHS_HEAD = (
    gettext_lazy("Month"), gettext_lazy("State"), gettext_lazy("Opening balance"), *MOVED.values(),
    gettext_lazy("Closing balance"), gettext_lazy("Available"), gettext_lazy("Pending"),
    gettext_lazy("Held for redemptions"), gettext_lazy("Owed by members"), gettext_lazy("Currency"),
    gettext_lazy("Cost per point"), gettext_lazy("Liability"), gettext_lazy("Liability after breakage"),
    gettext_lazy("Closed at"), gettext_lazy("Seal"),
)  # fmt: skip
OWED_HEAD = (
    gettext_lazy("Last usable in"), gettext_lazy("Points"), gettext_lazy("Currency"), gettext_lazy("Liability"),
    gettext_lazy("Liability after breakage"),
)  # fmt: skip


def _books(request: StaffRequest) -> Books:
    return books.books_at(merchant=request.merchant, at=timezone.now())


@gates.staff(read=gates.READERS)
@require_safe
def books_page(request: StaffRequest) -> HttpResponse:
    """What is owed now, what moved month by month, the estimate with its basis, and every month that is closed."""
    found = _books(request)
    if found.is_empty:
        return render(request, "members/books/page.html", {"books": found})
    lines = book_words.owed(found.buckets, found.pots, found.cost, found.breakage)
    shown = found.months[-CHARTED:]
    context = {
        "books": found,
        "lines": lines,
        "total": book_words.total(lines),
        "owed_names": [_("Points")],
        "owed_groups": [(each.label, [each.points]) for each in lines if each.month],
        "moved_groups": [
            (
                month_text(each.month),
                [each.moved.issued, max(0, -each.moved.redeemed), max(0, -each.moved.expired)],
            )
            for each in shown
        ],
        "moved_names": [str(MOVED[name]) for name in ("issued", "redeemed", "expired")],
        "closing_points": [(month_text(each.month), each.closing) for each in shown],
        "months": [
            (month_text(each.month), each, book_words.movements(each.moved))
            for each in reversed(found.months)
        ],
        "this_month": found.months[-1],
        "cost": book_words.cost_text(found.cost, request.merchant.currency),
        "currency": request.merchant.currency,
        **_breakage(found.breakage),
    }
    return render(request, "members/books/page.html", context)


def _breakage(found: Breakage | None) -> dict[str, Any]:
    """The estimate in words, and what it rests on."""
    basis = found or Breakage()
    return {
        "share": None if basis.ppm is None else book_words.share_text(basis.ppm),
        "basis": basis,
        "basis_rows": [
            (month_text(month), issued, expired) for month, issued, expired in reversed(basis.months)
        ],
        "least": {"months": LEAST_MONTHS, "points": LEAST_POINTS},
    }


@gates.staff(read=gates.READERS)
@require_safe
def books_csv(request: StaffRequest) -> HttpResponse:
    """Every month, closed ones as they were closed, the oldest first."""
    found = _books(request)
    return csv_files.answer("points-books.csv", MONTHS_HEAD, [_line(request, each) for each in found.months])


def _line(request: StaffRequest, month: books.Month) -> list[Any]:
    row, pots = month.statement, month.pots
    moved = [getattr(month.moved, name) for name in MOVED]
    state = pgettext("books", "Closed") if row else pgettext("books", "Open")
    left = [pots.available, pots.pending, pots.held, pots.deficit] if pots else [""] * 4
    line: list[Any] = [month_text(month.month), state, month.opening, *moved, month.closing, *left]
    if row is None:
        return [*line, request.merchant.currency, "", "", "", "", ""]
    return [
        *line,
        row.currency,
        book_words.cost_text(row.point_cost, row.currency),
        book_words.amount(row.liability_minor, row.currency),
        book_words.amount(row.expected_minor, row.currency),
        row.closed_at.astimezone(request.merchant.zone).isoformat(),
        row.seal,
    ]


@gates.staff(read=gates.READERS)
@require_safe
def books_liability(request: StaffRequest) -> HttpResponse:
    """What is owed now by the month of expiry, as a file."""
    found, currency = _books(request), request.merchant.currency
    lines = book_words.owed(found.buckets, found.pots, found.cost, found.breakage)
    rows = [
        [each.label, each.points, currency, *_money(each, currency)]
        for each in [*lines, book_words.total(lines)]
    ]
    return csv_files.answer("points-liability.csv", OWED_HEAD, rows)


def _money(line: book_words.Owed, currency: str) -> list[str]:
    return [book_words.amount(minor, currency) for minor in (line.minor, line.expected_minor)]


def _statement(request: StaffRequest, month: str) -> PointsStatement:
    """The statement that an address names. Raises Http404, also for a month that is not closed."""
    wanted = book_words.month_of(month)
    row = wanted and books.statement_of(merchant_id=request.merchant.pk, month=wanted)
    if not row:
        raise Http404
    return row


def _owed_of(row: PointsStatement) -> list[book_words.Owed]:
    basis = books.basis_of(row)
    return book_words.owed(books.buckets_of(row), books.pots_of(row), row.point_cost, basis)


@gates.staff(read=gates.READERS)
@require_safe
def books_statement(request: StaffRequest, month: str) -> HttpResponse:
    """A closed month on a page that prints on A4."""
    row = _statement(request, month)
    lines = _owed_of(row)
    context = {
        "row": row,
        "month": month_text(row.month),
        "moved": book_words.movements(books.moved_of(row), all_lines=True),
        "lines": lines,
        "total": book_words.total(lines),
        "cost": book_words.cost_text(row.point_cost, row.currency),
        **_breakage(books.basis_of(row)),
    }
    return render(request, "members/books/statement.html", context)


@gates.staff(read=gates.READERS)
@require_safe
def books_statementcsv(request: StaffRequest, month: str) -> HttpResponse:
    """A closed month as a file: the same lines."""
    row = _statement(request, month)
    head = (pgettext("books", "Line"), _("Points"), _("Currency"), _("Liability"))
    lines = [
        [label, points, row.currency if minor is not None else "", book_words.amount(minor, row.currency)]
        for label, points, minor in book_words.statement_lines(row, _owed_of(row))
    ]
    lines.append([_("Seal"), row.seal])
    return csv_files.answer(f"points-statement-{month_text(row.month)}.csv", head, lines)
