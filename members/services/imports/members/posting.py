"""Making a chunk of rows members, and filling in those who are: set-based, each row once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import groupby

from members.lib import bulk, crypto
from members.models import ImportedMember, ImportJob, Member, Merchant
from members.services import audit, posting, programs, tier_hand
from members.services.audit import Actor
from members.services.imports.members.books import Books, Row
from members.services.imports.members.checking import Person
from members.services.imports.rows import Posted
from members.services.member_lists import Joining, join_many

COLUMNS = ("job_id", "member_id", "line", "made", "filled", "remarks", "undone")


def post_chunk(
    job: ImportJob, merchant: Merchant, persons: Sequence[Person], actor: Actor, at: dt.datetime
) -> Posted:
    """Post rows that are not posted yet. In the caller's transaction. Raises ProgramNotOpen, ProgramCleared."""
    posting.lock_merchant(merchant_id=merchant.pk, alone=True)
    program = programs.lock_open(merchant_id=merchant.pk)
    books = Books(merchant, at, job.declared_source, job.pk)
    found = books.sort_out(persons, lock=True)
    ids = _join(job, merchant, [row for row in found.rows if row.stored is None], actor, at)
    ids |= {row.person.line: row.stored.id for row in found.rows if row.stored is not None}
    _fill_in(merchant, found.rows, ids, job.declared_source)
    _fill_in_emails(merchant, found.rows, ids, job.declared_source, at)
    _give_tiers(books, program, found.rows, ids, job.file_name)
    bulk.insert(
        ImportedMember,
        merchant.pk,
        COLUMNS,
        [
            (job.pk, ids[row.person.line], row.person.line, row.stored is None, row.fills, row.remarks, "")
            for row in found.rows
        ],
    )
    created = sum(row.stored is None for row in found.rows)
    changed = sum(row.stored is not None and bool(row.fills) for row in found.rows)
    if changed or any(row.tier_id for row in found.rows):
        after = {
            "import": job.public_id,
            "filled_in": changed,
            "tiers": sum(row.tier_id is not None for row in found.rows),
        }
        audit.record(
            merchant_id=merchant.pk,
            at=at,
            actor=actor,
            action="members.filled_in",
            subject=("import", job.public_id),
            label=job.file_name,
            after=after,
        )
    return Posted(
        {
            "created": created,
            "changed": changed,
            "unchanged": len(found.rows) - created - changed,
            "remarks": sum(bool(row.remarks) for row in found.rows),
        },
        found.reasons,
    )


def _join(
    job: ImportJob, merchant: Merchant, rows: Sequence[Row], actor: Actor, at: dt.datetime
) -> dict[int, int]:
    """Make the people of these rows members, by the source of their consent; member ids by line."""

    def source(row: Row) -> str:
        return row.person.consent_source or job.declared_source

    ids: dict[int, int] = {}
    for consent, group in groupby(sorted(rows, key=source), key=source):
        part = list(group)
        people = [
            Joining(
                row.person.channel,
                row.person.member_key,
                row.person.joined_at or at,
                row.number,
                row.person.name,
            )
            for row in part
        ]
        joined = join_many(merchant_id=merchant.pk, at=at, actor=actor, people=people, consent_source=consent)
        ids |= {row.person.line: member_id for row, member_id in zip(part, joined.ids, strict=True)}
    return ids


def _fill_in(merchant: Merchant, rows: Sequence[Row], ids: dict[int, int], declared_source: str) -> None:
    """Write what was missing; of new members the birthday, which a list of people does not bring."""
    ring, shop = crypto.keyring(), merchant.pk
    phones, names, births, sources = [], [], [], []
    for row in rows:
        member_id, person = ids[row.person.line], row.person
        if "phone" in row.fills:
            number = row.number
            phones.append(
                (member_id, ring.seal(shop, number), crypto.blind_index(shop, number), crypto.tail_token(shop, number))
            )  # fmt: skip
        if "name" in row.fills:
            names.append((member_id, ring.seal(shop, person.name), *crypto.name_tokens(shop, person.name)))
        if person.birthday and (row.stored is None or "birthday" in row.fills):
            births.append((member_id, *person.birthday))
        if "consent_source" in row.fills:
            sources.append((member_id, (person.consent_source or declared_source)[:200]))
    bulk.update(Member, shop, ["id"], ["phone", "phone_index", "phone_tail"], phones)
    bulk.update(Member, shop, ["id"], ["name", "name_token", "name_first_token", "name_rest_token"], names)
    bulk.update(Member, shop, ["id"], ["birth_month", "birth_day"], births)
    bulk.update(Member, shop, ["id"], ["consent_source"], sources)


def _fill_in_emails(
    merchant: Merchant, rows: Sequence[Row], ids: dict[int, int], declared_source: str, at: dt.datetime
) -> None:
    """Addresses of new members and those that were missing, and the consents to them with their source."""
    ring, shop = crypto.keyring(), merchant.pk
    wanted = [row for row in rows if row.email and (row.stored is None or "email" in row.fills)]
    bulk.update(
        Member,
        shop,
        ["id"],
        ["email", "email_index", "email_consent_at", "email_consent_source"],
        [
            (
                ids[row.person.line],
                ring.seal(shop, row.email),
                crypto.email_index(shop, row.email),
                at if row.agrees else None,
                (row.person.consent_source or declared_source)[:200] if row.agrees else "",
            )
            for row in wanted
        ],
    )


def _give_tiers(
    books: Books,
    program: programs.Program,
    rows: Sequence[Row],
    ids: dict[int, int],
    file_name: str,
) -> None:
    """Give the tiers of the rows, never before an edit of the rules that came in meanwhile; whom past orders have
    lifted as high already keeps theirs, with a remark."""
    by_member = {ids[row.person.line]: row for row in rows if row.tier_id is not None}
    if not by_member or books.rules is None:
        return
    wanted = {
        member_id: tier_hand.Given(row.tier_id, row.person.tier_until)
        for member_id, row in by_member.items()
        if row.tier_id is not None
    }
    kept = tier_hand.give_many(
        merchant=books.merchant,
        program=program,
        rules=books.rules,
        at=books.at,
        tiers=wanted,
        reason=file_name,
        keeps_days=True,
    )
    for member_id, tier_id in kept.items():
        by_member[member_id].remarks.append(books.keeps(tier_id))
