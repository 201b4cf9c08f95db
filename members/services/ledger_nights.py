"""The nightly proof of the points ledger: every shop that has entries, a few at a time; and the alarm (domain.md 6).

What was altered left no new entry, so all is proved, not only what changed. A chunk of shops is proved at one moment
and written down with how far it came: a job that was killed goes on behind it. One night is proved once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any
from urllib.parse import urljoin

import structlog
from django.conf import settings
from django.db import connection, transaction

from members.lib import tenant as tenancy
from members.models import LedgerProof, User
from members.services import ledger_proof, mail, outbox

log = structlog.get_logger(__name__)

CHUNK = 200  # shops
TOPIC = "ledger_alarm"
# The next shops that have entries, a step along the ledger's key for each.
NEXT_SHOPS = """
with recursive shops (merchant_id, place) as (
    (select merchant_id, 1 from members_pointsentry where merchant_id > %(after)s order by merchant_id limit 1)
    union all
    select (select e.merchant_id from members_pointsentry e where e.merchant_id > s.merchant_id
        order by e.merchant_id limit 1), s.place + 1
    from shops s where s.merchant_id is not null and s.place < %(most)s
)
select count(merchant_id), max(merchant_id) from shops
"""


def prove_night(*, night: dt.date, at: dt.datetime) -> dict[str, Any]:
    """Prove every ledger for a night, or go on where it was cut off. Works as platform. Its report; a second time the
    same report, nothing done.

    Where something does not add up, an alarm is raised once: in the log, on the workbench, and by e-mail to every
    platform admin.
    """
    with tenancy.platform():
        with transaction.atomic():
            row, _made = LedgerProof.objects.get_or_create(night=night, defaults={"started_at": at})
        while row.done_at is None and _prove_chunk(row):
            pass
        if row.done_at is None:
            _finish(row, at)
    return {
        name: getattr(row, name) for name in ("merchants", "members", "entries", "mismatches", "statements")
    }


def _prove_chunk(row: LedgerProof) -> bool:
    """Prove the next shops and write down what came of it; False when none is left.

    Shops without entries between them are proved as well: what is left of a ledger whose entries are gone is found.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(NEXT_SHOPS, {"after": row.through, "most": CHUNK})
        shops, last = cursor.fetchone()
        is_last = shops < CHUNK
        until = ledger_proof.LAST_SHOP if is_last else int(last)
        found = ledger_proof.prove_shops(first=row.through + 1, last=until)
        row.through = until
        row.merchants += shops
        row.members += found.members
        row.entries += found.entries
        row.mismatches += found.mismatches
        row.statements += found.statements
        room = max(0, ledger_proof.LISTED - len(row.listed))
        listed = [*map(asdict, found.listed), *map(asdict, found.wrong_statements)]
        row.listed = [*row.listed, *listed[:room]]
        row.save()
    return not is_last


@transaction.atomic
def _finish(row: LedgerProof, at: dt.datetime) -> None:
    """The night is proved; the alarm is raised in the same transaction."""
    row.done_at = at
    row.save(update_fields=["done_at"])
    if not (row.mismatches or row.statements):
        log.info("ledger_proved", night=row.night.isoformat(), members=row.members, entries=row.entries)
        return
    log.error(
        "ledger_does_not_add_up",
        night=row.night.isoformat(),
        mismatches=row.mismatches,
        statements=row.statements,
        members=row.members,
        listed=row.listed[:10],
    )
    if not row.listed:
        return
    # The row of an outbox is some merchant's: that of the first who does not add up. It names no address.
    merchant_id = row.listed[0]["merchant_id"]
    for admin in User.objects.filter(is_staff=True, is_active=True).order_by("id"):
        outbox.leave(
            merchant_id=merchant_id,
            topic=TOPIC,
            key=f"{row.night.isoformat()} {admin.pk}",
            payload={
                "admin": admin.pk,
                "night": row.night.isoformat(),
                "mismatches": row.mismatches,
                "statements": row.statements,
            },
            at=at,
        )


@outbox.handles(TOPIC)
def prepare_alarm(merchant_id: int, payload: dict[str, Any], at: dt.datetime) -> Callable[[], Any] | None:
    """The alarm's e-mail in the admin's language; None for who is no admin any more."""
    admin = User.objects.filter(pk=payload["admin"], is_staff=True, is_active=True).first()
    if admin is None:
        return None
    context = {
        "night": payload["night"],
        "mismatches": payload["mismatches"],
        "statements": payload.get("statements", 0),
        "link": urljoin(settings.SITE_URL, "/platform/members/ledgerproof/"),
    }
    language = mail.language_for(email=admin.email)
    message = mail.compose(
        to=admin.email, template="members/ledger/email/alarm", context=context, language=language
    )
    return partial(mail.deliver, message)


def last_done() -> LedgerProof | None:
    """The latest proof that was finished. Works as platform."""
    return LedgerProof.objects.exclude(done_at=None).order_by("-night").first()


def alarming() -> LedgerProof | None:
    """The latest finished proof when something did not add up in it, else None."""
    row = last_done()
    return row if row is not None and (row.mismatches or row.statements) else None
