"""Orders in: put, put again, refund; one by one or many at once, by one rule (domain.md 4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from members.lib import bulk
from members.lib.collection import no_collection
from members.lib.posting import (
    OMITTED,
    Changes,
    Event,
    MemberState,
    Omitted,
    OrderKey,
    OrderPut,
    OrderRefund,
    OrderState,
    Rules,
    fold,
)
from members.lib.refusals import Invalid, NotFound, Refusal
from members.models import Channel, Member, Merchant, Order, Store
from members.selectors import rules as rules_selector
from members.services import posting, programs, webhook_events
from members.services.audit import Actor
from members.services.member_lists import identify_many

LONGEST_ORDER_ID = 128
MOST_MINOR, MOST_PIECES = 10**15, 10**11  # of one line
CHANNELS = frozenset(Channel.values)
PART = 5_000  # items folded while the part before is written


class LineIn(NamedTuple):
    """A line as it comes in; the amount is the whole line after all discounts, in minor units."""

    sku: str
    quantity: Decimal | int
    amount_minor: int


@dataclass(slots=True)
class OrderIn:
    """An order as a channel sends it. What is left out (OMITTED) is filled in as `OrderPut` says.

    Who bought: `member_id`, or `member_key`, the buyer's external id on the channel, whose member it becomes if the
    buyer has joined. `store` is a store's code on the channel.
    """

    external_id: str
    lines: Sequence[LineIn]
    channel: str = "web"
    member_id: int | None = None
    member_key: str = ""
    store: str = ""
    status: str | Omitted = OMITTED
    paid_at: dt.datetime | Omitted | None = OMITTED
    completed_at: dt.datetime | Omitted | None = OMITTED

    @property
    def key(self) -> OrderKey:
        """Unique per merchant."""
        return (self.channel, self.external_id)


@dataclass(slots=True)
class RefundIn:
    """A refund as a channel sends it; lines None means all that is not refunded yet."""

    external_id: str
    refund: str
    channel: str = "web"
    lines: Sequence[tuple[int, int]] | None = None

    @property
    def key(self) -> OrderKey:
        """The order's key."""
        return (self.channel, self.external_id)


@dataclass(slots=True)
class Outcome:
    """What became of one item of a batch: `created`, `changed`, `unchanged`, or refused with its reason."""

    outcome: str
    order: OrderState | None = None
    refusal: Refusal | None = None


@dataclass(slots=True)
class Batch:
    """Outcomes in the order of the items, and counts by outcome."""

    outcomes: list[Outcome] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        """How many items ended so."""
        return sum(each.outcome == outcome for each in self.outcomes)


@transaction.atomic
def put_order(*, merchant_id: int, at: dt.datetime, actor: Actor, order: OrderIn) -> Outcome:
    """Store an order, or adjust it by difference; the same order again is a no-op (domain.md 4).

    Points, tier and daily totals follow in the same transaction while the program is open; while it is not, the
    order is stored and earns nothing. Raises Invalid, NotFound, OrderMemberFixed, RefundExceedsOrder.
    """
    posting.lock_merchant(merchant_id=merchant_id, alone=False)
    posting.lock_order(merchant_id=merchant_id, key=order.key)
    outcome = _work(merchant_id, [(at, order)]).outcomes[0]
    if outcome.refusal is not None:
        raise outcome.refusal
    return outcome


@transaction.atomic
def refund_order(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    channel: str,
    external_id: str,
    refund_id: str,
    lines: Sequence[tuple[int, int]] | None = None,
) -> Outcome:
    """Refund an order whole or by line; points follow under the clawback policy in force (domain.md 6).

    `lines` are (line number from 1, amount in minor units). Refused whole over what is left of any line, or of
    nothing. Raises NotFound, RefundExceedsOrder, Invalid, IdempotencyConflict.
    """
    item = RefundIn(external_id=external_id, refund=refund_id, channel=channel, lines=lines)
    posting.lock_merchant(merchant_id=merchant_id, alone=False)
    posting.lock_order(merchant_id=merchant_id, key=item.key)
    outcome = _work(merchant_id, [(at, item)]).outcomes[0]
    if outcome.refusal is not None:
        raise outcome.refusal
    return outcome


