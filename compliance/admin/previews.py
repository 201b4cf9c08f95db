"""Previews of runs: what would be decided, what differs from the preview before, and the confirmation of a person."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.admin import reviewing
from compliance.admin.holding import hold_form
from compliance.admin.policy_forms import clean_text
from compliance.admin.progress import bar
from compliance.admin.run_tables import held_out_table
from compliance.admin.saved_views import SavedViews, act
from compliance.admin.words import BRAKES, COUNTED, preview_chip
from compliance.models import Preview, Purpose, Run, RunState
from compliance.models.runs import NAMING
from compliance.selectors import run_reports
from compliance.services import previews, reviews
from members.admin.base import (
    NOTHING,
    FactsAdmin,
    Page,
    Table,
    actor,
    address,
    link,
    listing,
    number,
    object_link,
    when,
)
from members.lib.refusals import Refusal
from members.models import Merchant, Program
from members.web.htmx import wants_piece

NAMED = 100


def phrase(count: int) -> str:
    """What a person types to clear so many programs, in the language of the page."""
    return _("clear %(count)s") % {"count": count}


def confirmed(typed: str, seen: Preview | None) -> int | None:
    """The number that a typed confirmation names; None when it is none. 清退 is understood in every language."""
    if seen is None:
        return None
    text = "".join(clean_text(typed).lower().split())
    known = (phrase(seen.cleared), f"clear {seen.cleared}", f"清退 {seen.cleared}")
    return seen.cleared if text in {"".join(one.lower().split()) for one in known} else None


def led_to(row: Preview) -> str:
    """Where to look: at the run that was started by a preview, else at the preview."""
    return address(Run, row.run_id) if row.run_id else address(Preview, row.pk)


@admin.register(Preview)
class PreviewAdmin(SavedViews, FactsAdmin):
    """Every preview that was made; it left no other trace."""

    list_display = (
        "made",
        "period",
        "state_shown",
        "judged",
        "eligible",
        "cleared",
        "deferred",
        "held",
        "who",
    )
    list_display_links = ("made",)
    list_filter = ("period",)
    list_select_related = ("by",)
    ordering = ("-made_at", "-id")
    object_template = "admin/platform/preview.html"

    def get_urls(self) -> list[URLPattern]:
        """How far one is, beside Django's own addresses."""
        view = self.admin_site.admin_view(self.progress)
        return [
            path("<int:preview_id>/progress/", view, name="compliance_preview_progress"),
            *(
                path(
                    f"<int:preview_id>/{name}/",
                    self.admin_site.admin_view(act),
                    name=f"compliance_preview_{name}",
                )
                for name, act in (("stop", self.stop), ("programs", self.programs), ("filters", self.filters))
            ),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those that people look at, without the long list of programs until it is needed."""
        return super().get_queryset(request).filter(purpose__in=NAMING).defer("would_clear")

    def complete(self, rows: list[Any]) -> None:
        """What is not counted to its end is not shown."""
        for row in rows:
            for name in () if row.is_done else row.counts:
                setattr(row, name, None)

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, row: Preview) -> str:
        """How far it is."""
        return preview_chip(row)

    @admin.display(description=gettext_lazy("previewed"))
    def made(self, row: Preview) -> str:
        """When it was made."""
        return when(row.made_at)

    @admin.display(description=gettext_lazy("judged at"))
    def judged(self, row: Preview) -> str:
        """The instant that was foreseen."""
        return when(row.at)

    @admin.display(description=gettext_lazy("who"), empty_value=NOTHING)
    def who(self, row: Preview) -> str | None:
        """Who asked for it."""
        return str(row.by) if row.by else None

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """Who asked for what; once it is done counts, impact, difference, the programs that would be cleared."""
        title = _("Preview of %(period)s") % {"period": obj.period}
        asked = [
            (_("Judged at"), when(obj.at)),
            (_("Previewed"), when(obj.made_at)),
            (_("By"), object_link(obj.by)),
            (_("Policy"), object_link(obj.policy)),
        ]
        if not obj.is_done:
            return Page(title=title, facts=asked, links=[(_("All runs"), listing(Run))])
        found = run_reports.difference(obj)
        named = self._merchants([*obj.would_clear[:NAMED], *_ids(found)])
        return Page(
            title=title,
            facts=[
                *((COUNTED[name], number(count)) for name, count in obj.counts.items()),
                (_("Members of the programs that would be cleared"), number(obj.members)),
                (_("Points they hold"), number(obj.points)),
                (_("Paid members to be refunded"), number(obj.paid_members)),
                *asked,
                (_("Hash of every decision"), obj.digest),
            ],
            tables=[
                *_difference(found, named),
                held_out_table(obj.period),
                Table(
                    _("Programs that would be cleared"),
                    [_("Merchant")],
                    [[_shop(named, pk)] for pk in obj.would_clear[:NAMED]],
                    empty=_("None."),
                    note=_("The first %(shown)s of %(all)s.") % {"shown": NAMED, "all": number(obj.cleared)}
                    if obj.cleared > NAMED
                    else "",
                ),
            ],
            links=[(_("Review these programs"), reverse("admin:compliance_preview_programs", args=[obj.pk]))],
        )

    def _merchants(self, ids: list[int]) -> dict[int, Merchant]:
        return Merchant.objects.in_bulk(set(ids))

    def render(
        self, request: HttpRequest, template: str, page: Page, obj: Any = None, extra: Any = None
    ) -> Any:
        """How far it is, then the form that starts or approves the run this was a preview of, where it may."""
        if obj is not None:
            extra = {
                **(extra or {}),
                **self._progress(obj),
                "preview": obj,
                "is_start": obj.purpose == Purpose.START,
                "failure": obj.get_failure_display(),
                "confirm": self._confirm(request, obj) if obj.is_done else None,
                "may_stop": obj.is_open and request.user.has_perm("compliance.change_run"),
                "hold": self._hold(request, obj) if obj.is_done else None,
            }
        return super().render(request, template, page, obj, extra)

    def _hold(self, request: HttpRequest, obj: Preview) -> dict[str, Any] | None:
        may = request.user.has_perm("compliance.change_run")
        return hold_form(obj.period, may=may, back=obj.pk)

    def stop(self, request: HttpRequest, preview_id: int) -> HttpResponse:
        """End a preview that is being worked out."""
        if request.method != "POST" or not request.user.has_perm("compliance.change_run"):
            raise PermissionDenied
        self._one(request, preview_id)
        try:
            previews.stop(preview_id=preview_id, at=timezone.now(), actor=actor(request))
        except Refusal as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, _("The preview is stopped. Nothing was changed by it."))
        return HttpResponseRedirect(address(Preview, preview_id))

    def programs(self, request: HttpRequest, preview_id: int) -> HttpResponse:
        """The programs that it would clear, with filters and a hold-out of those that are ticked."""
        obj = self._one(request, preview_id, is_done=True)
        extra = {**reviewing.context(request, obj), "hold": self._hold(request, obj)}
        page = Page(
            title=_("Programs of the preview of %(period)s") % {"period": obj.period},
            links=[(_("The preview"), address(Preview, obj.pk))],
        )
        return self.render_plain(request, "admin/platform/preview_programs.html", page, extra)

    def render_plain(self, request: HttpRequest, template: str, page: Page, extra: Any) -> HttpResponse:
        """A page of several objects inside the admin's frame."""
        return super().render(request, template, page, None, extra)

    def filters(self, request: HttpRequest, preview_id: int) -> HttpResponse:
        """Keep the filters of that list under a name, or remove a view."""
        if request.method != "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        obj = self._one(request, preview_id)
        return act(request, reviewing.LIST, reverse("admin:compliance_preview_programs", args=[obj.pk]))

    def _one(self, request: HttpRequest, preview_id: int, *, is_done: bool = False) -> Preview:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found: Preview | None = (
            self.get_queryset(request).filter(pk=preview_id).first() if preview_id < 2**63 else None
        )
        if found is None or (is_done and not found.is_done):
            raise Http404
        return found

    def _progress(self, obj: Preview) -> dict[str, Any]:
        url = reverse("admin:compliance_preview_progress", args=[obj.pk])
        return bar(
            run_reports.preview_progress(obj),
            is_moving=obj.is_open,
            url=url,
            chip=preview_chip(obj),
            goes_on=_("You can close this page: the work goes on."),
            look_again=url,
        )

    def progress(self, request: HttpRequest, preview_id: int) -> HttpResponse:
        """The bar and the counts so far; once it is over the page is told where to look. Without a script: there."""
        row = self._one(request, preview_id)
        if not wants_piece(request):
            return HttpResponseRedirect(led_to(row))
        response = render(request, "admin/platform/_progress.html", self._progress(row))
        if not row.is_open:
            response["HX-Redirect"] = led_to(row)
        return response

    def _confirm(self, request: HttpRequest, obj: Preview) -> dict[str, Any] | None:
        """Where to send the typed words, or why it cannot be started from here."""
        if not request.user.has_perm("compliance.change_run"):
            return None
        row = Run.objects.filter(period=obj.period).first()
        if row is None:
            return self._start(request, obj) if reviews.is_by_hand(obj) else None
        if row.state == RunState.BRAKED and row.at == obj.at:
            if obj.by_id == request.user.pk:
                return {"why_not": _("You made the preview, so another admin approves the run.")}
            return {
                "phrase": phrase(obj.cleared),
                "preview": obj,
                "url": reverse("admin:compliance_run_approve", args=[row.pk]),
                "label": _("Approve this run"),
                "text": str(BRAKES.get(row.brake, "")),
            }
        return {"why_not": _("This period has had its run."), "run": link(address(Run, row.pk), row.period)}

    def _start(self, request: HttpRequest, obj: Preview) -> dict[str, Any]:
        """For the preview of a run by hand."""
        second = Preview.objects.filter(confirms=obj).first()
        if second is not None:
            look = link(address(Preview, second.pk), when(second.made_at))
            return {"why_not": _("A start was confirmed on it. The second look at the facts:"), "run": look}
        if not reviews.is_fresh(obj, at=timezone.now()):
            return {"why_not": _("This preview is too old to start a run on. Make a new one.")}
        if obj.by_id == request.user.pk:
            return {"why_not": reviews.NOT_ONES_OWN}
        return {
            "phrase": phrase(obj.cleared),
            "preview": obj,
            "url": reverse("admin:compliance_run_now"),
            "label": _("Run now"),
            "text": _("The run starts at once and takes the place of this month's scheduled run."),
        }


def _ids(found: run_reports.Difference | None) -> list[int]:
    return [] if found is None else [*found.more_ids, *found.fewer_ids]


def _shop(named: dict[int, Merchant], pk: int) -> str:
    merchant = named.get(pk)
    return NOTHING if merchant is None else link(address(Program, pk), merchant.name)


def _difference(found: run_reports.Difference | None, named: dict[int, Merchant]) -> list[Table]:
    if found is None:
        note = _("This is the first preview of the period.")
        return [Table(_("Difference to the last preview"), [], [], empty=note)]
    title = _("Difference to the preview of %(at)s") % {"at": when(found.before.made_at)}
    if found.same:
        return [Table(title, [], [], empty=_("None: every decision and its evidence is the same."))]
    rows = [
        (_("Would be cleared now, would not then"), number(found.more), _names(named, found.more_ids)),
        (_("Would have been cleared then, not now"), number(found.fewer), _names(named, found.fewer_ids)),
    ]
    return [Table(title, ["", _("Programs"), _("Merchants")], rows, numbers=(1,))]


def _names(named: dict[int, Merchant], ids: list[int]) -> str:
    return ", ".join(named[pk].name for pk in ids if pk in named) or NOTHING
