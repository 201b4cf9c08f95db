"""Support visits: beginning and ending one's own, and all that were."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.admin.base import ByMerchant, FactsAdmin, Page, actor, address, listing, object_link, when
from members.lib.refusals import Refusal
from members.models import AuditRow, Merchant, SupportVisit
from members.services import support

SESSION = "support"  # what `members.web.support` reads


class VisitForm(forms.Form):
    """Why the console is looked at."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=support.LONGEST_REASON,
        help_text=_("The merchant reads it in the audit log, with every page you look at."),
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        error_messages={"required": _("Say why you look.")},
    )


@admin.register(SupportVisit)
class SupportVisitAdmin(ByMerchant, FactsAdmin):
    """Every visit, the latest first."""

    heading = _("Support visits")
    list_display = ("from_at", "merchant", "by", "reason", "until_at", "ended_at")
    list_display_links = ("from_at",)
    list_select_related = ("merchant", "by")
    ordering = ("-id",)

    def get_urls(self) -> list[URLPattern]:
        """Beginning and ending, beside Django's own addresses."""
        view = self.admin_site.admin_view
        return [
            path("begin/<int:merchant_id>/", view(self.begin), name="members_supportvisit_begin"),
            path("end/", view(self.end), name="members_supportvisit_end"),
            *super().get_urls(),
        ]

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """Who looked, when and why."""
        return Page(
            title=str(obj.merchant),
            facts=[
                (_("Merchant"), object_link(obj.merchant)),
                (_("Who"), object_link(obj.by)),
                (_("From"), when(obj.from_at)),
                (_("Until"), when(obj.ended_at or obj.until_at)),
                (_("Reason"), obj.reason),
            ],
            links=[(_("Audit log"), listing(AuditRow, q=obj.merchant.slug, topic="support"))],
        )

    def begin(self, request: HttpRequest, merchant_id: int) -> HttpResponse:
        """Give the reason, then look at the merchant's console."""
        if not self.may(request, "add"):
            raise PermissionDenied
        merchant = Merchant.objects.filter(pk=merchant_id).first() if merchant_id < 2**63 else None
        if merchant is None:
            raise Http404
        form = VisitForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                visit = support.begin(
                    merchant_id=merchant.pk,
                    at=timezone.now(),
                    actor=actor(request),
                    reason=form.cleaned_data["reason"],
                )
            except Refusal as refusal:
                for name, detail in (refusal.errors or {"": refusal.detail}).items():
                    form.add_error(name or None, str(detail))
            else:
                self._end(request)
                request.session[SESSION] = [merchant.pk, visit.public_id]
                return HttpResponseRedirect("/")
        response = self.render(
            request,
            "admin/platform/support.html",
            Page(title=_("Look at the console of %(shop)s") % {"shop": merchant.name}),
            extra={"form": form, "merchant": merchant},
        )
        response.status_code = 422 if form.errors else 200
        return response

    def end(self, request: HttpRequest) -> HttpResponse:
        """End the visit of this session."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        named = request.session.get(SESSION)
        self._end(request)
        if named is None:
            return HttpResponseRedirect(listing(SupportVisit))
        messages.success(request, _("The support visit has ended."))
        return HttpResponseRedirect(address(Merchant, named[0]))

    def _end(self, request: HttpRequest) -> None:
        named = request.session.pop(SESSION, None)
        if named is not None:
            merchant_id, public_id = named
            support.end(merchant_id=merchant_id, public_id=public_id, at=timezone.now(), actor=actor(request))