Item = tuple[dt.datetime, OrderIn | RefundIn]
Live = tuple[int, dt.datetime, OrderIn | RefundIn]
"""(place among the items, arrival, item)."""


@transaction.atomic
def put_many(*, merchant_id: int, actor: Actor, items: Sequence[Item]) -> Batch:
    """Post many orders and refunds in the order given, each arriving at its own instant (not going back).

    Equal to posting them one by one; refused items change nothing and the rest goes on. One transaction: keep a
    call to some ten thousand items.
    """
    posting.lock_merchant(merchant_id=merchant_id, alone=True)
    with no_collection():
        return _work(merchant_id, items)


def _work(merchant_id: int, items: Sequence[Item]) -> Batch:
    """Resolve buyers, load, fold per member, write."""
    batch = Batch([Outcome("") for _ in items])
    if not items:
        return batch
    program = programs.lock_for_write(merchant_id=merchant_id)
    merchant = Merchant.objects.get(pk=merchant_id)
    first = items[0][0]
    rules = rules_selector.rules_at(merchant_id=merchant_id, at=first, program=program)
    heard = webhook_events.Heard(program)
    desk = _Desk(merchant, rules, items, batch)
    desk.check()
    desk.resolve()
    desk.load(first)
    if len(items) > 2 * PART:
        _in_parts(merchant_id, desk, heard)
    else:
        desk.fold(desk.live())
        posting.write(merchant_id=merchant_id, changes=desk.changes, buyers=desk.buyers)
        heard.take(desk.changes)
    heard.leave(merchant_id=merchant_id, at=items[-1][0])
    desk.fill_in_buyers()
    desk.report()
    return batch


def _in_parts(merchant_id: int, desk: _Desk, heard: webhook_events.Heard) -> None:
    """Fold part by part, each while the database writes the one before; the parts follow each other in order.

    The folding thread touches no database and the rows of a part are made before the next is folded, so writing
    sees none of what comes after it.
    """
    live = desk.live()
    parts = [live[begin : begin + PART] for begin in range(0, len(live), PART)]
    ids = iter(bulk.next_ids(Order, sum(isinstance(item, OrderIn) for _place, _at, item in live)))

    last = Changes()  # what is a whole new value is written once, at the end

    def folded(part: list[Live]) -> posting.Prepared:
        changes = desk.changes = Changes()
        desk.fold(part)
        heard.take(changes)
        for order in changes.new_orders:
            order.id = next(ids)
        for name in ("accounts", "standings", "validities"):
            getattr(last, name).update(getattr(changes, name))
            setattr(changes, name, {})
        return posting.prepare(changes, desk.buyers)

    posting.check_references_at_once()
    with ThreadPoolExecutor(max_workers=1) as pool:
        ahead = [pool.submit(folded, part) for part in parts[:1]]
        for following in [*parts[1:], None]:
            if not ahead:
                break
            ready = ahead.pop().result()
            if following is not None:
                ahead.append(pool.submit(folded, following))
            posting.write_rows(merchant_id=merchant_id, ready=ready)
    posting.write_rows(merchant_id=merchant_id, ready=posting.prepare(last, {}))


