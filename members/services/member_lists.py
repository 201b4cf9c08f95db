"""Many people at once: declared member lists and the customers of imported orders, set-based (domain.md 1)."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from members.lib import crypto
from members.lib.fields import ALPHABET
from members.lib.periods import merchant_day
from members.lib.phones import e164_or_none, region_of
from members.lib.refusals import Invalid
from members.models import Channel, JoinSource, Merchant
from members.services import (
    audit,
    earning,
    joining,
    occasions,
    past_orders,
    posting,
    programs,
    webhook_events,
)
from members.services.audit import Actor

CHUNK = 10_000
CHANNELS = frozenset(Channel.values)
LONGEST_EXTERNAL_ID, LONGEST_NAME = 128, 80
PUBLIC_ID_LENGTH = 16
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")  # a line break in a quoted cell does no harm
_TO_ALPHABET = bytes(ord(ALPHABET[i % len(ALPHABET)]) for i in range(256))

Key = tuple[str, str]
"""(channel, external id)."""


class Joining(NamedTuple):
    """One person of a list. A phone that is no number is left out, not refused: a list has many."""

    channel: str
    external_id: str
    joined_at: dt.datetime
    phone: str = ""
    name: str = ""
    source: str = "list"


class Joined(NamedTuple):
    """Member ids in the order of the people given, and how many of them are new."""

    ids: list[int]
    created: int


class KnownIdentity(NamedTuple):
    """An identity's row and its member, None for a customer; whether nobody knew it before."""

    id: int
    member_id: int | None
    is_new: bool = False


@transaction.atomic
def join_many(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    people: Sequence[Joining | tuple],
    consent_source: str = "",
) -> Joined:
    """Make the people of a list members: those who are members stay what they are.

    Equal to `join` one by one in the list's order with unverified phones, but for missing phones and names, which
    a list does not fill in. Past orders are linked (`past_orders`). Raises ProgramNotOpen, ProgramCleared, Invalid
    (a channel, an id, a source, a joining in the future), FreeJoinNotGranted, JoinQuotaReached (all or none join).
    """
    posting.lock_merchant(merchant_id=merchant_id, alone=True)
    program = programs.lock_open(merchant_id=merchant_id)
    merchant = Merchant.objects.get(pk=merchant_id)
    wanted = [Joining(*person) for person in people]
    _check(wanted, at)
    first: dict[Key, Joining] = {}
    for person in wanted:
        first.setdefault((person.channel, person.external_id), person)
    known = identify_many(merchant_id=merchant_id, at=at, keys=list(first), lock=True)
    new = [key for key in first if known[key].member_id is None]
    ids: dict[Key, int] = {key: row.member_id for key, row in known.items() if row.member_id is not None}
    strangers = [known[key].id for key in new if first[key].source != JoinSource.LIST]
    joining.admit(merchant=merchant, at=at, people=len(new), newcomers=strangers)
    for begin in range(0, len(new), CHUNK):
        chunk = [(known[key].id, first[key]) for key in new[begin : begin + CHUNK]]
        made = _insert(merchant, at, chunk, consent_source[:200])
        ids.update(zip(new[begin : begin + CHUNK], made, strict=True))
        webhook_events.member_joined(merchant_id=merchant_id, program=program, at=at, ids=made)
        # who was not known until now has no past orders
        pairs = zip(new[begin : begin + CHUNK], made, strict=True)
        joined = {known[key].id: member_id for key, member_id in pairs if not known[key].is_new}
        past_orders.link(merchant=merchant, program=program, at=at, joined=joined)
        arrived = [
            ids[key] for key in new[begin : begin + CHUNK] if first[key].source != JoinSource.LIST
        ]  # who stands in a declared list joined before, elsewhere
        earning.joined(merchant=merchant, program=program, at=at, actor=actor, member_ids=arrived)
        occasions.tell_joined(merchant_id=merchant_id, at=at, member_ids=arrived)
    if new:
        audit.record(
            merchant_id=merchant_id,
            at=at,
            actor=actor,
            action="members.joined",
            subject=("members", len(new)),
            after={"members": len(new), "consent_source": consent_source[:200]},
        )
    return Joined([ids[person.channel, person.external_id] for person in wanted], len(new))


