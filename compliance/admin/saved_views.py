"""Saved views of the platform's lists: filters that an admin keeps under a name, each their own."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from compliance.services import admin_views
from members.admin.base import ReadOnlyAdmin
from members.lib.refusals import Refusal

PASSING = ("p", "page", "_changelist_filters", "all", "e")  # where one is in a list, not what it shows


def shown(request: HttpRequest, list_name: str, url: str) -> dict[str, Any]:
    """What `admin/platform/_saved_views.html` shows. url: the address of the list."""
    query = request.GET.copy()
    for name in PASSING:
        query.pop(name, None)
    found = admin_views.of(by_id=_who(request), list_name=list_name)
    return {
        "views": [
            (row, f"{url}?{row.query}" if row.query else url, row.query == query.urlencode()) for row in found
        ],
        "view_list": list_name,
        "view_query": query.urlencode(),
        "view_url": url,
    }


def _who(request: HttpRequest) -> int:
    assert request.user.pk is not None  # the platform's door lets nobody else in
    return int(request.user.pk)


class SavedViews(ReadOnlyAdmin):
    """A list whose filters can be kept under a name."""

    def get_urls(self) -> list[URLPattern]:
        """Keeping and removing, beside Django's own addresses."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_views"
        view = self.admin_site.admin_view(self.saved_views)
        return [path("views/", view, name=name), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list with the person's views."""
        listed = {"saved_views": shown(request, self.view_list, self._own("changelist"))}
        listed["saved_views"]["view_act"] = self._own("views")
        return super().changelist_view(request, {**listed, **(extra_context or {})})

    @property
    def view_list(self) -> str:
        """What the list is called among the views."""
        return str(self.opts.model_name)

    def _own(self, act: str) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{act}")

    def saved_views(self, request: HttpRequest) -> HttpResponse:
        """Keep the filters under the name, or remove a view."""
        if request.method != "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        return act(request, self.view_list, self._own("changelist"))


def act(request: HttpRequest, list_name: str, url: str) -> HttpResponse:
    """Keep what the form says under its name, or remove the view it names; back to the list."""
    query = request.POST.get("query", "")[: admin_views.LONGEST + 1]
    remove = request.POST.get("remove", "")
    if remove:
        if (
            remove.isdecimal()
            and len(remove) < 19
            and admin_views.remove(by_id=_who(request), view_id=int(remove))
        ):
            messages.success(request, _("The view is removed."))
        return HttpResponseRedirect(url)
    try:
        row = admin_views.save(
            by_id=_who(request),
            list_name=list_name,
            name=request.POST.get("name", ""),
            query=query,
            at=timezone.now(),
        )
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, _("The view “%(name)s” is saved.") % {"name": row.name})
    return HttpResponseRedirect(f"{url}?{query}" if query and len(query) <= admin_views.LONGEST else url)