class _Desk:
    """One call's items on their way: each becomes an event of one member's fold."""

    def __init__(self, merchant: Merchant, rules: Rules, items: Sequence[Item], batch: Batch) -> None:
        self.merchant, self.rules, self.items, self.batch = merchant, rules, items, batch
        self.changes = Changes()
        self.buyers: dict[OrderKey, tuple[int | None, int | None]] = {}
        self.identities: dict[tuple[str, str], Any] = {}
        self.stores: dict[tuple[str, str], int] = {}
        self.states: dict[int | None, MemberState] = {}
        self.owner: dict[OrderKey, int | None] = {}

    def refuse(self, place: int, refusal: Refusal) -> None:
        """Item `place` is refused."""
        self.batch.outcomes[place] = Outcome("refused", refusal=refusal)

    def live(self) -> list[Live]:
        """The items not refused yet, with their places."""
        return [
            (place, at, item)
            for place, (at, item) in enumerate(self.items)
            if self.batch.outcomes[place].refusal is None
        ]

    def check(self) -> None:
        """Shapes that the pure rule does not look at."""
        for place, (_at, item) in enumerate(self.items):
            try:
                _check(item)
            except Refusal as refusal:
                self.refuse(place, refusal)

    def resolve(self) -> None:
        """Buyers to identities and members, stores to ids."""
        live = self.live()
        first = self.items[0][0]
        keys = {
            (i.channel, i.member_key): None for _, _, i in live if isinstance(i, OrderIn) and i.member_key
        }
        if keys:
            self.identities = identify_many(merchant_id=self.merchant.pk, at=first, keys=list(keys))
        wanted = {(i.channel, i.store) for _, _, i in live if isinstance(i, OrderIn) and i.store}
        if wanted:
            self._stores(wanted)
        given = {i.member_id for _, _, i in live if isinstance(i, OrderIn) and i.member_id is not None}
        rows = Member.objects.of(self.merchant).filter(id__in=given)
        known = given and set(rows.values_list("id", flat=True))
        for place, _at, item in live:
            if isinstance(item, OrderIn):
                if item.member_id is not None and item.member_id not in known:
                    self.refuse(place, NotFound(_("There is no such member.")))
                    continue
                identity = self.identities.get((item.channel, item.member_key))
                identity_id, store_id = self.buyers.get(item.key, (None, None))
                self.buyers[item.key] = (
                    identity_id or (identity and identity.id),
                    store_id or self.stores.get((item.channel, item.store)),
                )

    def _stores(self, wanted: set[tuple[str, str]]) -> None:
        found = Store.objects.of(self.merchant).values_list("channel", "code", "id")
        self.stores = {(channel, code): store_id for channel, code, store_id in found}
        for channel, code in sorted(wanted - set(self.stores)):
            made = Store.objects.create(merchant=self.merchant, channel=channel, code=code, name=code)
            self.stores[channel, code] = made.pk

    def member_of(self, item: OrderIn) -> int | None:
        """The member an order names, itself or through its buyer; None for a customer."""
        if item.member_id is not None:
            return item.member_id
        identity = self.identities.get((item.channel, item.member_key))
        return identity.member_id if identity else None

    def load(self, first: dt.datetime) -> None:
        """Lock and load every member and order concerned."""
        live = self.live()
        keys = {item.key for _, _, item in live}
        members = {m for _, _, i in live if isinstance(i, OrderIn) and (m := self.member_of(i)) is not None}
        counts: dict[OrderKey, int] = {}
        for _place, _at, item in live:
            counts[item.key] = counts.get(item.key, 0) + 1
        repeated = any(n > 1 for n in counts.values())
        owners = posting_owners(self.merchant.pk, keys)
        posting.lock_members(merchant_id=self.merchant.pk, member_ids=members | owners)
        self.states = posting.load(
            merchant=self.merchant,
            rules=self.rules,
            member_ids=members,
            at=first,
            order_keys=keys,
            spending=members if repeated else None,
        )
        for member_id, state in self.states.items():
            for key in state.orders:
                self.owner[key] = member_id

    def fold(self, items: Sequence[Live]) -> None:
        """Each item through the fold of its member, in the order given."""
        for place, at, item in items:
            member_id = self._concerned(item)
            state = self.states[member_id]
            event: Event
            if isinstance(item, OrderIn):
                event = OrderPut(at, item.key, item.lines, item.status, item.paid_at, item.completed_at)  # type: ignore[arg-type]
            else:
                event = OrderRefund(at, item.key, item.refund, item.lines)
            known, entries = state.orders.get(item.key), None
            revision = (known.revision, known.refunded_minor, known.member_id) if known else entries
            before = self.owner.get(item.key) if item.key in self.owner else member_id
            try:
                fold(state, [event], self.rules, changes=self.changes)
            except Refusal as refusal:
                self._give_back(item.key, before, member_id)
                self.refuse(place, refusal)
                continue
            order = state.orders[item.key]
            self.owner[item.key] = order.member_id
            now = (order.revision, order.refunded_minor, order.member_id)
            self.batch.outcomes[place] = Outcome(
                "created" if revision is None else "unchanged" if revision == now else "changed", order
            )

    def _concerned(self, item: OrderIn | RefundIn) -> int | None:
        """Whose fold an item belongs to: the stored order's member, else the one it names.

        An order stored without a member moves to the one it is put with.
        """
        owner = self.owner.get(item.key)
        if isinstance(item, RefundIn):
            return owner
        named = self.member_of(item)
        if named is None:
            return owner
        if item.key in self.owner and owner != named:
            # Shown to the named member's fold: it takes an order without a member, and refuses another's.
            self.states[named].orders[item.key] = self.states[owner].orders.pop(item.key)
        return named

    def _give_back(self, key: OrderKey, owner: int | None, shown_to: int | None) -> None:
        """A refused item changes nothing: the order it was shown is its owner's again."""
        if owner != shown_to and key in self.states[shown_to].orders:
            self.states[owner].orders[key] = self.states[shown_to].orders.pop(key)

    def fill_in_buyers(self) -> None:
        """A buyer or store that an order's first put did not say is taken from a later one."""
        pairs = zip(self.items, self.batch.outcomes, strict=True)
        keys = {item.key for (_at, item), each in pairs if each.outcome in ("changed", "unchanged")}
        if told := {key: self.buyers[key] for key in keys if any(self.buyers.get(key, ()))}:
            posting.fill_in_buyers(merchant_id=self.merchant.pk, buyers=told)

    def report(self) -> None:
        """Every item has an outcome by now."""
        assert all(each.outcome for each in self.batch.outcomes)


