"""What comes in and goes out: a wrong type is refused, never guessed at; an unknown name is refused by its name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MOST = 2**63 - 1
DEEPEST = 20


class Strict(serializers.Serializer):
    """An object of which every name is known."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = [name for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if not unknown:
            return super().to_internal_value(data)
        text = _("There is no such name here. Known names: %(names)s.") % {"names": ", ".join(self.fields)}
        errors: dict[str, Any] = {
            str(name)[:80]: [serializers.ErrorDetail(text, "unknown")] for name in unknown
        }
        try:
            super().to_internal_value(data)
        except serializers.ValidationError as error:
            errors |= dict(error.detail)  # type: ignore[arg-type]
        raise serializers.ValidationError(errors)


class Text(serializers.CharField):
    """A text, taken as it is; a number is none."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        kwargs.setdefault("max_length", 128)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Choice(serializers.ChoiceField):
    """One of some texts."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            raise serializers.ValidationError(_("Not a valid string."), "invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A whole number; text and fractions are none."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", 0)
        kwargs.setdefault("max_value", MOST)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class Money(Whole):
    """Minor units, as many as an order's line may have."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_value", 10**15 - 1)
        super().__init__(**kwargs)


class YesNo(serializers.BooleanField):
    """true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


@extend_schema_field(
    {"oneOf": [{"type": "number", "minimum": 0}, {"type": "string"}], "examples": [1, "1.5"]}
)
class Quantity(serializers.DecimalField):
    """An exact number, as a JSON number or as text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=14, decimal_places=3, min_value=Decimal(0), **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | Decimal | str):
            self.fail("invalid")
        exact = super().to_internal_value(data)
        return int(exact) if exact == exact.to_integral_value() else exact


class Instant(serializers.DateTimeField):
    """An instant as RFC 3339 writes it, with its zone."""

    default_error_messages = {
        "zone": _("This time has no zone. Write it as 2024-06-27T23:00:00+08:00."),
        "range": _("Years from 1900 to 2999 are known."),
    }

    def to_internal_value(self, value: Any) -> dt.datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="2024-06-27T23:00:00+08:00")
        return super().to_internal_value(value)

    def enforce_timezone(self, value: dt.datetime) -> dt.datetime:
        """Nothing is assumed about a time that does not say where."""
        if value.tzinfo is None:
            self.fail("zone")
        if not 1900 < value.year < 2999:
            self.fail("range")
        return value


@extend_schema_field({"type": "object", "additionalProperties": True})
class Free(serializers.JSONField):
    """An object whose names its own rule knows: only that it can be stored is checked here."""

    default_error_messages = {
        "object": _("A set of names and values is needed."),
        "text": _("This contains characters that cannot be stored."),
        "deep": _("This is nested too deeply."),
    }

    def to_internal_value(self, data: Any) -> Any:
        self.check(data)
        if not isinstance(data, dict):
            self.fail("object")
        return data

    def check(self, data: Any) -> None:
        """Raises ValidationError for depth, for a null character and for half a character."""
        level = [data]
        for _depth in range(DEEPEST):
            inner: list[Any] = []
            for value in level:
                if isinstance(value, dict):
                    inner += [*value, *value.values()]
                elif isinstance(value, list):
                    inner += value
                elif not _is_storable(value):
                    self.fail("text")
            if not inner:
                return
            level = inner
        self.fail("deep")


def _is_storable(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
    return not isinstance(value, int) or abs(value) <= MOST


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": ["everyone"]},
            {
                "type": "object",
                "properties": {"tiers": {"type": "array", "items": {"type": "string"}}},
                "required": ["tiers"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"plans": {"type": "array", "items": {"type": "string"}}},
                "required": ["plans"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"segments": {"type": "array", "items": {"type": "string"}}},
                "required": ["segments"],
                "additionalProperties": False,
            },
        ]
    }
)
class Audience(Free):
    """Whom a benefit is for: "everyone", {"tiers": ["gold"]}, {"plans": ["card"]} or {"segments": ["id"]}."""

    def to_internal_value(self, data: Any) -> Any:
        self.check(data)
        if data == "everyone":
            return data
        named = next(iter(data.items())) if isinstance(data, dict) and len(data) == 1 else ("", None)
        if (
            named[0] not in ("tiers", "plans", "segments")
            or not isinstance(named[1], list)
            or not all(isinstance(each, str) for each in named[1])
        ):
            text = _(
                "Write “everyone”, or an object whose “tiers” or “plans” is a list of their codes "
                "or whose “segments” is a list of the segments' ids."
            )
            raise serializers.ValidationError(text, "audience")
        return data
