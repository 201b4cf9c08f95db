"""Model fields of our own."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import models

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def opaque_id(length: int = 16) -> str:
    """A random id shown outside: no row number, nothing to guess, nothing to misread."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


class TenantForeignKey(models.ForeignKey):
    """A relation inside one merchant.

    Django makes neither constraint nor index; the migration operation TenantTables makes the composite foreign
    key (merchant_id, column) -> (merchant_id, id), deferrable, so that no row can name another tenant's row.
    """

    def __init__(self, to: Any, on_delete: Any = models.PROTECT, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        kwargs.setdefault("db_index", False)
        super().__init__(to, on_delete, **kwargs)


class PublicIdField(models.CharField):
    """The opaque id a row is known by outside, unique in its merchant (the model's constraint says so)."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 24)
        kwargs.setdefault("default", opaque_id)
        kwargs.setdefault("editable", False)
        super().__init__(**kwargs)
