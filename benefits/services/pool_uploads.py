"""Uploading the codes of a partner: read, shown to a person, confirmed; and taking back what nobody was given.

A confirmed code is in the pool for good: given once, to one member. Locks: program, coverage, the benefit, its codes
by fingerprint, for the same code may come into the pools of two benefits at once.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib.pools import MOST_POOL, CodeSheet, is_pooled
from benefits.models import Benefit, BenefitStatus, CodeState, CodeUpload, PoolCode
from benefits.services import issuing, looks
from benefits.services.locks import gate
from members.lib import batches, bulk
from members.lib.crypto import keyed_hash, keyring
from members.lib.refusals import Conflict, Invalid, NotFound
from members.services import audit
from members.services.audit import Actor

KEPT_UNCONFIRMED = dt.timedelta(days=7)
MOST_REJECTS = 1_000
SHOWN = "entitlement.code_shown"
CHUNK = 5_000
# A code that was taken out again, and that nobody was given, may come back.
ADDED = """
insert into benefits_poolcode (id, merchant_id, benefit_id, upload_id, code, fingerprint, state)
select x.id, %(merchant)s, %(benefit)s, %(upload)s, x.code, x.fingerprint, 'free'
from unnest(%(ids)s::bigint[], %(codes)s::bytea[], %(fingerprints)s::text[]) x (id, code, fingerprint)
on conflict (merchant_id, fingerprint) do update set state = 'free', benefit_id = excluded.benefit_id,
    upload_id = excluded.upload_id, code = excluded.code
