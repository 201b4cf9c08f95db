"""What an export's kind is, and what of its filters may name somebody."""

from __future__ import annotations

import datetime as dt
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from members.lib.crypto import keyring
from members.models import Export, Merchant

SEALED = "sealed_search"
GONE = _("The list was narrowed by something that is no longer there. Choose the members again.")
Filters = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """`check` refuses filters by what is not there (raises Invalid); `ids` are the rows' ids in the order of the file,
    streamed, as of an instant; `lines` are those of some of the ids."""

    check: Callable[[Merchant, Filters, dt.datetime], None]
    ids: Callable[[Merchant, Filters, dt.datetime], Iterator[int]]
    head: Callable[[], Sequence[Any]]
    lines: Callable[[Merchant, Sequence[int], Export], Iterator[Sequence[Any]]]
    numbers: frozenset[int] = frozenset()  # columns that a sheet holds as numbers
    may_be_clear: bool = False  # whether it can hold whole phone numbers and names


def sealed(merchant_id: int, filters: Filters) -> dict[str, Any]:
    """Filters as a row keeps them: a search is often a whole phone number."""
    kept, search = without_people(filters), str(filters.get("search", ""))
    if search:
        kept[SEALED] = b64encode(keyring().seal(merchant_id, search)).decode()
    return kept


def without_people(filters: Filters) -> dict[str, Any]:
    """Filters but for what may name somebody."""
    return {name: value for name, value in filters.items() if name not in ("search", SEALED)}


def search_of(merchant_id: int, filters: Filters) -> str:
    """What is searched for, from how an export keeps it, or as it was asked."""
    if kept := filters.get(SEALED):
        return keyring().open(merchant_id, b64decode(kept))
    return str(filters.get("search", ""))
