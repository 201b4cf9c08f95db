"""Files of appeals: sealed on disk below UPLOADS_DIR, never served from there; every look is logged (domain.md 3, 11).

A row is written in the transaction of the appeal, the bytes before it: a file without a row (a worker that died, a
transaction that was rolled back) is removed by the housekeeping of the next day.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from compliance.lib.appeal_files import Checked
from compliance.models import Appeal, AppealFile
from members.lib import crypto
from members.lib.fields import opaque_id
from members.lib.refusals import NotFound
from members.services import audit
from members.services.audit import Actor

log = structlog.get_logger(__name__)

FOLDER = "appeals"
KEPT_ENDED = dt.timedelta(days=3 * 365)  # after the appeal's end: a decision can be looked into for years
KEPT_UNKNOWN = dt.timedelta(days=1)  # bytes are there a moment before their row
TOGETHER = 500


def place(merchant_id: int, public_id: str) -> Path:
    """Where the bytes of a file are, or were."""
    return Path(settings.UPLOADS_DIR) / FOLDER / str(merchant_id) / public_id


def keep(*, appeal: Appeal, files: Sequence[Checked], at: dt.datetime, actor: Actor) -> list[AppealFile]:
    """Store checked files with an appeal. The caller holds the program's lock and has counted them."""
    made = []
    for each in files:
        row = AppealFile(
            merchant_id=appeal.merchant_id,
            public_id=opaque_id(),
            appeal=appeal,
            added_at=at,
            added_by_id=actor.user_id,
            name=each.name,
            kind=each.kind,
            size=len(each.content),
            sha256=hashlib.sha256(each.content).hexdigest(),
        )
        _write(
            place(row.merchant_id, row.public_id), crypto.keyring().seal_bytes(row.merchant_id, each.content)
        )
        row.save(force_insert=True)
        made.append(row)
    return made


def _write(path: Path, sealed: bytes) -> None:
    """Readable by the service alone; a half-written file never stands under the name."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(sealed)
    beside.replace(path)


@transaction.atomic
def look(
    *, merchant_id: int, appeal_id: int, public_id: str, at: dt.datetime, actor: Actor
) -> tuple[AppealFile, bytes]:
    """A file of an appeal with its bytes; that somebody took it stands in the shop's audit log.

    Raises NotFound: nobody's, another shop's, another appeal's, or one whose time is over.
    """
    rows = AppealFile.objects.of(merchant_id).filter(public_id=public_id, appeal_id=appeal_id, gone_at=None)
    row = rows.select_related("appeal").first()
    gone = NotFound(_("There is no such file."))
    if row is None:
        raise gone
    try:
        content = crypto.keyring().open_bytes(merchant_id, place(merchant_id, public_id).read_bytes())
    except (OSError, crypto.Unreadable) as error:
        log.error("appeal_file_unreadable", merchant=merchant_id, file=public_id, error=type(error).__name__)
        raise gone from None
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="appeal.file_read",
        subject=("appeal", row.appeal.public_id),
        after={"file": row.name},
    )
    return row, content


def clear(*, at: dt.datetime) -> int:
    """Remove the bytes of appeals that ended over three years before `at`, and those older than a day that belong to
    no row; returns how many. Works as platform; what cannot be removed is logged and left for the next time."""
    root = Path(settings.UPLOADS_DIR) / FOLDER
    shops = sorted(root.iterdir()) if root.is_dir() else []
    return sum(_clear_shop(shop, at) for shop in shops if shop.name.isdecimal() and shop.is_dir())


def _clear_shop(shop: Path, at: dt.datetime) -> int:
    merchant_id, count = int(shop.name), 0
    paths = iter(sorted(shop.iterdir()))
    while some := list(islice(paths, TOGETHER)):
        due = list(_due(merchant_id, some, at))
        gone = [path for path in due if _remove(path)]
        count += len(gone)
        with transaction.atomic():
            rows = AppealFile.objects.of(merchant_id).filter(public_id__in=[path.name for path in gone])
            rows.filter(gone_at=None).update(gone_at=at)
    with suppress(OSError):  # one is left in it
        shop.rmdir()
    return count


def _due(merchant_id: int, paths: list[Path], at: dt.datetime) -> Iterator[Path]:
    with transaction.atomic():
        rows = AppealFile.objects.of(merchant_id).filter(public_id__in=[path.name for path in paths])
        ended_at = dict(rows.values_list("public_id", "appeal__ended_at"))
    for path in paths:
        if path.name in ended_at:
            ended = ended_at[path.name]
            if ended is not None and ended < at - KEPT_ENDED:
                yield path
        elif dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC) < at - KEPT_UNKNOWN:
            yield path


def _remove(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("appeal_file_not_removed", path=str(path), error=str(error))
        return False
    return True
