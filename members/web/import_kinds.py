"""What the pages of each kind of import have of their own: the form, the name of the list, further facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from members.models import ImportJob, ImportKind, ImportState
from members.selectors import imports as selectors
from members.services.imports.points.preview import NEVER
from members.web import import_forms

MONTHS_SHOWN = 36
REMARKS_SHOWN = 20
KEPT_SHOWN = 50


@dataclass(frozen=True, slots=True)
class KindPages:
    """The pages of one kind; its templates lie in the folder of its name."""

    kind: ImportKind
    title: Any
    route: str  # of the list
    form: type[import_forms.UploadForm]
    facts: Callable[[ImportJob], dict[str, Any]] = lambda job: {}

    def template(self, name: str) -> str:
        """The path of a template of this kind."""
        return f"members/imports/{self.kind}/{name}.html"


def _months(job: ImportJob) -> dict[str, Any]:
    """When the points expire, by month."""
    return {
        "months": [
            (month if month != NEVER else _("Never expire"), points)
            for month, points in job.preview.get("months", [])[:MONTHS_SHOWN]
        ]
    }


def _rows(job: ImportJob) -> dict[str, Any]:
    """Rows with a remark, foreseen or done, and whom an undoing kept."""
    return {
        "tiers": job.preview.get("tiers", []),
        "remarks": job.preview.get("first", [])
        if job.state == ImportState.CHECKED
        else selectors.remarks(job=job, count=REMARKS_SHOWN),
        "kept": [
            (line, member, kept_word(why)) for line, member, why in selectors.kept(job=job, count=KEPT_SHOWN)
        ],
    }


KEPT_WORDS = {
    "orders": _("Has orders"),
    "points": _("Has points"),
    "known": _("Known by more than this list"),
    "tier": _("Their tier moved since"),
    "events": _("Did something since"),
}


def kept_word(why: str) -> Any:
    """Why a member was kept; an app's own reason is something the member did."""
    return KEPT_WORDS.get(why, KEPT_WORDS["events"])


PAGES = {
    page.kind: page
    for page in (
        KindPages(
            ImportKind.ORDERS, _("Import orders"), "members:order_imports_list", import_forms.OrdersForm
        ),
        KindPages(
            ImportKind.POINTS,
            _("Import points"),
            "members:order_imports_points",
            import_forms.PointsForm,
            _months,
        ),
        KindPages(
            ImportKind.MEMBERS,
            _("Import members"),
            "members:order_imports_members",
            import_forms.MembersForm,
            _rows,
        ),
    )
}
