"""The part of a run's page on which its clearings are undone."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.lib.runs import UNDO_WITHIN
from compliance.models import Run, Undo
from compliance.services import undoing
from members.admin.base import Table, address, link, number, when
from members.lib.refusals import Invalid
from members.models import Merchant, Program
from members.services.audit import Actor

NAMED = 50
MOST = 10_000  # short names in one request


def phrase(count: int) -> str:
    """What a person types to give so many programs back, in the language of the page."""
    return _("undo %(count)s") % {"count": count}


def typed_number(typed: str) -> int | None:
    """The number of typed words; None when they are others. 撤销 is understood in every language."""
    text = "".join(typed.lower().split())
    found = re.search(r"[0-9]{1,9}", text)
    if found is None:
        return None
    count = int(found[0])
    known = (phrase(count), f"undo {count}", f"撤销 {count}", f"撤銷 {count}")
    return count if text in {"".join(one.lower().split()) for one in known} else None


def undo_form(request: HttpRequest, row: Run) -> dict[str, Any] | None:
    """What the form shows; None where nothing can be undone. `?undo=` names a program that it begins with."""
    if row.done_at is None or not undoing.may_undo(row, at=timezone.now()):
        return None
    count = undoing.left(row)
    if not count:
        return None
    return {
        "url": reverse("admin:compliance_run_undo", args=[row.pk]),
        "phrase": phrase(count),
        "until": when(row.done_at + UNDO_WITHIN),
        "programs": request.GET.get("undo", "")[:200],
    }


def ask_for(row: Run, posted: Mapping[str, Any], *, at: dt.datetime, actor: Actor) -> int:
    """Ask for what the form says; how many more are undone. Raises what `undoing.ask` does."""
    said = {name: str(posted.get(name, "")).replace("\0", "") for name in ("programs", "confirm", "reason")}
    names = sorted(set(said["programs"].replace(",", " ").split()))
    ids = None if not names else _ids(names)
    return undoing.ask(
        run_id=row.pk,
        merchant_ids=ids,
        confirmed=typed_number(said["confirm"]),
        reason=said["reason"],
        at=at,
        actor=actor,
    )


def _ids(names: list[str]) -> list[int]:
    found = dict(Merchant.objects.filter(slug__in=names[:MOST]).values_list("slug", "id"))
    unknown = [name for name in names if name not in found]
    if unknown:
        text = _("There is no merchant “%(name)s”.") % {"name": unknown[0][:60]}
        raise Invalid(text, errors={"programs": text})
    return list(found.values())


def undo_said(made: int) -> str:
    """What was asked for, in a sentence."""
    text = ngettext("%(n)s program is being given back.", "%(n)s programs are being given back.", made)
    return text % {"n": number(made)}


def undone_table(row: Run) -> Table:
    """The first clearings that were undone, by merchant."""
    rows = list(Undo.objects.filter(run_id=row.pk).select_related("merchant").order_by("merchant_id")[:NAMED])
    return Table(
        _("Undone"),
        [_("Merchant"), _("What came of it"), _("When"), _("Who"), _("Reason")],
        [
            (
                link(address(Program, each.merchant_id), each.merchant.name),
                each.get_outcome_display() if each.done_at else _("under way"),
                when(each.done_at or each.asked_at),
                each.by_label,
                each.reason,
            )
            for each in rows
        ],
        empty=_("None."),
    )
