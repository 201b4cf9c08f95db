"""Holding programs out of a run: the form on the pages of previews and runs, and what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.selectors import hold_outs as selector
from compliance.services import hold_outs
from members.admin.base import number
from members.lib.refusals import Invalid
from members.models import Merchant

LISTED = 200


def hold_form(period: str, *, may: bool, back: int | None = None) -> dict[str, Any] | None:
    """What the form shows; None where nobody can be held out any more. back: the preview to come back to."""
    if not may or not hold_outs.is_open(period):
        return None
    return {
        "url": reverse("admin:compliance_run_hold_out"),
        "let_in_url": reverse("admin:compliance_run_let_in"),
        "period": period,
        "back": back,
        "held": selector.of_period(period, LISTED),
    }


def ids_of(posted: Mapping[str, Any], chosen: list[str]) -> list[int]:
    """The merchants that a form names, by short names (one a line) or ticked. Raises Invalid for an unknown one."""
    typed = str(posted.get("programs", "")).replace("\0", "").replace(",", " ").split()
    names = sorted(set(typed))[: hold_outs.MOST + 1]
    found = dict(Merchant.objects.filter(slug__in=names).values_list("slug", "id"))
    for name in names:
        if name not in found:
            problem = _("There is no merchant “%(name)s”.") % {"name": name[:60]}
            raise Invalid(problem, errors={"programs": problem})
    ticked = [int(key) for key in chosen if key.isdecimal() and len(key) < 19]
    return [*found.values(), *ticked]


def held_said(made: int) -> str:
    """What was done, in a sentence."""
    if not made:
        return _("They were held out already.")
    text = ngettext(
        "%(n)s program is held out of this run.", "%(n)s programs are held out of this run.", made
    )
    return text % {"n": number(made)}