def check_channel(channel: str) -> None:
    """Raises Invalid for a channel nobody knows."""
    if channel not in CHANNELS:
        problem = _("There is no channel “%(channel)s”. Known channels: %(known)s.")
        raise Invalid.on("channel", problem % {"channel": channel, "known": ", ".join(Channel.values)})


def check_identity(channel: str, external_id: str) -> None:
    """Raises Invalid for a channel nobody knows or an external id that is empty or too long."""
    check_channel(channel)
    if not external_id or len(external_id) > LONGEST_EXTERNAL_ID:
        problem = _("An external id has 1 to %(most)s characters.") % {"most": LONGEST_EXTERNAL_ID}
        raise Invalid(problem, errors={"external_id": problem})
    check_printable("external_id", external_id)


def check_printable(field: str, text: str) -> None:
    """Raises Invalid for a key with a control character: systems that compare keys drop or keep it as they like."""
    if not text.isprintable() and _CONTROL.search(text):
        raise Invalid.on(field, _("%(name)s holds a control character.") % {"name": field})


def _check(people: Sequence[Joining], at: dt.datetime) -> None:
    channels = {person.channel: person for person in people}  # one of each says whether a channel is known
    odd = (
        p
        for p in people
        if not p.external_id or len(p.external_id) > LONGEST_EXTERNAL_ID or not p.external_id.isprintable()
    )
    for person in (*channels.values(), *odd):
        check_identity(person.channel, person.external_id)
    for source in {person.source for person in people} - set(JoinSource.values):
        raise Invalid(_("There is no source “%(source)s”.") % {"source": source})
    latest = max((person.joined_at for person in people), default=at)
    if latest > at:
        raise Invalid(
            _("Nobody has joined in the future: %(joined)s is later than now.")
            % {"joined": latest.isoformat(timespec="minutes")}
        )


def identify_many(
    *, merchant_id: int, at: dt.datetime, keys: Sequence[Key], lock: bool = False
) -> dict[Key, KnownIdentity]:
    """The identities of these keys, made where nobody knew them: customers until they join.

    No gate: orders of people who have not joined are stored whatever the program's state (domain.md 2). `lock`
    keeps others from making them members until this transaction ends.
    """
    unique = sorted(set(keys))
    indexes = crypto.identity_indexes(merchant_id, unique)
    with connection.cursor() as cursor:
        found = _known(cursor, merchant_id, indexes, lock)
        missing = [place for place in range(len(unique)) if place not in found]
        if missing:
            new = _insert_identities(cursor, merchant_id, at, [(unique[n], indexes[n]) for n in missing])
            found |= {n: KnownIdentity(new[indexes[n]], None, True) for n in missing if indexes[n] in new}
            if len(found) < len(unique):  # somebody made them meanwhile
                late = [place for place in missing if place not in found]
                known = _known(cursor, merchant_id, [indexes[n] for n in late], lock)
                found |= {late[place]: identity for place, identity in known.items()}
    return {key: found[place] for place, key in enumerate(unique)}


def _known(cursor: Any, merchant_id: int, indexes: list[bytes], lock: bool) -> dict[int, KnownIdentity]:
    """The identities that exist, by the place of their index."""
    cursor.execute(
        "select k.place, i.id, i.member_id from unnest(%s::bytea[]) with ordinality k(external_index, place) "
        "join members_identity i on i.merchant_id = %s and i.external_index = k.external_index "
        + ("order by i.id for update of i" if lock else ""),
        [indexes, merchant_id],
    )
    return {place - 1: KnownIdentity(pk, member_id) for place, pk, member_id in cursor.fetchall()}


