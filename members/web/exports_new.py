"""Asking for a file: of members, of a segment, of the ledger's entries, of moves between tiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from members.lib.refusals import Refusal
from members.models import EntryKind, ExportFormat, ExportKind
from members.selectors import ledger as entries_of
from members.selectors import members as members_of
from members.selectors import segments as segments_of
from members.selectors import tier_flow as flow_of
from members.services.audit import Actor
from members.services.exports import jobs, kinds
from members.templatetags.fmt import points as points_text
from members.web import gates, ledger, segments, tier_flow
from members.web.forms import OnceField, add_refusal, answer, asked
from members.web.members import SORT_LABELS, filters_of
from members.web.request import StaffRequest


class ExportForm(forms.Form):
    """What the file is like."""

    format = forms.ChoiceField(
        label=gettext_lazy("File"),
        choices=ExportFormat.choices,
        initial=ExportFormat.CSV,
        widget=forms.RadioSelect,
    )
    is_clear = forms.BooleanField(label=gettext_lazy("Whole phone numbers and names"), required=False)
    reason = forms.CharField(
        label=gettext_lazy("Why whole numbers are needed"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Only for whole numbers. Kept in the audit log with your name and the time."),
    )
    once = OnceField()


@dataclass(slots=True)
class Wanted:
    """What a file would hold: its heading, how much that is in words, by which filters, and the page it is seen on."""

    kind: ExportKind
    heading: str
    told: str
    filters: Mapping[str, Any]
    back: str
    facts: list[tuple[Any, Any]] = field(default_factory=list)
    label: str = ""


def _begin(request: StaffRequest, wanted: Wanted) -> HttpResponse:
    """The form, and on its way what it asks for."""
    form = ExportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            job = jobs.create(
                merchant_id=request.merchant.pk,
                at=timezone.now(),
                actor=Actor.person(request.user),
                role=request.staff.role,
                kind=wanted.kind,
                file_format=form.cleaned_data["format"],
                filters=wanted.filters,
                is_clear=form.cleaned_data["is_clear"],
                reason=form.cleaned_data["reason"],
                label=wanted.label,
                once=form.cleaned_data["once"],
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            return redirect("members:exports_page", job.public_id)
    may_clear = kinds.of(wanted.kind).may_be_clear and request.staff.role in jobs.CLEAR_ROLES
    context = {
        "form": form,
        "wanted": wanted,
        "facts": [(label, value) for label, value in wanted.facts if value],
        "may_clear": may_clear,
    }
    return answer(request, "members/exports/new.html", context, form)


def _gone(request: StaffRequest, back: str) -> HttpResponse:
    """A list shows everything when a filter names what is no longer there; a file must not."""
    messages.error(request, kinds.GONE)
    return redirect(back)


@gates.staff(write=gates.READERS)
def exports_new(request: StaffRequest) -> HttpResponse:
    """Of the members whom the list's address means."""
    tiers, base, filters, wanted = filters_of(request)
    if filters.is_bound and not filters.is_valid():
        return _gone(request, "members:members_list")
    found = members_of.listed(
        merchant=request.merchant, wanted=wanted, base_tier_id=base.pk if base else None
    )
    count = found.count()
    query = urlencode({name: asked(request, name) for name in ("q", "tier", "channel", "sort")})
    chosen = dict(filters.fields["channel"].choices)  # type: ignore[attr-defined]
    return _begin(
        request,
        Wanted(
            kind=ExportKind.MEMBERS,
            heading=_("Export members"),
            told=ngettext("%(n)s member is exported", "%(n)s members are exported", count)
            % {"n": points_text(count)},
            filters={
                "search": wanted.search,
                "tier_id": wanted.tier_id,
                "channel": wanted.channel,
                "sort": wanted.sort,
            },
            back=f"{reverse('members:members_list')}?{query}",
            facts=[
                (_("Search"), wanted.search),
                (_("Tier"), next((tier for tier in tiers if tier.pk == wanted.tier_id), None)),
                (_("Channel"), wanted.channel and chosen[wanted.channel]),
                (_("Sorting"), SORT_LABELS[wanted.sort]),
            ],
        ),
    )