def posting_owners(merchant_id: int, keys: set[OrderKey]) -> set[int]:
    """The members of stored orders, before their locks are taken; an order's member never changes once set."""
    if not keys:
        return set()
    channels, external_ids = zip(*keys, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct o.member_id from unnest(%s::text[], %s::text[]) as k (channel, external_id) "
            "join members_order o on o.channel = k.channel and o.external_id = k.external_id "
            "where o.merchant_id = %s and o.member_id is not null",
            [list(channels), list(external_ids), merchant_id],
        )
        return {row[0] for row in cursor.fetchall()}


def _check(item: OrderIn | RefundIn) -> None:
    """Raises Invalid for an unknown channel or an id or line out of shape."""
    if item.channel not in CHANNELS:
        raise Invalid(
            _("There is no channel “%(channel)s”.") % {"channel": item.channel}, errors={"channel": "unknown"}
        )
    if not item.external_id or len(item.external_id) > LONGEST_ORDER_ID:
        raise Invalid(_("An order number has 1 to 128 characters."), errors={"order": "length"})
    if isinstance(item, RefundIn):
        if not item.refund or len(item.refund) > LONGEST_ORDER_ID:
            raise Invalid(_("A refund's number has 1 to 128 characters."), errors={"refund": "length"})
        return
    for number, (sku, quantity, amount_minor) in enumerate(item.lines, start=1):
        if not sku or len(sku) > LONGEST_ORDER_ID:
            raise Invalid(
                _("Line %(line)s: a SKU has 1 to 128 characters.") % {"line": number},
                errors={"sku": "length"},
            )
        if abs(amount_minor) >= MOST_MINOR or not -MOST_PIECES < quantity < MOST_PIECES:
            raise Invalid(
                _("Line %(line)s: the number is too large.") % {"line": number}, errors={"lines": "range"}
            )
