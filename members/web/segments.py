"""Segments: the list, the builder, one segment with its members, and what is done with them (domain.md 10)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from members.lib.fields import opaque_id
from members.lib.refusals import Refusal
from members.lib.segments import LONGEST_TAG, Rule, named, too_large
from members.models import Segment, SegmentKind
from members.selectors import members as members_of
from members.selectors import segments as selectors
from members.selectors import tags as tags_of
from members.selectors.segments import Found, Shop
from members.services import segment_counts
from members.services import segments as services
from members.services import tags as tag_services
from members.services.audit import Actor
from members.templatetags.fmt import masked_name, masked_phone
from members.templatetags.fmt import points as points_text
from members.web import csv_files, gates, segment_words
from members.web.forms import add_refusal, asked, one_line
from members.web.request import StaffRequest

PER_PAGE = 20
CHUNK = 2_000
MOST_LINES = 200_000
HEAD = (
    gettext_lazy("Member"),
    gettext_lazy("Name"),
    gettext_lazy("Phone"),
    gettext_lazy("Tier"),
    gettext_lazy("Channel"),
    gettext_lazy("Joined"),
    gettext_lazy("Points"),
)


def shop_of(request: StaffRequest, at: dt.datetime) -> Shop:
    """What rules of this shop may name, now."""
    return selectors.shop(merchant=request.merchant, at=at)


def tabs(current: str) -> list[dict[str, Any]]:
    """The three pages of this topic."""
    return [
        {"label": label, "url": reverse(route), "current": route == current, "count": None}
        for route, label in (
            ("members:segments_list", _("Segments")),
            ("members:segments_lifecycle", _("Lifecycle")),
            ("members:segments_rfm", _("RFM grid")),
        )
    ]


def segment_of(shop: Shop, segment_id: str) -> Segment:
    """The segment of an address. Raises Http404 for nobody's and for another merchant's."""
    segment = shop.segments.get(segment_id)
    if segment is None:
        raise Http404
    return segment


@gates.staff(function="members")
@require_safe
def segments_list(request: StaffRequest) -> HttpResponse:
    """Segments with how many were in them when they were counted; the ready-made ones where there are none yet."""
    shop = shop_of(request, timezone.now())
    large = too_large(shop.known.rules)
    untagged = _tags_of_nobody(shop, *shop.segments.values())
    context = {
        "rows": [
            {
                "segment": each,
                "needs_change": each.public_id in large or bool(_gone(shop, each, untagged)),
            }
            for each in shop.segments.values()
        ],
        "templates": segment_words.TEMPLATES,
        "may_write": request.staff.role in gates.WRITERS,
        "tabs": tabs("members:segments_list"),
    }
    return render(request, "members/segments/list.html", context)


@gates.staff(read=gates.NOBODY, write=gates.WRITERS, function="members")
@require_POST
def segments_recount(request: StaffRequest) -> HttpResponse:
    """Count all segments now."""
    try:
        count = segment_counts.recount_asked(merchant_id=request.merchant.pk, at=timezone.now())
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        told = ngettext("%(n)s segment is counted.", "%(n)s segments are counted.", count)
        messages.success(request, told % {"n": points_text(count)})
    return redirect("members:segments_list")


def _gone(shop: Shop, segment: Segment, untagged: set[str]) -> list[str]:
    """What the rule of a segment names in vain."""
    if segment.kind != SegmentKind.DYNAMIC:
        return []
    return shop.gone(segment.rule) + sorted(untagged & named(segment.rule, "tag"))


def _tags_of_nobody(shop: Shop, *segments: Segment) -> set[str]:
    names = {tag for each in segments for tag in named(each.rule, "tag")}
    return tags_of.of_nobody(merchant_id=shop.merchant.pk, names=names)


class SnapshotForm(forms.Form):
    """What a snapshot is called."""

    name = forms.CharField(label=gettext_lazy("Name of the snapshot"), max_length=services.LONGEST_NAME)
    once = forms.CharField(required=False, max_length=16, widget=forms.HiddenInput)


class TagForm(forms.Form):
    """A tag to put on members."""

    tag = forms.CharField(label=gettext_lazy("Tag"), max_length=LONGEST_TAG)


@gates.staff(function="members")
@require_safe
def segments_page(request: StaffRequest, segment_id: str) -> HttpResponse:
    """One segment: its rule in words, how many it has, its newest members, and how far it is another's too."""
    return show_segment(request, segment_id)


