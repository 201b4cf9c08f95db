"""What a version that is tried would change at the coming runs, in a table and in sentences."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.models import Preview
from members.admin.base import Table, number


def context(row: Preview | None) -> dict[str, Any]:
    """What `admin/platform/_trial.html` shows of it; {} until it is worked out."""
    if row is None or row.outlook is None:
        return {}
    return {"outlook": _table(row.outlook), "outlook_says": sentences(row.outlook)}


def sentences(changes: list[dict[str, Any]]) -> list[str]:
    """One or two sentences for each run that the version would change."""
    told = [sentence for each in changes for sentence in _told(each)]
    return told or [_("The coming runs would close the same programs.")]


def _told(each: dict[str, Any]) -> list[str]:
    found = []
    if each["more"]:
        text = ngettext(
            "%(n)s more closure on %(day)s, %(members)s members affected; %(share)s of these programs could be cured "
            "by one benefit.",
            "%(n)s more closures on %(day)s, %(members)s members affected; %(share)s of these programs could be cured "
            "by one benefit.",
            each["more"],
        )
        found.append(
            text
            % {
                "n": number(each["more"]),
                "day": each["on"],
                "members": number(each["members"]),
                "share": share(each["curable"], each["more"]),
            }
        )
    if each["fewer"]:
        text = ngettext("%(n)s closure fewer on %(day)s.", "%(n)s closures fewer on %(day)s.", each["fewer"])
        found.append(text % {"n": number(each["fewer"]), "day": each["on"]})
    return found


def share(part: int, whole: int) -> str:
    """A share in whole per cent, rounded half up."""
    return f"{(part * 200 + whole) // (2 * whole)} %"


def _table(changes: list[dict[str, Any]]) -> Table:
    columns = ("without", "with_it", "more", "fewer", "members", "curable", "ready")
    return Table(
        _("The coming runs, simulated over all programs"),
        [
            _("Run on"),
            _("Closes as things stand"),
            _("With this version"),
            _("More"),
            _("Fewer"),
            _("Members of those more"),
            _("Of those more: one benefit cures"),
            _("Of these: one lies ready"),
        ],
        [(each["on"], *(number(each[name]) for name in columns)) for each in changes],
        empty=_("No run is to come."),
        note=_(
            "Each program is counted at the first run that closes it; warnings are taken to be delivered from the next "
            "daily job on. One benefit cures a program that its merchant has open; one lies ready where a benefit that "
            "counts is drafted or paused."
        ),
        numbers=tuple(range(1, 8)),
    )
