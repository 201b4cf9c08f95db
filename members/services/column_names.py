"""The names of columns that a merchant's files use: saved once, known from then on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from members.lib.refusals import Invalid
from members.models import ColumnName, ImportKind
from members.services import audit
from members.services.audit import Actor
from members.services.imports import kinds

LONGEST = 100
MOST = 500


@transaction.atomic
def save(
    *, merchant_id: int, at: dt.datetime, actor: Actor, kind: ImportKind, names: Mapping[str, str]
) -> None:
    """Let a kind of file have exactly these names (header -> field). The same again changes nothing.

    Raises Invalid for a field that does not exist, an empty or too long header, or too many names.
    """
    known = kinds.of(kind).fields.known
    wanted = {header.strip(): field for header, field in names.items()}
    for header, field in wanted.items():
        if field not in known:
            raise Invalid(
                _("There is no field “%(name)s”. Fields: %(known)s.")
                % {"name": field, "known": ", ".join(known)}
            )
        if not header or len(header) > LONGEST:
            raise Invalid.on("new_header", _("A column's name has 1 to 100 characters."))
    if len(wanted) > MOST:
        raise Invalid(_("At most %(most)s names can be saved.") % {"most": MOST})
    rows = ColumnName.objects.of(merchant_id).select_for_update().filter(kind=kind)
    before = dict(rows.values_list("header", "field"))
    if before == wanted:
        return
    rows.exclude(header__in=wanted).delete()
    for header, field in wanted.items():
        ColumnName.objects.update_or_create(
            merchant_id=merchant_id, kind=kind, header=header, defaults={"field": field}
        )
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="columns.saved",
        subject=("columns", str(kind)),
        before={"kind": str(kind), "names": before},
        after={"kind": str(kind), "names": wanted},
    )
