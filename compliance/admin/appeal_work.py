"""What a reviewer does beside deciding: asking the merchant, opening its files, and how long appeals take."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from compliance.lib.appeal_files import TYPES
from compliance.models import Appeal
from compliance.selectors import appeal_figures, appeals
from compliance.selectors.appeal_figures import Figures
from compliance.services import appeal_files, appeal_threads
from members.admin.base import NOTHING, FactsAdmin, Page, Table, actor, address, link, number, when
from members.lib.refusals import NotFound, Refusal
from members.web.downloads import as_download
from members.web.forms import OnceField

LARGEST_KEY = 2**63


class AskForm(forms.Form):
    """A message to the merchant."""

    once = OnceField()
    text = forms.CharField(
        label=gettext_lazy("Message to the merchant"),
        required=False,
        help_text=gettext_lazy(
            "Owners and managers get it by e-mail and answer here, with files if they like. The due day stays."
        ),
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"}),
    )


class ReviewerWork(FactsAdmin):
    """The addresses beside an appeal's page."""

    def get_urls(self) -> list[URLPattern]:
        """Asking, a file, the figures."""
        view = self.admin_site.admin_view
        return [
            path("<int:appeal_id>/ask/", view(self.ask), name="compliance_appeal_ask"),
            path("<int:appeal_id>/files/<str:file_id>/", view(self.file), name="compliance_appeal_file"),
            path("figures/", view(self.figures), name="compliance_appeal_figures"),
            *super().get_urls(),
        ]

    def appeal_of(self, request: HttpRequest, appeal_id: int) -> Appeal:
        """Raises Http404."""
        found: Appeal | None = self.get_object(request, str(appeal_id)) if appeal_id < LARGEST_KEY else None
        if found is None:
            raise Http404
        return found

    def ask(self, request: HttpRequest, appeal_id: int) -> HttpResponse:
        """Write to the merchant about an appeal under review."""
        if request.method != "POST" or not self.may(request, "change"):
            raise PermissionDenied
        obj, form = self.appeal_of(request, appeal_id), AskForm(request.POST)
        if form.is_valid():
            try:
                appeal_threads.write(
                    merchant_id=obj.merchant_id,
                    appeal_id=obj.pk,
                    text=form.cleaned_data["text"],
                    at=timezone.now(),
                    actor=actor(request),
                    of_platform=True,
                    public_id=form.cleaned_data["once"],
                )
            except NotFound:
                raise Http404 from None
            except Refusal as refusal:
                if "text" not in refusal.errors:
                    messages.error(request, refusal.detail)
                    return HttpResponseRedirect(address(Appeal, obj.pk))
                form.add_error("text", str(refusal.errors["text"]))
            else:
                messages.success(request, _("The message is with the merchant."))
                return HttpResponseRedirect(address(Appeal, obj.pk))
        page = self.page_of(request, obj)
        response = self.render(request, self.object_template, page, obj, {"ask_form": form})
        response.status_code = 422
        return response

    def file(self, request: HttpRequest, appeal_id: int, file_id: str) -> HttpResponse:
        """A file as a download; the merchant reads in its log who opened it."""
        if request.method != "GET" or not self.may(request, "view"):
            raise PermissionDenied
        obj = self.appeal_of(request, appeal_id)
        try:
            row, content = appeal_files.look(
                merchant_id=obj.merchant_id,
                appeal_id=obj.pk,
                public_id=file_id,
                at=timezone.now(),
                actor=actor(request),
            )
        except NotFound:
            raise Http404 from None
        return as_download(name=row.name, content_type=TYPES[row.kind], content=content)

    def figures(self, request: HttpRequest) -> HttpResponse:
        """How long appeals took and how they ended, by month."""
        if request.method not in ("GET", "HEAD") or not self.may(request, "view"):
            raise PermissionDenied
        found = appeal_figures.by_month(at=timezone.now())
        all_months = found[0] if found else None
        page = Page(title=_("How long appeals take"), facts=_told(all_months), tables=[_months(found[1:])])
        return self.render(request, "admin/platform/object.html", page)


def thread_tables(obj: Appeal) -> list[Table]:
    """The files and the messages of an appeal; none of what there is nothing of."""
    tables = []
    if files := appeals.files_of(appeal=obj):
        rows = [
            (
                _("%(name)s, no longer kept") % {"name": row.name}
                if row.gone_at
                else link(reverse("admin:compliance_appeal_file", args=[obj.pk, row.public_id]), row.name),
                row.kind.upper(),
                f"{-(-row.size // 1024):,} KB",
                row.added_by or NOTHING,
                when(row.added_at),
            )
            for row in files
        ]
        heads = [_("File"), _("What it is"), _("Size"), _("Who"), _("When")]
        note = _("A file is downloaded, never shown here; the merchant reads in its log who opened it.")
        tables.append(Table(_("Files"), heads, rows, note=note, numbers=[2]))
    if thread := appeals.messages_of(appeal=obj):
        told = [
            (
                when(each.at),
                _("The platform") if each.of_platform else _("The merchant"),
                each.by or NOTHING,
                each.text,
            )
            for each in thread
        ]
        tables.append(Table(_("Messages"), [_("When"), _("From"), _("Who"), _("Message")], told))
    return tables


def _told(found: Figures | None) -> list[tuple[Any, Any]]:
    if found is None:
        return [(_("Appeals that ended in the last 12 months"), number(0))]
    return [
        (_("Decided in the last 12 months"), number(found.decided)),
        (_("Median time to the decision"), _long(found.median)),
        (_("Longest"), _long(found.longest)),
        (_("Decided by the due day"), _share(found.in_time, found.decided)),
        (_("Upheld"), _share(found.upheld, found.decided)),
        (_("Withdrawn"), number(found.withdrawn)),
    ]


def _months(found: list[Figures]) -> Table:
    rows = [
        (
            each.month,
            number(each.decided),
            _long(each.median),
            _long(each.longest),
            _share(each.in_time, each.decided),
            _share(each.upheld, each.decided),
            number(each.withdrawn),
        )
        for each in found
    ]
    heads = [
        _("Month"),
        _("Decided"),
        _("Median time"),
        _("Longest"),
        _("By the due day"),
        _("Upheld"),
        _("Withdrawn"),
    ]
    return Table(
        _("By month of the decision"), heads, rows, empty=_("No appeal has ended yet."), numbers=range(1, 7)
    )


def _share(part: int, whole: int) -> str:
    """A share with the counts it is of; "--" of nothing."""
    return f"{100 * part // whole} % ({part:,} / {whole:,})" if whole else NOTHING


def _long(time: dt.timedelta | None) -> str:
    """Days and hours, rounded down."""
    if time is None:
        return NOTHING
    days, hours = time.days, time.seconds // 3600
    told = ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
    if not days:
        return told
    return ngettext("%(n)s day", "%(n)s days", days) % {"n": days} + " " + told