def show_segment(
    request: StaffRequest,
    segment_id: str,
    *,
    snapshot_form: SnapshotForm | None = None,
    tag_form: TagForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of a segment, with the forms that somebody filled in."""
    shop = shop_of(request, timezone.now())
    segment = segment_of(shop, segment_id)
    too_large = shop.too_large(selectors.rule_of(segment))
    found: Any = [] if too_large else Found(shop, selectors.rule_of(segment))
    page: Any = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    total = selectors.everybody(merchant_id=request.merchant.pk)
    day = shop.scope.today.isoformat()
    name = f"{segment.name[: services.LONGEST_NAME - 11]} {day}"
    context = {
        "segment": segment,
        "is_static": segment.kind == SegmentKind.STATIC,
        "lines": segment_words.lines(segment.rule, shop),
        "gone": _gone(shop, segment, _tags_of_nobody(shop, segment)),
        "too_large": too_large,
        "page_obj": page,
        "people": people(request, list(page.object_list), shop),
        "count": None if too_large else page.paginator.count,
        "total": total,
        "share": page.paginator.count * 1000 // total if total else 0,
        "others": [each for each in shop.segments.values() if each.pk != segment.pk],
        **_overlap(shop, segment, asked(request, "with")),
        "may_write": request.staff.role in gates.WRITERS,
        "snapshot_form": snapshot_form or SnapshotForm(initial={"name": name, "once": opaque_id()}),
        "tag_form": tag_form or TagForm(),
    }
    return render(request, "members/segments/page.html", context, status=status)


def people(request: StaffRequest, found: list[Any], shop: Shop) -> list[dict[str, Any]]:
    """Lines of members with their tier, for the lists of this topic."""
    names = {tier.pk: str(tier) for tier in shop.tiers.values()}
    base = next(iter(names.values()), "")
    rows = members_of.rows_of(merchant=request.merchant, members=found)
    return [{"row": row, "tier": names.get(row.tier_id or 0, base)} for row in rows]


def _overlap(shop: Shop, segment: Segment, other_id: str) -> dict[str, Any]:
    """How many members a segment has in common with the one that the address names."""
    other = shop.segments.get(other_id)
    if other is None or other.pk == segment.pk:
        return {"other": None}
    rules = selectors.rule_of(segment), selectors.rule_of(other)
    if any(shop.too_large(rule) for rule in rules):
        return {"other": other, "cannot_compare": True}
    shared = selectors.overlap(shop=shop, left=rules[0], right=rules[1])
    return {
        "other": other,
        "shared": shared,
        "share_left": shared.both * 1000 // shared.left if shared.left else None,
        "share_right": shared.both * 1000 // shared.right if shared.right else None,
    }


@gates.staff(read=gates.NOBODY, write=gates.WRITERS, function="members")
@require_POST
def segments_delete(request: StaffRequest, segment_id: str) -> HttpResponse:
    """Delete a segment that its page asked about by name."""
    segment = segment_of(shop_of(request, timezone.now()), segment_id)
    try:
        services.delete(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            public_id=segment_id,
        )
    except Refusal as refusal:
        messages.error(request, refusal.detail)
        return redirect("members:segments_page", segment_id=segment_id)
    messages.success(request, _("“%(name)s” is deleted. No member was changed.") % {"name": segment.name})
    return redirect("members:segments_list")


@gates.staff(read=gates.NOBODY, write=gates.WRITERS, function="members")
@require_POST
def segments_snapshot(request: StaffRequest, segment_id: str) -> HttpResponse:
    """Keep who is in a segment now."""
    segment_of(shop_of(request, timezone.now()), segment_id)
    form = SnapshotForm(request.POST)
    if form.is_valid():
        once = form.cleaned_data["once"]
        try:
            taken, count = services.snapshot(
                merchant_id=request.merchant.pk,
                at=timezone.now(),
                actor=Actor.person(request.user),
                public_id=segment_id,
                name=form.cleaned_data["name"],
                new_id=once if len(once) == 16 and once.isalnum() else "",
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            told = ngettext("The snapshot holds %(n)s member.", "The snapshot holds %(n)s members.", count)
            messages.success(request, told % {"n": points_text(count)})
            return redirect("members:segments_page", segment_id=taken.public_id)
    return show_segment(request, segment_id, snapshot_form=form, status=422)


@gates.staff(read=gates.NOBODY, write=gates.WRITERS, function="members")
@require_POST
def segments_tag(request: StaffRequest, segment_id: str) -> HttpResponse:
    """Put a tag on everybody who is in a segment now."""
    segment_of(shop_of(request, timezone.now()), segment_id)
    form = TagForm(request.POST)
    if form.is_valid():
        try:
            count = tag_services.add_to_segment(
                merchant_id=request.merchant.pk,
                at=timezone.now(),
                actor=Actor.person(request.user),
                public_id=segment_id,
                name=one_line(form.cleaned_data["tag"]),
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            told = ngettext(
                "%(n)s member got the tag “%(tag)s”.", "%(n)s members got the tag “%(tag)s”.", count
            )
            messages.success(request, told % {"n": points_text(count), "tag": form.cleaned_data["tag"]})
            return redirect("members:segments_page", segment_id=segment_id)
    return show_segment(request, segment_id, tag_form=form, status=422)


@gates.staff(function="members")
@require_safe
def segments_csv(request: StaffRequest, segment_id: str) -> HttpResponse | FileResponse:
    """The members of a segment as a file: names and phones masked, as on the page."""
    shop = shop_of(request, timezone.now())
    segment = segment_of(shop, segment_id)
    rule = selectors.rule_of(segment)
    if shop.too_large(rule):  # its page says so
        return redirect("members:segments_page", segment_id=segment_id)
    count = selectors.count(shop=shop, rule=rule)
    if count > MOST_LINES:
        told = _(
            "These are %(n)s members; more than %(most)s are written in the background. Begin the export below."
        )
        messages.warning(request, told % {"n": points_text(count), "most": points_text(MOST_LINES)})
        return redirect("members:exports_newsegment", segment_id=segment_id)
    return csv_files.answer_long("segment.csv", HEAD, _csv_lines(request, shop, rule))


def _csv_lines(request: StaffRequest, shop: Shop, rule: Rule) -> Iterator[list[Any]]:
    """A line a member, a chunk of them at a time."""
    ids = selectors.member_ids(shop=shop, rule=rule)
    for start in range(0, len(ids), CHUNK):
        found = selectors.in_order(merchant_id=request.merchant.pk, ids=ids[start : start + CHUNK])
        for line in people(request, found, shop):
            row = line["row"]
            yield [
                row.member.public_id,
                masked_name(row.name) if row.name else "",
                masked_phone(row.phone) if row.phone else "",
                line["tier"],
                row.member.get_channel_display(),
                row.member.joined_on.isoformat(),
                row.points,
            ]
