"""Lists by cursor: sealed places in a list, so that nothing shifts when rows are added and no row number leaks."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from members.api.fields import Strict
from members.api.operations import Call
from members.api.problems import Malformed
from members.lib.crypto import Unreadable, keyring

MOST = 200
USUAL = 50
Row = TypeVar("Row", bound=Model)


class PageIn(Strict):
    """Which part of a list."""

    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=MOST, help_text=f"How many rows at most; {USUAL} unless told."
    )
    cursor = serializers.CharField(
        required=False, max_length=1000, help_text="`next_cursor` of the page before, with the same filters."
    )


class PageOut(serializers.Serializer):
    """A part of a list."""

    next_cursor = serializers.CharField(
        allow_null=True, help_text="Where the next page begins; null on the last one."
    )


def take(
    call: Call, rows: QuerySet[Row], *, what: str, by: str = "pk", newest_first: bool = False
) -> tuple[list[Row], str | None]:
    """The rows of the page asked for, ordered by `by` (a whole number, unique), and the next page's cursor.

    `what` and the filters are part of a cursor: one of another list is refused. Raises Malformed.
    """
    filters = {name: str(value) for name, value in call.query.items() if name not in ("limit", "cursor")}
    subject = [what, sorted(filters.items())]
    after = _opened(call, subject) if call.query.get("cursor") else None
    if after is not None:
        rows = rows.filter(**{f"{by}__lt" if newest_first else f"{by}__gt": after})
    limit = call.query.get("limit", USUAL)
    found = list(rows.order_by(f"-{by}" if newest_first else by)[: limit + 1])
    if len(found) <= limit:
        return found, None
    return found[:limit], _sealed(call, subject, getattr(found[limit - 1], by))


def _sealed(call: Call, subject: list[Any], place: int) -> str:
    text = json.dumps([subject, place], separators=(",", ":"))
    return base64.urlsafe_b64encode(keyring().seal(call.merchant.pk, text)).decode().rstrip("=")


def _opened(call: Call, subject: list[Any]) -> int:
    cursor = call.query["cursor"]
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        of, place = json.loads(keyring().open(call.merchant.pk, sealed))
    except (Unreadable, ValueError, binascii.Error):
        of, place = None, 0
    if of != json.loads(json.dumps(subject)):
        text = _("This cursor is not of this list. Begin without one.")
        raise Malformed(text, {"cursor": [str(text)]})
    return int(place)
