"""One call's orders and refunds on their way into the books: checked, resolved, loaded, folded (`orders` writes)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from members.lib.bulk import KEY_BY_KEY, array_literal
from members.lib.posting import (
    Changes,
    Event,
    MemberState,
    OrderKey,
    OrderPut,
    OrderRefund,
    Rules,
    fold,
)
from members.lib.refusals import Invalid, NotFound, Refusal
from members.models import Member, Merchant, Store
from members.services import posting
from members.services.member_lists import check_channel, check_printable, identify_many
from members.services.order_items import Batch, Item, Live, OrderIn, Outcome, RefundIn

LONGEST_ORDER_ID, LONGEST_SCENE = 128, 32
MOST_MINOR, MOST_PIECES = 10**15, 10**11  # of one line


class Desk:
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
        known = (
            set(Member.objects.of(self.merchant).filter(id__in=given).values_list("id", flat=True))
            if given
            else given
        )
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
        self.stores = self._known_stores()
        if new := sorted(wanted - set(self.stores)):
            Store.objects.bulk_create(
                [
                    Store(merchant=self.merchant, channel=channel, code=code, name=code)
                    for channel, code in new
                ],
                ignore_conflicts=True,  # somebody else's order may name the same new store just now
            )
            self.stores = self._known_stores()

    def _known_stores(self) -> dict[tuple[str, str], int]:
        found = Store.objects.of(self.merchant).values_list("channel", "code", "id")
        return {(channel, code): store_id for channel, code, store_id in found}

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
        owners = _owners(self.merchant.pk, keys)
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
                event = _put_of(at, item)
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
            became = "created" if revision is None else "unchanged" if revision == now else "changed"
            self.batch.outcomes[place] = Outcome(
                became, order, None, order.member_id, order.net_minor, order.posted
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


def _put_of(at: dt.datetime, item: OrderIn) -> OrderPut:
    status: Any = item.status  # the pure rule refuses one that nobody knows
    lines: Any = item.lines
    return OrderPut(at, item.key, lines, status, item.paid_at, item.completed_at, item.scene)


def _owners(merchant_id: int, keys: set[OrderKey]) -> set[int]:
    """The members of stored orders, before their locks are taken; an order's member never changes once set."""
    if not keys:
        return set()
    channels, external_ids = zip(*keys, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct o.member_id from unnest(%s::text[], %s::text[]) as k (channel, external_id) "
            "cross join lateral (select member_id from members_order where merchant_id = %s and channel = k.channel "
            f"and external_id = k.external_id {KEY_BY_KEY}) o where o.member_id is not null",
            [array_literal(channels), array_literal(external_ids), merchant_id],
        )
        return {row[0] for row in cursor.fetchall()}


def _check(item: OrderIn | RefundIn) -> None:
    """Raises Invalid for an unknown channel or an id or line out of shape."""
    check_channel(item.channel)
    if not item.external_id or len(item.external_id) > LONGEST_ORDER_ID:
        raise Invalid.on("external_id", _("An order number has 1 to 128 characters."))
    if isinstance(item, RefundIn):
        if not item.refund or len(item.refund) > LONGEST_ORDER_ID:
            raise Invalid.on("refund_id", _("A refund's number has 1 to 128 characters."))
        check_printable("external_id", item.external_id)
        check_printable("refund_id", item.refund)
        return
    if not f"{item.external_id}{item.member_key}{item.store}{item.scene}".isprintable():
        for name, text in (
            ("external_id", item.external_id),
            ("buyer", item.member_key),
            ("store", item.store),
            ("scene", item.scene),
        ):
            check_printable(name, text)
    if len(item.scene) > LONGEST_SCENE:
        raise Invalid.on("scene", _("A scene has at most %(most)s characters.") % {"most": LONGEST_SCENE})
    for number, (sku, quantity, amount_minor) in enumerate(item.lines, start=1):
        if not sku or len(sku) > LONGEST_ORDER_ID:
            problem = _("Line %(line)s: a SKU has 1 to 128 characters.") % {"line": number}
            raise Invalid.on(f"lines[{number - 1}].sku", problem)
        if not sku.isprintable():
            check_printable(f"lines[{number - 1}].sku", sku)
        if abs(amount_minor) >= MOST_MINOR or not -MOST_PIECES < quantity < MOST_PIECES:
            problem = _("Line %(line)s: the number is too large.") % {"line": number}
            raise Invalid.on(f"lines[{number - 1}]", problem)
