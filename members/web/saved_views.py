"""Views of the members list: keep the present one, rename, share, delete. They are chosen on the list itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from members.lib.refusals import NotFound, Refusal
from members.models import SavedView
from members.selectors import saved_views as selectors
from members.services import saved_views as services
from members.services.audit import Actor
from members.web import gates
from members.web.forms import add_refusal, answer, asked, one_line
from members.web.request import StaffRequest

KEPT = ("q", "tier", "channel", "sort")


class ViewForm(forms.Form):
    """The name of a view, and whether all of the shop see it."""

    name = forms.CharField(label=gettext_lazy("Name of the view"), max_length=services.LONGEST_NAME)
    is_shared = forms.BooleanField(label=gettext_lazy("Share it with the shop"), required=False)


def _query(text: str) -> str:
    """The filters of a list's address, in order, without anything else."""
    given = dict(parse_qsl(one_line(text, most=services.LONGEST_QUERY)))
    return urlencode({name: one_line(given[name]) for name in KEPT if given.get(name)})


def _may_change(request: StaffRequest, view: SavedView) -> bool:
    return view.by_id == request.user.pk or (view.is_shared and request.staff.role in services.KEEPERS)


def _list_url(query: str) -> str:
    return reverse("members:members_list") + (f"?{query}" if query else "")


@gates.staff(read=gates.READERS, write=gates.READERS, function="members")
def views_list(request: StaffRequest) -> HttpResponse:
    """All views that one may use, and the form that keeps the filters of the address under a name."""
    query = _query(asked(request, "query", most=services.LONGEST_QUERY))
    form = ViewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            view = services.save(
                merchant_id=request.merchant.pk,
                at=timezone.now(),
                actor=Actor.person(request.user),
                role=request.staff.role,
                query=query,
                **form.cleaned_data,
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("The view “%(name)s” is saved.") % {"name": view.name})
            return redirect(_list_url(query))
    views = selectors.of(merchant_id=request.merchant.pk, user_id=request.user.pk)
    context = {
        "form": form,
        "query": query,
        "list_url": _list_url(query),
        "rows": [(view, _list_url(view.query), _may_change(request, view)) for view in views],
        "may_share": request.staff.role in services.SHARERS,
    }
    return answer(request, "members/saved_views/list.html", context, form)


@gates.staff(read=gates.READERS, write=gates.READERS, function="members")
def views_edit(request: StaffRequest, view_id: str) -> HttpResponse:
    """Rename, share or delete one view."""
    view = selectors.find(merchant_id=request.merchant.pk, user_id=request.user.pk, public_id=view_id)
    if view is None or not _may_change(request, view):
        raise Http404
    who: dict[str, Any] = {
        "merchant_id": request.merchant.pk,
        "at": timezone.now(),
        "actor": Actor.person(request.user),
        "role": request.staff.role,
        "public_id": view_id,
    }
    form = ViewForm(request.POST or None, initial={"name": view.name, "is_shared": view.is_shared})
    if request.method == "POST":
        try:
            if "delete" in request.POST:
                services.delete(**who)
                told = _("The view “%(name)s” is deleted. No member was changed.") % {"name": view.name}
                messages.success(request, told)
                return redirect("members:views_list")
            if form.is_valid():
                services.change(**who, **form.cleaned_data)
                return redirect("members:views_list")
        except NotFound:
            raise Http404 from None
        except Refusal as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "view": view, "may_share": request.staff.role in services.SHARERS}
    return answer(request, "members/saved_views/edit.html", context, form)
