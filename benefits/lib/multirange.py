"""The model field of PostgreSQL's `tstzmultirange`, as the spans of `benefits.lib.spans`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from psycopg.types.multirange import Multirange, TimestamptzMultirange
from psycopg.types.range import Range

from benefits.lib.spans import Span, Spans, normalise, utc


def to_spans(value: Multirange[dt.datetime]) -> Spans:
    """A multirange as spans in UTC. PostgreSQL keeps it normalised: ascending, nothing empty or touching."""
    return tuple(
        Span(None if r.lower is None else utc(r.lower), None if r.upper is None else utc(r.upper))
        for r in value
    )


def to_multirange(spans: Iterable[Span]) -> TimestamptzMultirange:
    """Spans as a multirange of half-open ranges."""
    return TimestamptzMultirange([Range(span.start, span.end, "[)") for span in spans])


class SpansField(models.Field):
    """A set of instants: a tuple of half-open spans in Python, `tstzmultirange` in the database."""

    description = "A set of instants"

    def db_type(self, connection: Any) -> str:
        return "tstzmultirange"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Spans | None:
        return None if value is None else to_spans(value)

    def to_python(self, value: Any) -> Spans | None:
        if value is None:
            return None
        if isinstance(value, Multirange):
            return to_spans(value)
        try:
            return normalise(Span(*each) for each in value)
        except (TypeError, ValueError) as error:
            raise ValidationError("not a set of spans") from error

    def get_prep_value(self, value: Any) -> TimestamptzMultirange | None:
        value = super().get_prep_value(value)
        if value is None or isinstance(value, TimestamptzMultirange):
            return value
        return to_multirange(value)