def _insert_identities(
    cursor: Any, merchant_id: int, at: dt.datetime, rows: list[tuple[Key, bytes]]
) -> dict[bytes, int]:
    """Insert identities in the order given, sealed; ids by index. One that is there already is left out."""
    ring = crypto.keyring()
    cursor.execute(
        "insert into members_identity (merchant_id, at, channel, external_id, external_index) "
        "select %s, %s, k.channel, k.external_id, k.external_index from unnest(%s::text[], %s::bytea[], %s::bytea[]) "
        "with ordinality k(channel, external_id, external_index, place) order by k.place "
        "on conflict (merchant_id, external_index) do nothing returning external_index, id",
        [
            merchant_id,
            at,
            [key[0] for key, _index in rows],
            [ring.seal(merchant_id, key[1]) for key, _index in rows],
            [index for _key, index in rows],
        ],
    )
    return {bytes(index): pk for index, pk in cursor.fetchall()}


def _public_ids(count: int) -> list[str]:
    letters = secrets.token_bytes(count * PUBLIC_ID_LENGTH).translate(_TO_ALPHABET).decode()
    return [letters[i : i + PUBLIC_ID_LENGTH] for i in range(0, len(letters), PUBLIC_ID_LENGTH)]


def _insert(
    merchant: Merchant, at: dt.datetime, chunk: list[tuple[int, Joining]], consent_source: str
) -> list[int]:
    """Insert members for identities, link them; their ids in the chunk's order."""
    columns = _columns(merchant, [person for _identity, person in chunk])
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into members_member (merchant_id, at, consent_source, status, phone_verified, public_id, "
            "joined_at, joined_on, channel, source, phone, phone_index, phone_tail, name, name_token, "
            "name_first_token, name_rest_token) "
            "select %s, %s, %s, 'active', false, p.public_id, p.joined_at, p.joined_on, p.channel, p.source, "
            "p.phone, p.phone_index, p.phone_tail, p.name, p.name_token, p.name_first, p.name_rest "
            "from unnest(%s::text[], %s::timestamptz[], %s::date[], %s::text[], %s::text[], %s::bytea[], "
            "%s::bytea[], %s::bigint[], %s::bytea[], %s::bigint[], %s::bigint[], %s::bigint[]) with ordinality "
            "p(public_id, joined_at, joined_on, channel, source, phone, phone_index, phone_tail, name, "
            "name_token, name_first, name_rest, ord) order by p.ord returning id, public_id",
            [merchant.pk, at, consent_source, *columns],
        )
        by_public_id = {public_id: member_id for member_id, public_id in cursor.fetchall()}
        ids = [by_public_id[public_id] for public_id in columns[0]]
        cursor.execute(
            "update members_identity i set member_id = l.member_id, linked_at = %s "
            "from unnest(%s::bigint[], %s::bigint[]) l(id, member_id) where i.merchant_id = %s and i.id = l.id",
            [at, [identity for identity, _person in chunk], ids, merchant.pk],
        )
    return ids


def _columns(merchant: Merchant, people: list[Joining]) -> list[list]:
    """The columns of the members to insert, in the order of the statement above."""
    ring, zone, region = crypto.keyring(), merchant.zone, region_of(merchant.currency)
    rows = []
    for public_id, person in zip(_public_ids(len(people)), people, strict=True):
        number, name = e164_or_none(person.phone, region), person.name.strip()[:LONGEST_NAME]
        rows.append(
            (
                public_id,
                person.joined_at,
                merchant_day(person.joined_at, zone),
                person.channel,
                person.source,
                ring.seal(merchant.pk, number) if number else None,
                crypto.blind_index(merchant.pk, number) if number else None,
                crypto.tail_token(merchant.pk, number) if number else None,
                ring.seal(merchant.pk, name) if name else None,
                *(crypto.name_tokens(merchant.pk, name) if name else (None, None, None)),
            )
        )
    return [list(column) for column in zip(*rows, strict=True)]
