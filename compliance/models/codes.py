"""Words stored as small numbers: two bytes a row where a table has a row per program and run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models


class CodeField(models.Field):
    """A word of a fixed vocabulary in Python, a `smallint` in the database. `codes` never change their meaning."""

    description = "A word stored as a small number"

    def __init__(self, *args: Any, codes: Mapping[str, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.codes = dict(codes)
        self.words = {code: word for word, code in self.codes.items()}

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, list(args), {**kwargs, "codes": self.codes}

    def db_type(self, connection: Any) -> str:
        return "smallint"

    def from_db_value(self, value: int | None, expression: Any, connection: Any) -> str | None:
        return None if value is None else self.words[value]

    def get_prep_value(self, value: Any) -> int | None:
        """Raises ValueError for a word that is not in the vocabulary."""
        value = super().get_prep_value(value)
        if value is None:
            return None
        if str(value) not in self.codes:
            raise ValueError(f"{value!r} is none of {', '.join(self.codes)}")
        return self.codes[str(value)]
