"""Rows into orders: what each says, which contradict themselves, in which order they arrive. All set-based."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from django.utils.translation import gettext as _

from members.services.imports import values
from members.services.imports.reading import Sheet
from members.services.imports.values import MISSING, Parsed
from members.services.order_desk import LONGEST_SCENE

Ints = npt.NDArray[np.int64]
LONGEST = {"order_id": 128, "sku": 128, "member_key": 128, "store": 64, "refund_id": 128, "name": 80,
           "phone": 32, "consent_source": 200, "scene": LONGEST_SCENE}  # fmt: skip
OF_THE_ORDER = ("ordered_at", "member_key", "store", "status", "paid_at", "completed_at", "scene")


@dataclass(slots=True)
class Checked:
    """The orders of a file by place (order of arrival), their rows beside them, and what is left out.

    Rows are indices into the arrays of rows; `row_order` lists the rows taken, order by order; those of the order
    at place p are `row_order[begins[p]:begins[p + 1]]`. Instants are microseconds, MISSING where there is none.
    """

    rows: int
    lines: Ints
    reasons: dict[int, str]  # by line of the file
    row_order: Ints
    begins: Ints
    first: Ints  # by place: the order's first row
    texts: dict[str, pa.StringArray]  # by row
    status: list[str | None] | None  # by place
    channel: list[str] | None  # by place; None: the import's
    paid_at: Ints
    completed_at: Ints | None
    joined_at: Ints | None
    quantity: Ints  # by row, thousandths
    amount: Ints  # by row, minor units
    refund_amount: Ints | None  # by row
    notes: list[str] = field(default_factory=list)

    @property
    def orders(self) -> int:
        """How many orders can be taken."""
        return len(self.first)

    @property
    def people(self) -> int:
        """How many different buyers they name."""
        keys = self.texts["member_key"].take(pa.array(self.first)).unique()
        return sum(bool(key) for key in keys.to_pylist())


class Checker:
    """One check: each step looks at one thing and names the rows that are bad."""

    def __init__(
        self, sheet: Sheet, *, zone: ZoneInfo, digits: int, channel: str, at_micros: int, order_place: int
    ) -> None:
        self.sheet, self.zone, self.digits, self.channel = sheet, zone, digits, channel
        self.order_place = order_place
        self.at_micros = at_micros
        self.rows = sheet.rows
        self.is_bad = np.zeros(self.rows, dtype=bool)
        self.reasons: dict[int, str] = {}  # by row
        self.texts: dict[str, pa.StringArray] = {}
        self.numbers: dict[str, Parsed] = {}

    def check(self) -> Checked:
        """Everything, in order."""
        columns = self.sheet.columns
        for name in (
            "order_id",
            "member_key",
            "sku",
            "store",
            "refund_id",
            "consent_source",
            "phone",
            "name",
            "scene",
        ):
            if name in columns:
                self.texts[name] = values.names(columns[name])
                self._lengths(name)
        self.order_ids = values.split(self.texts["order_id"])
        self._must_have("order_id", _("The order number is empty."))
        self._must_have("sku", _("The SKU is empty."))
        self._printable()
        self._shortened()
        status = self._words("status", values.statuses(columns["status"])) if "status" in columns else None
        channel = (
            self._words("channel", values.channels(columns["channel"], self.channel))
            if "channel" in columns
            else None
        )
        self._parse()
        codes, first = self._group(channel)
        self._contradictions(codes, first, status)
        self._broken()
        self._whole_orders(codes)
        return self._arranged(codes, first, status, channel)

    def bad(self, row: int, reason: str) -> None:
        """A row is bad; its first reason stays."""
        if not self.is_bad[row]:
            self.is_bad[row] = True
            self.reasons[row] = reason

    def _lengths(self, name: str) -> None:
        most = LONGEST[name]
        column = self.texts[name]
        if not self.rows or pc.max(pc.binary_length(column)).as_py() <= most:
            return
        for row in np.flatnonzero(pc.greater(pc.utf8_length(column), most).to_numpy(zero_copy_only=False)):
            self.bad(
                int(row), _("%(name)s has more than %(most)s characters.") % {"name": name, "most": most}
            )

    def _must_have(self, name: str, reason: str) -> None:
        for row in np.flatnonzero(pc.equal(self.texts[name], "").to_numpy(zero_copy_only=False)):
            self.bad(int(row), reason)

    def _printable(self) -> None:
        for name in ("order_id", "sku", "member_key", "store", "refund_id", "scene"):
            if name not in self.texts or values.is_plain(self.texts[name]):
                continue
            control = pc.match_substring_regex(self.texts[name], r"[\x00-\x09\x0b-\x1f\x7f]")
            for row in np.flatnonzero(control.to_numpy(zero_copy_only=False)):
                self.bad(int(row), _("%(name)s holds a control character.") % {"name": name})

    def _shortened(self) -> None:
        texts, codes = self.order_ids
        for code in np.flatnonzero(
            pc.match_substring_regex(texts, r"^\d(\.\d+)?[eE]\+\d+$").to_numpy(zero_copy_only=False)
        ):
            for row in np.flatnonzero(codes == code):
                self.bad(
                    int(row),
                    _(
                        "The order number %(id)s was shortened by a spreadsheet. "
                        "Format the column as text and export again."
                    )
                    % {"id": texts[int(code)].as_py()},
                )

    def _words(self, name: str, words: values.Words) -> values.Words:
        for code, word in enumerate(words.words):
            if word is None:
                reason = _("“%(text)s” is no %(name)s that is known here.") % {
                    "text": words.texts[code],
                    "name": name,
                }
                for row in np.flatnonzero(words.codes == code):
                    self.bad(int(row), reason)
        return words

    def _parse(self) -> None:
        columns = self.sheet.columns
        self._number("ordered_at", values.moments(columns["ordered_at"], self.zone))
        for name in ("paid_at", "completed_at", "joined_at"):
            if name in columns:
                self._number(name, values.moments(columns[name], self.zone, optional=True))
        self._number("quantity", values.quantities(columns["quantity"]))
        self._number("amount", values.amounts(columns["amount"], self.digits))
        if "refund_amount" in columns:
            self._number(
                "refund_amount", values.amounts(columns["refund_amount"], self.digits, optional=True)
            )
            if "refund_id" not in self.texts:
                self._refunds_without_key()
        if "joined_at" in self.numbers:
            for row in np.flatnonzero(self.numbers["joined_at"].values > self.at_micros):
                self.bad(int(row), _("joined_at lies in the future."))

    def _number(self, name: str, parsed: Parsed) -> None:
        self.numbers[name] = parsed
        for row in parsed.bad_rows():
            self.bad(int(row), parsed.reason(int(row)))

    def _refunds_without_key(self) -> None:
        has_amount = self.numbers["refund_amount"].values > 0
        for row in np.flatnonzero(has_amount):
            self.bad(int(row), _("A refund needs a refund_id, so that it is not taken twice."))

    def _group(self, channel: values.Words | None) -> tuple[npt.NDArray[np.int32], Ints]:
        """Each row's order, numbered by first appearance, and each order's first row."""
        texts, codes = self.order_ids
        if channel is not None:
            names = pa.array([word or "" for word in channel.words]).take(pa.array(channel.codes))
            texts, codes = values.split(pc.binary_join_element_wise(names, self.texts["order_id"], "\x1f"))
        first = np.zeros(len(texts), dtype=np.int64)
        first[codes[::-1]] = np.arange(self.rows, dtype=np.int64)[::-1]  # the last written is the first row
        return codes, first

    def _contradictions(self, codes: npt.NDArray[np.int32], first: Ints, status: values.Words | None) -> None:
        """Rows of one order that say different things of it. A cell left empty says nothing: the order takes the
        value of its first row that says one, and the others are compared with that row."""
        if len(first) == self.rows:
            return
        for name in OF_THE_ORDER:
            if name in self.numbers:
                own = self.numbers[name].values
                says = own != MISSING
            elif name == "status" and status is not None:
                ids = {word: i for i, word in enumerate(dict.fromkeys(status.words))}
                own = np.array([ids[word] for word in status.words], dtype=np.int64)[status.codes]
                says = np.array([bool(text.strip()) for text in status.texts], dtype=bool)[status.codes]
            elif name in self.texts:
                column = self.texts[name]
                if not pc.any(pc.not_equal(column, column.take(pa.array(first[codes])))).as_py():
                    continue
                own = column.dictionary_encode().indices.to_numpy().astype(np.int64)
                says = pc.not_equal(column, "").to_numpy(zero_copy_only=False)
            else:
                continue
            teller = self._tell(name, says, codes, first, status)
            for row in np.flatnonzero(says & (own != own[teller[codes]])):
                reason = _("Order %(order)s: %(name)s differs from line %(line)s.") % {
                    "order": self.texts["order_id"][int(row)].as_py(),
                    "name": name,
                    "line": int(self.sheet.lines[teller[codes[row]]]),
                }
                self.bad(int(row), reason)

    def _tell(
        self,
        name: str,
        says: npt.NDArray[np.bool_],
        codes: npt.NDArray[np.int32],
        first: Ints,
        status: values.Words | None,
    ) -> Ints:
        """Each order's first row that says something; its first row, from which it is read, then says it too."""
        telling = np.flatnonzero(says)[::-1]
        teller = first.copy()
        teller[codes[telling]] = telling  # the last written is the first row
        late = first[teller != first]
        if len(late):
            source = np.arange(self.rows, dtype=np.int64)
            source[late] = teller[codes[late]]
            if name in self.numbers:
                self.numbers[name].codes = self.numbers[name].codes[source]
            elif name == "status" and status is not None:
                status.codes = status.codes[source]
            else:
                self.texts[name] = self.texts[name].take(pa.array(source))
        return teller

    def _broken(self) -> None:
        """A row that could not be read is part of an order too: of the one it names; a cut one maybe of the last."""
        for broken in self.sheet.broken:
            named = broken.cells[self.order_place].strip() if len(broken.cells) > self.order_place else ""
            is_last_cell = len(broken.cells) == self.order_place + 1
            rows = pc.indices_nonzero(pc.equal(self.texts["order_id"], named)).to_pylist() if named else []
            before = int(np.searchsorted(self.sheet.lines, broken.line)) - 1
            may_be_cut = named and is_last_cell and before >= 0  # inside the order's number
            if may_be_cut and self.texts["order_id"][before].as_py().startswith(named):
                rows.append(before)
            for row in rows:
                self.bad(row, _left_out(broken.line))

    def _whole_orders(self, codes: npt.NDArray[np.int32]) -> None:
        """The other rows of an order with a bad row are left out with it."""
        bad = np.flatnonzero(self.is_bad)
        if not len(bad):
            return
        first_bad = {}
        for row in bad[::-1]:
            first_bad[int(codes[row])] = int(row)
        has_bad = np.zeros(int(codes.max()) + 1, dtype=bool)
        has_bad[list(first_bad)] = True
        for row in np.flatnonzero(has_bad[codes] & ~self.is_bad):
            cause = first_bad[int(codes[row])]
            self.bad(int(row), _left_out(int(self.sheet.lines[cause])))

    def _arranged(
        self,
        codes: npt.NDArray[np.int32],
        first: Ints,
        status: values.Words | None,
        channel: values.Words | None,
    ) -> Checked:
        """Orders by arrival: when paid (unpaid: when placed), then as they stand in the file."""
        taken = first[~self.is_bad[first]] if self.rows else first
        ordered_at = self.numbers["ordered_at"].values[taken]
        paid_at = ordered_at.copy()
        if "paid_at" in self.numbers:
            own = self.numbers["paid_at"].values[taken]
            paid_at = np.where(own == MISSING, ordered_at, own)
        by_arrival = np.lexsort((taken, paid_at))
        taken, paid_at = taken[by_arrival], paid_at[by_arrival]
        place_of = np.full(len(first), -1, dtype=np.int64)
        place_of[codes[taken]] = np.arange(len(taken))
        places = place_of[codes] if self.rows else np.zeros(0, dtype=np.int64)
        row_order = np.argsort(places, kind="stable")
        row_order = row_order[int((places < 0).sum()) :]
        counts = np.bincount(places[places >= 0], minlength=len(taken))
        begins = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])

        def of_orders(name: str) -> Ints | None:
            return self.numbers[name].values[taken] if name in self.numbers else None

        refunds = self.numbers.get("refund_amount")
        lines = self.sheet.lines
        reasons = {int(lines[row]): reason for row, reason in self.reasons.items()}
        reasons |= {broken.line: broken.reason for broken in self.sheet.broken}
        return Checked(
            rows=self.rows + len(self.sheet.broken),
            lines=lines,
            reasons=dict(sorted(reasons.items())),
            row_order=row_order,
            begins=begins,
            first=taken,
            texts=self.texts,
            status=None if status is None else [status.words[code] for code in status.codes[taken]],
            channel=None if channel is None else [channel.words[code] or "" for code in channel.codes[taken]],
            paid_at=paid_at,
            completed_at=of_orders("completed_at"),
            joined_at=of_orders("joined_at"),
            quantity=self.numbers["quantity"].values,
            amount=self.numbers["amount"].values,
            refund_amount=None if refunds is None else refunds.values,
        )


def _left_out(line: int) -> str:
    return _("Left out with line %(line)s of the same order.") % {"line": line}
