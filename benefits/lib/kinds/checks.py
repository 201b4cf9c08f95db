"""Checks of settings that all kinds share: JSON without binary fractions, whole money, per cents within 0 to 100."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from members.lib.refusals import Invalid

Settings = dict[str, Any]
MOST_MINOR = 10**13
MOST_SETTINGS = 500


def invalid(field: str, text: Promise | str) -> Invalid:
    return Invalid(text, errors={field: text})


def check_one_of(settings: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """At most one of these settings says what is given. Raises Invalid."""
    said = [name for name in names if settings.get(name) not in (None, "")]
    if len(said) > 1:
        text = _("Say what it gives with one of these settings alone: %(names)s.")
        raise invalid(said[-1], text % {"names": ", ".join(names)})


def is_number(value: object, number: int) -> bool:
    try:
        return value is not None and Decimal(str(value)) == number
    except InvalidOperation:
        return False


def as_json(value: Any) -> Settings:
    """A copy with fractions as text: no binary fraction is ever stored. Raises Invalid when it is no JSON object."""
    if not isinstance(value, Mapping):
        raise invalid("settings", _("Settings are a set of names and values."))
    if sum(1 for _each in _leaves(value)) > MOST_SETTINGS:
        raise invalid("settings", _("These settings are too long."))
    return {str(key): _exact(each) for key, each in value.items()}


def _exact(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _exact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(each) for each in value]
    if isinstance(value, float | Decimal):
        exact = Decimal(str(value))
        if not exact.is_finite():
            raise invalid("settings", _("A number is needed."))
        return int(exact) if exact == exact.to_integral_value() else str(exact)
    if value is None or isinstance(value, bool | int) or (isinstance(value, str) and "\x00" not in value):
        return value
    raise invalid("settings", _("Settings are a set of names and values."))


def objects(name: str, value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects that a setting holds, each with its place."""
    if isinstance(value, Mapping):
        yield name, value
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from objects(f"{name}[{number}]", each)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, str(key))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each, name)
    else:
        yield name, value


def check_numbers(settings: Settings) -> None:
    """Money is whole and not negative; no discount is over 100 %, under whatever name."""
    for name, value in _leaves(settings):
        if value is None:
            continue
        if name.endswith("_minor") and not is_count(value, MOST_MINOR):
            raise invalid(
                name, _("“%(name)s” must be a whole number of minor units, 0 or more.") % {"name": name}
            )
        if "percent" in name:
            _check_percent(name, value)


def _check_percent(name: str, value: Any) -> None:
    try:
        share = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        share = Decimal("NaN")
    if not share.is_finite() or share < 0:
        raise invalid(name, _("“%(name)s” must be a number from 0 to 100.") % {"name": name})
    if share > 100:
        raise invalid(
            name, _("%(share)s %% is more than 100 %%. Give a number from 0 to 100.") % {"share": share}
        )


def is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
