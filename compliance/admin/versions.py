"""What lists and forms of versions have in common: the clearance policy's and that of grades. None is ever edited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.admin.policy_forms import clean_text
from members.admin.base import NOTHING, FactsAdmin, Table, chip, object_link, when


def before_each(rows: Sequence[Any]) -> dict[int, Any]:
    """The version that each was made from, by number: the one in force, as known then, at the instant it takes effect;
    None for the first."""
    found: dict[int, Any] = {}
    for row in rows:
        older = [one for one in rows if one.number < row.number and one.effective_at <= row.effective_at]
        found[row.number] = max(
            older, key=lambda one: (one.effective_at, one.published_at, one.number), default=None
        )
    return found


class VersionsAdmin(FactsAdmin):
    """Versions, the latest first; `complete` of the subclass says what each changed (`tell`)."""

    add_label = gettext_lazy("New version")
    list_display = ("version", "state", "effective_at", "changes", "by_label", "reason", "published_at")
    list_display_links = ("version",)
    ordering = ("-number",)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """A new version, through the service."""
        return self.may(request, "add")

    def tell(self, row: Any, *, before: Any, differing: Sequence[Any], current: int) -> None:
        """Note on a row what its columns show. differing: (setting, before, after) against `before`."""
        row.shown_before = before
        row.shown_first = before is None
        row.shown_changes = list(differing)
        row.shown_current = row.number == current

    @admin.display(description=gettext_lazy("version"))
    def version(self, row: Any) -> str:
        """Its name."""
        return str(row)

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: Any) -> str:
        """In force, to come, or over."""
        if row.shown_current:
            return chip("success", _("In force"))
        return chip("info", _("To come")) if row.effective_at > timezone.now() else chip("neutral", _("Over"))

    @admin.display(description=gettext_lazy("changed"))
    def changes(self, row: Any) -> str:
        """What differs from the version before it."""
        if row.shown_first:
            return _("The first version")
        return format_html_join(mark_safe("<br>"), "{}: {} → {}", row.shown_changes) or NOTHING

    def facts_of(self, row: Any) -> list[tuple[Any, Any]]:
        """State, instants, who and why."""
        return [
            (_("State"), self.state(row)),
            (_("In force from"), when(row.effective_at)),
            (_("Published"), when(row.published_at)),
            (_("Who"), object_link(row.by) if row.by else row.by_label or _("The installation")),
            (_("Reason"), row.reason or NOTHING),
        ]

    def table_of(self, row: Any) -> Table:
        """What the version changed, setting by setting."""
        return Table(
            _("What changed"),
            [_("Setting"), _("Before"), _("After")],
            row.shown_changes,
            empty=_("The first version") if row.shown_first else _("Nothing."),
        )


def phrase() -> str:
    """What is typed to publish, in the language of the page."""
    return _("publish")


def is_confirmed(form: forms.Form) -> bool:
    """Whether the form's confirmation says so, in any language; else the form says what is missing."""
    typed = clean_text(form.cleaned_data["confirm"]).lower()
    if typed in {phrase().lower(), "publish", "发布", "發布"}:
        return True
    form.add_error("confirm", _("Type %(phrase)s to publish this version.") % {"phrase": phrase()})
    return False