@gates.staff(write=gates.READERS)
def exports_newsegment(request: StaffRequest, segment_id: str) -> HttpResponse:
    """Of the members who are in a segment when the work begins."""
    shop = segments.shop_of(request, timezone.now())
    segment = segments.segment_of(shop, segment_id)
    rule = segments_of.rule_of(segment)
    if shop.too_large(rule):  # its page says so
        return redirect("members:segments_page", segment_id=segment_id)
    found = segments_of.count_in_time(shop=shop, rule=rule)
    told = ngettext("%(n)s member is exported", "%(n)s members are exported", found.members)
    if found.is_about:
        told = _("About %(n)s members are exported")
    return _begin(
        request,
        Wanted(
            kind=ExportKind.SEGMENT,
            heading=_("Export segment"),
            told=told % {"n": points_text(found.members)},
            filters={"segment": segment.public_id},
            back=reverse("members:segments_page", args=[segment.public_id]),
            facts=[(_("Segment"), segment.name)],
            label=segment.name,
        ),
    )


@gates.staff(write=gates.READERS)
def exports_newledger(request: StaffRequest) -> HttpResponse:
    """Of the entries that the ledger's address means."""
    filters, wanted, address = ledger.wanted_of(request)
    if filters.is_bound and not filters.is_valid():
        return _gone(request, "members:ledger_list")
    count = entries_of.listed(merchant=request.merchant, wanted=wanted).order_by().count()
    return _begin(
        request,
        Wanted(
            kind=ExportKind.LEDGER,
            heading=_("Export points ledger"),
            told=ngettext("%(n)s entry is exported", "%(n)s entries are exported", count)
            % {"n": points_text(count)},
            filters={
                "search": wanted.search,
                "kind": wanted.kind,
                "cause": wanted.cause,
                "from_at": wanted.from_at and wanted.from_at.isoformat(),
                "to_at": wanted.to_at and wanted.to_at.isoformat(),
            },
            back=f"{reverse('members:ledger_list')}?{urlencode(address)}",
            facts=[
                (_("Search"), wanted.search),
                (_("Kind"), wanted.kind and EntryKind(wanted.kind).label),
                (_("Cause"), ledger.CAUSE_WORDS.get(wanted.cause)),
                (_("From"), address.get("date_from")),
                (_("To, this day included"), address.get("date_to")),
                (_("Sorting"), SORT_LABELS["oldest"]),
            ],
        ),
    )


@gates.staff(write=gates.READERS)
def exports_newmoves(request: StaffRequest) -> HttpResponse:
    """Of the moves that tier flow's address means."""
    wanted = tier_flow.asked_of(request)
    if wanted.form.is_bound and not wanted.form.is_valid():
        return _gone(request, "members:tierflow_page")
    count = flow_of.asked_moves(
        merchant=request.merchant, span=wanted.span, cause=wanted.cause, way=wanted.way
    ).count()
    address = {"date_from": wanted.first, "date_to": wanted.last, "cause": wanted.cause, "way": wanted.way}
    return _begin(
        request,
        Wanted(
            kind=ExportKind.MOVES,
            heading=_("Export moves between tiers"),
            told=ngettext("%(n)s move is exported", "%(n)s moves are exported", count)
            % {"n": points_text(count)},
            filters={
                "from_at": wanted.span.start.isoformat(),
                "to_at": wanted.span.end.isoformat(),
                "cause": wanted.cause,
                "way": wanted.way,
            },
            back=f"{reverse('members:tierflow_page')}?{urlencode(address)}",
            facts=[
                (_("From"), wanted.first.isoformat()),
                (_("To, this day included"), wanted.last.isoformat()),
                (_("Cause"), flow_of.CAUSE_WORDS.get(wanted.cause)),
                (_("Direction"), tier_flow.WAYS.get(wanted.way)),
                (_("Sorting"), SORT_LABELS["newest"]),
            ],
        ),
    )
