"""Drafts of policy versions: opened from the form of a new version, read with what merchants said, withdrawn."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.admin.policy_forms import PolicyForm
from compliance.lib.policy import Policy as Rule
from compliance.lib.policy_changes import changes_in_words
from compliance.lib.words import rule_in_words
from compliance.models import PolicyComment, PolicyDraft
from compliance.selectors import drafts as selector
from compliance.selectors import policies
from compliance.services import drafts
from members.admin.base import (
    FactsAdmin,
    Page,
    Table,
    actor,
    address,
    chip,
    day,
    link,
    number,
    object_link,
    when,
)
from members.lib.refusals import Refusal
from members.models import Program

COMMENTS = 200


def rule_named(request: HttpRequest) -> Rule | None:
    """The rule of the draft that the address of the form names, `?draft=`."""
    row = selector.by_public_id(request.GET.get("draft", "")[:24].replace("\0", ""))
    return None if row is None else row.rule


def open_draft(request: HttpRequest, form: PolicyForm, base: Rule) -> HttpResponse | None:
    """Open what the form says for comments; None, with the errors in the form, when that was refused."""
    closes_on = form.cleaned_data["closes_on"]
    if closes_on is None:
        form.add_error("closes_on", _("Say until which day merchants can comment."))
        return None
    try:
        made = drafts.open_comments(
            at=form.at,
            starts_at=form.cleaned_data["effective_at"],
            closes_on=closes_on,
            values=form.values_against(base),
            reason=form.cleaned_data["reason"],
            actor=actor(request),
        )
    except Refusal as refusal:
        for name, text in (refusal.errors or {"": refusal.detail}).items():
            form.add_error(name if name in form.fields else None, str(text))
        return None
    messages.success(request, _("The draft is open: merchants can read it and comment on it."))
    return HttpResponseRedirect(address(PolicyDraft, made.pk))


@admin.register(PolicyDraft)
class PolicyDraftAdmin(FactsAdmin):
    """Every draft that was opened for comments."""

    heading = gettext_lazy("Policy drafts")
    list_display = ("shown", "state", "opened", "closes_on", "starts", "by_label")
    list_display_links = ("shown",)
    ordering = ("-opened_at", "-id")
    object_template = "admin/platform/draft.html"

    def get_urls(self) -> list[URLPattern]:
        """Withdrawing, beside Django's own addresses."""
        view = self.admin_site.admin_view(self.withdraw)
        own = path("<int:draft_id>/withdraw/", view, name="compliance_policydraft_withdraw")
        return [own, *super().get_urls()]

    @admin.display(description=gettext_lazy("draft"))
    def shown(self, row: PolicyDraft) -> str:
        """Its name."""
        return str(row)

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: PolicyDraft) -> str:
        """Whether it can be commented on."""
        if row.withdrawn_at is not None:
            return chip("neutral", _("Withdrawn"))
        is_open = selector.is_open(row, at=timezone.now())
        return chip("info", _("Open for comments")) if is_open else chip("neutral", _("Comments closed"))

    @admin.display(description=gettext_lazy("opened"))
    def opened(self, row: PolicyDraft) -> str:
        """Since when it can be read."""
        return when(row.opened_at)

    @admin.display(description=gettext_lazy("meant to be in force from"))
    def starts(self, row: PolicyDraft) -> str:
        """When it is meant to take effect."""
        return when(row.starts_at)

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """What it would change, the whole rule, and what merchants said."""
        told = changes_in_words(selector.before(obj, policies.history()), obj.rule)
        said = PolicyComment.objects.filter(draft=obj)
        rows = said.select_related("merchant", "by").order_by("-at", "merchant_id")[:COMMENTS]
        return Page(
            title=str(obj),
            facts=[
                (_("State"), self.state(obj)),
                (_("Open for comments since"), when(obj.opened_at)),
                (_("Comments until"), day(obj.closes_on)),
                (_("Meant to be in force from"), when(obj.starts_at)),
                (_("Reason"), obj.reason),
                (_("Who"), object_link(obj.by) if obj.by else obj.by_label),
                (_("Comments"), number(said.count())),
                (_("Merchants who commented"), number(said.values("merchant_id").distinct().count())),
            ],
            sentences_title=_("The rule in words"),
            sentences=rule_in_words(obj.rule),
            tables=[
                Table(_("What would change"), [""], [[text] for text in told], empty=_("Nothing.")),
                Table(
                    _("What merchants said"),
                    [_("Merchant"), _("When"), _("Who"), _("Comment")],
                    [
                        (
                            link(address(Program, row.merchant_id), row.merchant.name),
                            when(row.at),
                            str(row.by or ""),
                            row.text,
                        )
                        for row in rows
                    ],
                    empty=_("Nobody has commented yet."),
                ),
            ],
            links=[
                (
                    _("New version from this draft"),
                    f"{reverse('admin:compliance_policy_add')}?draft={obj.public_id}",
                )
            ],
        )

    def render(
        self, request: HttpRequest, template: str, page: Page, obj: Any = None, extra: Any = None
    ) -> Any:
        """The button that withdraws it."""
        if obj is not None:
            may = obj.withdrawn_at is None and request.user.has_perm("compliance.add_policy")
            extra = {**(extra or {}), "draft": obj, "may_withdraw": may}
        return super().render(request, template, page, obj, extra)

    def withdraw(self, request: HttpRequest, draft_id: int) -> HttpResponse:
        """Close it before its day."""
        if request.method != "POST" or not request.user.has_perm("compliance.add_policy"):
            raise PermissionDenied
        try:
            drafts.withdraw(draft_id=draft_id, at=timezone.now(), actor=actor(request))
        except Refusal:
            raise Http404 from None
        messages.success(request, _("The draft is withdrawn; what was said stays."))
        return HttpResponseRedirect(address(PolicyDraft, draft_id))
