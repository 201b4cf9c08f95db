"""The price guard at the platform: the versions of its policy, and what it found at every merchant (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from benefits.lib.price_guard import KINDS, GuardRules
from benefits.models import FindingKind, GuardLevel, GuardPolicy, PriceFinding
from benefits.selectors import guard_words, price_guard
from benefits.services import guard_policies
from benefits.services.guard_policies import RANGES, SETTINGS
from compliance.admin.policy_forms import VersionForm
from compliance.admin.versions import VersionsAdmin, before_each, is_confirmed, phrase
from members.admin.base import (
    ByMerchant,
    Page,
    ReadOnlyAdmin,
    Table,
    actor,
    address,
    chip,
    object_link,
)
from members.lib.refusals import Refusal


def label_of(name: str) -> Any:
    """What a setting is called."""
    return GuardPolicy._meta.get_field(name).verbose_name  # type: ignore[union-attr]


def text_of(name: str, value: Any) -> str:
    """A setting's value in words."""
    return str(GuardLevel(value).label) if name in KINDS else str(value)


class GuardPolicyForm(VersionForm):
    """Every setting of a version, from when it is in force, and why."""

    effective_at = forms.DateTimeField(
        label=gettext_lazy("In force from"),
        required=False,
        help_text=gettext_lazy("Like 2026-07-01 00:00, Beijing time. Left empty: at once."),
        widget=forms.DateTimeInput(attrs={"class": "vTextField", "placeholder": "2026-07-01 00:00"}),
    )

    def __init__(self, data: Any = None, *, at: dt.datetime, current: GuardRules) -> None:
        super().__init__(data, initial={name: getattr(current, name) for name in SETTINGS})
        self.at = at
        for name in KINDS:
            self.fields[name] = forms.ChoiceField(label=label_of(name), choices=GuardLevel.choices)
        for name, (least, most) in RANGES.items():
            self.fields[name] = forms.IntegerField(
                label=label_of(name),
                min_value=least,
                max_value=most,
                widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "vIntegerField"}),
            )

    def groups(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """The fields by topic."""
        return [
            (_("Version"), [self["effective_at"], self["reason"]]),
            (_("What is done"), [self[name] for name in KINDS]),
            (_("Limits"), [self[name] for name in RANGES]),
        ]

    def clean_effective_at(self) -> dt.datetime:
        """Now at the earliest."""
        effective_at: dt.datetime | None = self.cleaned_data["effective_at"]
        if effective_at is not None and effective_at < self.at:
            raise forms.ValidationError(_("A policy cannot start in the past: choose now or a later time."))
        return effective_at or self.at

    @property
    def values(self) -> dict[str, Any]:
        """Every setting as the service takes it."""
        return {name: self.cleaned_data[name] for name in SETTINGS}

    def differences(self) -> list[tuple[Any, str, str]]:
        """(setting, before, after) against the version in force when this one begins."""
        base = price_guard.policy_at(self.cleaned_data["effective_at"])
        return differences(base, GuardRules(**self.values))


def differences(before: GuardRules, after: GuardRules) -> list[tuple[Any, str, str]]:
    """(setting, before, after) of what differs, in words."""
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in SETTINGS]
    return [
        (label_of(name), text_of(name, old), text_of(name, new)) for name, old, new in pairs if old != new
    ]


@admin.register(GuardPolicy)
class GuardPolicyAdmin(VersionsAdmin):
    """The versions of the price guard's policy."""

    heading = gettext_lazy("Policies of the price guard")

    def complete(self, rows: list[Any]) -> None:
        """What each version changed."""
        earlier = before_each(list(price_guard.policies()))
        current = price_guard.policy_at(timezone.now()).number
        for row in rows:
            before = earlier.get(row.number)
            differing = [] if before is None else differences(before.rules, row.rules)
            self.tell(row, before=before, differing=differing, current=current)

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """Every setting, and what changed."""
        self.complete([obj])
        return Page(
            title=str(obj),
            facts=self.facts_of(obj),
            tables=[
                self.table_of(obj),
                Table(
                    _("Every setting"),
                    [_("Setting"), _("Value")],
                    [(label_of(name), text_of(name, getattr(obj, name))) for name in SETTINGS],
                ),
            ],
        )

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Fill in, look at the difference, type the confirmation, publish."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        at = timezone.now()
        current = price_guard.policy_at(at)
        form = GuardPolicyForm(request.POST or None, at=at, current=current)
        review: dict[str, Any] | None = None
        if request.method == "POST" and form.is_valid():
            changed = form.differences()
            if not changed and current.number:
                form.add_error(None, _("Nothing differs from the version in force then."))
            elif "publish" in request.POST and is_confirmed(form):
                done = self._publish(request, form)
                if done is not None:
                    return done
            else:
                review = {"table": Table(_("What changes"), [_("Setting"), _("Before"), _("After")], changed)}
        response = self.render(
            request,
            "admin/platform/guard_policy_form.html",
            Page(title=_("New version of the policy of the price guard")),
            extra={"form": form, "review": review, "phrase": phrase(), "current": current.number},
        )
        response.status_code = 422 if form.errors else 200
        return response

    def _publish(self, request: HttpRequest, form: GuardPolicyForm) -> HttpResponse | None:
        try:
            row = guard_policies.publish(
                at=form.at,
                effective_at=form.cleaned_data["effective_at"],
                actor=actor(request),
                values=form.values,
                reason=form.cleaned_data["reason"],
            )
        except Refusal as refusal:
            form.add_error(None, str(refusal.detail))
            return None
        messages.success(request, _("%(version)s is published.") % {"version": row})
        return HttpResponseRedirect(address(GuardPolicy, row.pk))


@admin.register(PriceFinding)
class PriceFindingAdmin(ByMerchant, ReadOnlyAdmin):
    """What the price guard found, the newest first."""

    heading = gettext_lazy("Findings of the price guard")
    list_display = ("merchant_link", "sku", "kind", "outcome", "numbers_shown", "at")
    list_display_links = None
    list_filter = ("kind", "is_blocked")
    list_select_related = ("merchant",)
    ordering = ("-at", "-id")

    @admin.display(description=gettext_lazy("merchant"))
    def merchant_link(self, row: PriceFinding) -> str:
        """Whose it is."""
        return object_link(row.merchant)

    @admin.display(description=gettext_lazy("what followed"))
    def outcome(self, row: PriceFinding) -> str:
        """Warned or blocked."""
        return chip("critical", _("Blocked")) if row.is_blocked else chip("warning", _("Warned"))

    @admin.display(description=gettext_lazy("in numbers"))
    def numbers_shown(self, row: PriceFinding) -> str:
        """The finding as a sentence."""
        return guard_words.sentence(FindingKind(row.kind), row.sku, row.numbers, row.merchant.currency)
