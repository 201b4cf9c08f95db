"""The audit logs: the platform's own doings, and those of every merchant as the platform sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from compliance.admin import workbench
from compliance.admin.policy_forms import column, shown
from compliance.admin.words import COUNTED
from compliance.lib.grade_policy import SETTINGS as GRADE_SETTINGS
from compliance.models import RunState
from compliance.models.policies import SETTINGS
from compliance.selectors.grade_words import setting_label, setting_text
from members.admin.base import NOTHING, ByMerchant, ReadOnlyAdmin, object_link
from members.models import AuditRow, PlatformAuditRow
from members.web import audit_words

for action, word in workbench.WORDS.items():
    audit_words.ACTIONS.setdefault(action, word)
FIELDS = {
    **COUNTED,
    **{name: column(name).verbose_name for name in SETTINGS},
    "effective_at": _("In force from"),
    "digest": _("Hash of every decision"),
    "state": _("State"),
    "programs": _("Programs"),
    "closes_on": _("Comments until"),
    "starts_at": _("Meant to be in force from"),
    "equal": _("Equal to what was written down"),
}
for name, word in FIELDS.items():
    audit_words.FIELDS.setdefault(name, word)
label_of_setting = lazy(setting_label, str)
for name in GRADE_SETTINGS:
    audit_words.FIELDS.setdefault(name, label_of_setting(name))
PLACES = {name: place for place, name in enumerate(FIELDS)}

ACTORS = [
    ("user", _("Staff")),
    ("api_key", _("API keys")),
    ("job", _("Scheduled work")),
    ("platform", _("The platform")),
]


def changes(row: AuditRow | PlatformAuditRow) -> SafeString | str:
    """What differs, "name: before → after"."""
    before, after = row.before or {}, row.after or {}
    names = [*before, *(name for name in after if name not in before)]
    lines = []
    for name in sorted(names, key=lambda name: PLACES.get(name, len(PLACES))):
        now = _text(row, name, after.get(name))
        if name not in before:
            lines.append((capfirst(audit_words.field(name)), now))
        elif name not in after or before[name] != after[name]:
            lines.append((capfirst(audit_words.field(name)), f"{_text(row, name, before[name])} → {now}"))
    if not lines:
        return NOTHING
    shown = format_html_join(mark_safe("<br>"), "{}: {}", lines[:6])
    return shown if len(lines) <= 6 else format_html("{}<br>…", shown)


def _text(row: AuditRow | PlatformAuditRow, name: str, value: Any) -> str:
    """A value in words; those of policies and runs as their own pages say them."""
    if row.subject_kind == "policy" and name in SETTINGS:
        return shown(name, value)
    if row.subject_kind == "grade_policy" and name in GRADE_SETTINGS:
        return setting_text(name, value)
    if row.subject_kind == "run" and name == "state" and value in RunState:
        return str(RunState(value).label)
    return audit_words.text(value, audit_words.topic_of(row.action), name)


class _ActionFilter(admin.SimpleListFilter):
    """What an action begins with."""

    title = _("topic")
    parameter_name = "topic"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action__startswith=f"{self.value()}.") if self.value() else queryset


class MerchantTopic(_ActionFilter):
    """Topics of a merchant's log."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return audit_words.topics()


class PlatformTopic(_ActionFilter):
    """Topics of the platform's log."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return list(workbench.TOPICS.items())


class ActorFilter(admin.SimpleListFilter):
    """Who did it, by kind."""

    title = _("who")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return ACTORS

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(actor_kind=self.value()) if self.value() else queryset


class _LogAdmin(ReadOnlyAdmin):
    list_display_links = None

    @admin.display(description=_("action"))
    def said(self, row: Any) -> str:
        """The action in words."""
        return audit_words.label(row.action)

    @admin.display(description=_("change"))
    def change(self, row: Any) -> SafeString | str:
        """What differs."""
        return changes(row)


@admin.register(PlatformAuditRow)
class PlatformAuditAdmin(_LogAdmin):
    """What admins and the platform's jobs did that belongs to no single merchant."""

    list_display = ("at", "said", "subject", "change", "actor_label", "reason")
    list_filter = (PlatformTopic,)
    ordering = ("-at", "-id")
    search_fields = ("actor_label", "subject_id", "reason")

    @admin.display(description=_("subject"))
    def subject(self, row: PlatformAuditRow) -> str:
        """What it was done to."""
        return workbench.subject(row)


@admin.register(AuditRow)
class AuditAdmin(ByMerchant, _LogAdmin):
    """Every merchant's log."""

    heading = _("Audit logs of merchants")
    list_display = ("at", "merchant_link", "said", "subject", "change", "actor_label", "reason")
    list_filter = (MerchantTopic, ActorFilter)
    list_select_related = ("merchant",)
    ordering = ("-id",)

    @admin.display(description=_("subject"))
    def subject(self, row: AuditRow) -> str:
        """What it was done to."""
        return row.subject_label or NOTHING

    @admin.display(description=_("merchant"))
    def merchant_link(self, row: AuditRow) -> str:
        """The merchant, leading to its page."""
        return object_link(row.merchant)
