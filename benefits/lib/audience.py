"""Whom a benefit is for: everyone, or a named audience."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from benefits.lib.coverage import EVERYONE
from members.lib.refusals import Invalid

Audience = str | dict[str, Any]
LONGEST = 32
MOST_TIERS = MOST_SEGMENTS = MOST_PLANS = 50


def normalise_audience(value: Any) -> Audience:
    """The audience in its one stored form: "everyone", {"tiers": [codes, sorted]}, {"plans": [codes, sorted]} or
    {"segments": [ids, sorted]}.

    A bare list is a list of tiers, another bare word a tier. Raises Invalid for anything else.
    """
    if value is None or value == EVERYONE:
        return EVERYONE
    if isinstance(value, str) and value:
        return {"tiers": _codes([value])}
    if isinstance(value, list | tuple):
        return {"tiers": _codes(value)}
    if isinstance(value, Mapping) and set(value) == {"tiers"} and isinstance(value["tiers"], list | tuple):
        return {"tiers": _codes(value["tiers"])}
    if isinstance(value, Mapping) and set(value) == {"plans"} and isinstance(value["plans"], list | tuple):
        return {"plans": _plans(value["plans"])}
    if (
        isinstance(value, Mapping)
        and set(value) == {"segments"}
        and isinstance(value["segments"], list | tuple)
    ):
        return {"segments": _segments(value["segments"])}
    text = _("Say whom the benefit is for: everyone, or a list of tiers, plans or segments.")
    raise Invalid(text, errors={"audience": text})


def tiers_of(audience: Any) -> list[str] | None:
    """The tier codes that an audience names; None for everyone."""
    return list(audience["tiers"]) if isinstance(audience, Mapping) and "tiers" in audience else None


def plans_of(audience: Any) -> list[str] | None:
    """The codes of the paid plans that an audience names; None for one without plans."""
    return list(audience["plans"]) if isinstance(audience, Mapping) and "plans" in audience else None


def segments_of(audience: Any) -> list[str] | None:
    """The public ids of the segments that an audience names; None for one without segments."""
    return list(audience["segments"]) if isinstance(audience, Mapping) and "segments" in audience else None


def _segments(values: list[Any] | tuple[Any, ...]) -> list[str]:
    ids = sorted({value if isinstance(value, str) else "" for value in values})
    if len(ids) > MOST_SEGMENTS or any(not 0 < len(each) <= LONGEST for each in ids):
        text = _("A segment is named by its id.")
        raise Invalid(text, errors={"audience": text})
    return ids


def _plans(values: list[Any] | tuple[Any, ...]) -> list[str]:
    codes = sorted({value.strip() if isinstance(value, str) else "" for value in values})
    if len(codes) > MOST_PLANS or any(not 0 < len(each) <= LONGEST for each in codes):
        text = _("A plan is named by its code.")
        raise Invalid(text, errors={"audience": text})
    return codes


def _codes(values: list[Any] | tuple[Any, ...]) -> list[str]:
    codes = sorted({value.strip() if isinstance(value, str) else "" for value in values})
    if len(codes) > MOST_TIERS or any(not code or len(code) > LONGEST for code in codes):
        text = _("A tier is named by its code.")
        raise Invalid(text, errors={"audience": text})
    return codes