where benefits_poolcode.state = 'withdrawn'
"""


def _fingerprint(merchant_id: int, code: str) -> str:
    return keyed_hash(merchant_id, "pool code", code)


@transaction.atomic
def keep(
    *, merchant_id: int, at: dt.datetime, actor: Actor, benefit_id: int, sheet: CodeSheet, file_name: str
) -> CodeUpload:
    """Keep what was read of a file until a person confirms it; the pool does not change. Raises NotFound, Invalid for a
    benefit without a pool or one that has ended, or a file of which no code can be used."""
    benefit = _benefit(merchant_id, benefit_id)
    if not sheet.codes:
        text: Any = _("No row of this file can be used.")
        if sheet.rejects:
            line, reason = sheet.rejects[0]
            text = _("No row of this file can be used. Line %(line)d: %(reason)s") % {
                "line": line,
                "reason": reason,
            }
        raise Invalid.on("file", text)
    return CodeUpload.objects.create(
        merchant_id=merchant_id,
        benefit=benefit,
        file_name=file_name[:160].replace("\x00", ""),
        codes="\n".join(sheet.codes),
        found=len(sheet.codes),
        known=_known(merchant_id, sheet.codes),
        repeated=sheet.repeated,
        rejected=len(sheet.rejects),
        rejects=sheet.rejects[:MOST_REJECTS],
        uploaded_at=at,
        uploaded_by_id=actor.user_id,
        by_label=actor.label[:120],
    )


def _benefit(merchant_id: int, benefit_id: int) -> Benefit:
    benefit = Benefit.objects.of(merchant_id).filter(pk=benefit_id).first()
    if benefit is None:
        raise NotFound(_("There is no such benefit."))
    _require_pool(benefit)
    return benefit


def _require_pool(benefit: Benefit) -> None:
    if not is_pooled(benefit.settings):
        raise Invalid(
            _("This benefit has no pool of codes. Change it first: let its codes come from a list.")
        )
    if benefit.status == BenefitStatus.ENDED:
        raise Invalid(_("This benefit has ended. Publish it anew instead."))


def _known(merchant_id: int, codes: list[str]) -> int:
    """How many of these codes are in a pool of the shop already, in use."""
    known = 0
    for start in range(0, len(codes), CHUNK):
        prints = [_fingerprint(merchant_id, code) for code in codes[start : start + CHUNK]]
        rows = PoolCode.objects.of(merchant_id).filter(fingerprint__in=prints)
        known += rows.exclude(state=CodeState.WITHDRAWN).count()
    return known


def locked(*, merchant_id: int, public_id: str) -> CodeUpload:
    """An upload, locked. Raises NotFound."""
    rows = CodeUpload.objects.of(merchant_id).select_for_update(of=("self",)).select_related("benefit")
    found = rows.filter(public_id=public_id).first()
    if found is None:
        raise NotFound(_("There is no such upload of codes."))
    return found


@transaction.atomic
def confirm(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> CodeUpload:
    """Put the codes into the pool, and as many pieces into the stock; confirming again changes nothing. What came into
    a pool meanwhile is left out.

    Raises NotFound, Invalid, ProgramNotOpen, ProgramCleared.
    """
    gate(merchant_id=merchant_id)
    upload = locked(merchant_id=merchant_id, public_id=public_id)
    if upload.confirmed_at is not None:
        return upload
    counter = issuing.reopen_counter(
        merchant_id=merchant_id, benefit_id=upload.benefit_id, at=at, actor=actor
    )
    _require_pool(counter.benefit)
    codes = upload.codes.split("\n")
    rows = PoolCode.objects.of(merchant_id).filter(benefit_id=upload.benefit_id)
    if rows.count() + len(codes) > MOST_POOL:
        raise Invalid(
            _("A pool has at most %(most)s codes. Publish another benefit for more.")
            % {"most": f"{MOST_POOL:,}"}
        )
    upload.added = _add(upload, codes)
    upload.confirmed_at, upload.codes = at, ""
    upload.save(update_fields=["added", "confirmed_at", "codes"])
    if upload.added and counter.benefit.status != BenefitStatus.DRAFT:
        issuing.add_pieces(counter, upload.added)
    _audit(upload, at, actor, "benefit.codes_uploaded", added=upload.added)
    return upload


def _add(upload: CodeUpload, codes: list[str]) -> int:
    """Put codes into the pool by fingerprint, so that two uploads of the same ones wait for each other one way. Their
    ids are in the order of the file, in which they are given out."""
    merchant_id, added = upload.merchant_id, 0
    ring = keyring()
    ids = bulk.next_ids(PoolCode, len(codes))
    rows = sorted((_fingerprint(merchant_id, code), pk, code) for pk, code in zip(ids, codes, strict=True))
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        values: dict[str, Any] = {
            "merchant": merchant_id,
            "benefit": upload.benefit_id,
            "upload": upload.pk,
            "ids": [pk for _print, pk, _code in part],
            "codes": [ring.seal(merchant_id, code) for _print, _pk, code in part],
            "fingerprints": [fingerprint for fingerprint, _pk, _code in part],
        }
        with connection.cursor() as cursor:
            cursor.execute(ADDED, values)
            added += cursor.rowcount
    return added


@transaction.atomic
def drop(*, merchant_id: int, public_id: str) -> CodeUpload:
    """Forget codes that were not confirmed. Raises NotFound, Conflict when they were."""
    upload = locked(merchant_id=merchant_id, public_id=public_id)
    if upload.confirmed_at is not None:
        raise Conflict(_("These codes are in the pool already. Take the upload back instead."))
    upload.delete()
    return upload


@transaction.atomic
def undo(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> CodeUpload:
    """Take the codes of an upload that nobody was given out of the pool, and out of the stock; again changes nothing.

    Raises NotFound, Conflict when it was not confirmed, ProgramNotOpen, ProgramCleared.
    """
    gate(merchant_id=merchant_id)
    upload = locked(merchant_id=merchant_id, public_id=public_id)
    if upload.confirmed_at is None:
        raise Conflict(_("These codes are not in the pool yet. Drop the list instead."))
    if upload.undone_at is not None:
        return upload
    counter = issuing.reopen_counter(
        merchant_id=merchant_id, benefit_id=upload.benefit_id, at=at, actor=actor
    )
    rows = PoolCode.objects.of(merchant_id).filter(
        benefit_id=upload.benefit_id, upload=upload, state=CodeState.FREE
    )
    ids = list(rows.select_for_update().order_by("fingerprint").values_list("pk", flat=True))
    upload.withdrawn = PoolCode.objects.of(merchant_id).filter(pk__in=ids).update(state=CodeState.WITHDRAWN)
    upload.undone_at = at
    upload.save(update_fields=["withdrawn", "undone_at"])
    benefit = counter.benefit
    if is_pooled(benefit.settings) and benefit.stock is not None and benefit.status != BenefitStatus.ENDED:
        issuing.take_stock(counter, upload.withdrawn)
    _audit(upload, at, actor, "benefit.codes_undone", withdrawn=upload.withdrawn)
    return upload


def _audit(upload: CodeUpload, at: dt.datetime, actor: Actor, action: str, **counts: int) -> None:
    audit.record(
        merchant_id=upload.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("benefit", upload.benefit.public_id),
        label=str(upload.benefit),
        after={"file": upload.file_name, **counts},
    )


@transaction.atomic
def reveal(
    *, merchant_id: int, at: dt.datetime, actor: Actor, entitlement_id: int, reason: str
) -> str | None:
    """The partner's code of an entitlement, for staff who need it whole; kept in the audit log. None where there is
    none. Raises Invalid without a reason, TooManyLooks."""
    reason = reason.strip()
    if not 1 <= len(reason) <= 200:
        raise Invalid.on("reason", _("Say why you look at it, in at most 200 characters."))
    looks.check(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action=SHOWN,
        text=_("You have shown %(n)s codes within an hour. Try again later."),
    )
    rows = PoolCode.objects.of(merchant_id).select_related("entitlement__member", "benefit")
    found = rows.filter(entitlement_id=entitlement_id).first()
    if found is None or found.entitlement is None:
        return None
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action=SHOWN,
        subject=("member", found.entitlement.member.public_id),
        label=str(found.benefit),
        reason=reason,
    )
    return str(found.code)


def forget_unconfirmed(*, at: dt.datetime) -> int:
    """Delete uploads that nobody confirmed within a week; returns how many. Works as platform."""
    return batches.delete(
        "benefits_codeupload",
        key=["merchant_id", "id"],
        condition="confirmed_at is null and uploaded_at < %s",
        values=[at - KEPT_UNCONFIRMED],
    )
