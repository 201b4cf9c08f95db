"""What the pages of each kind of import have of their own: the form, the name of the list, further facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from members.models import ImportJob, ImportKind
from members.services.imports.points.preview import NEVER
from members.web import import_forms

MONTHS_SHOWN = 36


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
    )
}
