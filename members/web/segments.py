"""Segments: the list, the builder, one segment with its members, and what is done with them (domain.md 10)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from members.lib.fields import opaque_id
from members.lib.refusals import Invalid, NotFound, Refusal
from members.lib.segments import LONGEST_TAG, Rule, check
from members.models import Segment, SegmentKind
from members.selectors import members as members_of
from members.selectors import segments as selectors
from members.selectors import tags as tags_of
from members.selectors.segments import Found, Shop
from members.services import segments as services
from members.services import tags as tag_services
from members.services.audit import Actor
from members.templatetags.fmt import masked_name, masked_phone
from members.templatetags.fmt import points as points_text
from members.web import csv_files, gates, segment_words
from members.web.forms import add_refusal, asked, one_line
from members.web.htmx import wants_piece
from members.web.request import StaffRequest
from members.web.segment_forms import (
    NameForm,
    Node,
    Offers,
    Typed,
    edited,
    nodes,
    place_errors,
    typed_from,
    typed_of,
)

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


def _segment(shop: Shop, segment_id: str) -> Segment:
    """The segment of an address. Raises Http404 for nobody's and for another merchant's."""
    segment = shop.segments.get(segment_id)
    if segment is None:
        raise Http404
    return segment


@gates.staff(function="members")
@require_safe
def segments_list(request: StaffRequest) -> HttpResponse:
    """Segments with how many are in them; the ready-made ones where there are none yet."""
    shop = shop_of(request, timezone.now())
    counts = selectors.counts(shop=shop, segments=shop.segments.values())
    context = {
        "rows": [
            {"segment": each, "count": counts[each.pk], "gone": _gone(shop, each)}
            for each in shop.segments.values()
        ],
        "total": selectors.everybody(merchant_id=request.merchant.pk),
        "templates": segment_words.TEMPLATES,
        "may_write": request.staff.role in gates.WRITERS,
        "tabs": tabs("members:segments_list"),
    }
    return render(request, "members/segments/list.html", context)


def _gone(shop: Shop, segment: Segment) -> list[str]:
    return shop.gone(segment.rule) if segment.kind == SegmentKind.DYNAMIC else []


# ---- the builder ----------------------------------------------------------------------------------------------------


@gates.staff(read=gates.WRITERS, write=gates.WRITERS, function="members")
@require_http_methods(["GET", "HEAD", "POST"])
def segments_new(request: StaffRequest) -> HttpResponse:
    """A new segment, from nothing or from a ready-made rule."""
    return _builder(request, shop_of(request, timezone.now()), None)


@gates.staff(read=gates.WRITERS, write=gates.WRITERS, function="members")
@require_http_methods(["GET", "HEAD", "POST"])
def segments_edit(request: StaffRequest, segment_id: str) -> HttpResponse:
    """Another rule or name of a segment."""
    shop = shop_of(request, timezone.now())
    return _builder(request, shop, _segment(shop, segment_id))


def _builder(request: StaffRequest, shop: Shop, segment: Segment | None) -> HttpResponse:
    """The form of a rule. Parts come and go by a submission, with a script or without; a script asks for the count."""
    own_id = segment.public_id if segment else ""
    offers = Offers(shop, tags_of.names(merchant_id=request.merchant.pk), own_id)
    if request.method != "POST":
        chosen = segment_words.template(asked(request, "template"))
        start = segment.rule if segment else chosen.rule if chosen else {"all": []}
        name = segment.name if segment else str(chosen.name) if chosen else ""
        version = segment.version if segment else None
        name_form = NameForm(initial={"name": name, "version": version})
        typed = typed_of(start, request.merchant.currency)
        if not typed.parts:
            typed = edited(typed, _pressed("add_condition"))
        return _show(request, shop, segment, name_form, nodes(typed, offers), typed, offers)
    typed = edited(typed_from(request.POST), request.POST)
    if "save" not in request.POST:
        kept = {name: request.POST.get(name, "") for name in ("name", "once", "version")}
        name_form = NameForm(initial=kept)
        return _show(request, shop, segment, name_form, nodes(typed, offers), typed, offers)
    name_form, root = NameForm(request.POST), nodes(typed, offers, request.POST)
    made = _save(request, shop, segment, name_form, root)
    if made is not None:
        messages.success(request, _("“%(name)s” is saved.") % {"name": made.name})
        return redirect("members:segments_page", segment_id=made.public_id)
    return _show(request, shop, segment, name_form, root, typed, offers, status=422)


def _pressed(name: str) -> QueryDict:
    return QueryDict(f"{name}=r")


def _save(
    request: StaffRequest, shop: Shop, segment: Segment | None, name_form: NameForm, root: Node
) -> Segment | None:
    """Store what is filled in; None with the reasons in the forms."""
    valid = [form.is_valid() for form in (name_form, *(node.form for node in root.walk()))]
    if not all(valid):
        return None
    data = name_form.cleaned_data
    about: dict[str, Any] = {
        "merchant_id": request.merchant.pk,
        "at": shop.at,
        "actor": Actor.person(request.user),
        "name": data["name"],
        "rule": root.rule(),
        "everybody": data["everybody"],
    }
    try:
        if segment is None:
            return services.create(**about, public_id=data["once"])
        version = data["version"] or segment.version
        return services.change(**about, public_id=segment.public_id, version=version)
    except services.FitsEverybody as refusal:
        name_form.asks_everybody = True
        name_form.add_error("everybody", refusal.detail)
    except NotFound as refusal:
        raise Http404 from refusal
    except Invalid as refusal:
        place_errors(root, refusal, name_form)
    except Refusal as refusal:
        add_refusal(name_form, refusal)
    return None


def _show(
    request: StaffRequest,
    shop: Shop,
    segment: Segment | None,
    name_form: NameForm,
    root: Node,
    typed: Typed,
    offers: Offers,
    status: int = 200,
) -> HttpResponse:
    found = _count(request, shop, typed, offers)
    context = {
        "segment": segment,
        "name_form": name_form,
        "root": root,
        "forms": [name_form, *(node.form for node in root.walk())],
        **found,
        "is_static": segment is not None and segment.kind == SegmentKind.STATIC,
    }
    if wants_piece(request):
        piece = "_count" if request.htmx.target == "count" else "_builder"
        return render(request, f"members/segments/{piece}.html", {**context, "is_piece": True})
    return render(request, "members/segments/edit.html", context, status=status)


def _count(request: StaffRequest, shop: Shop, typed: Typed, offers: Offers) -> dict[str, Any]:
    """How many the rule means as it is typed; None while it is not complete."""
    total = selectors.everybody(merchant_id=request.merchant.pk)
    rule = _rule_typed(shop, typed, offers)
    if rule is None:
        return {"count": None, "total": total}
    count = selectors.count(shop=shop, rule=rule)
    return {"count": count, "total": total, "share": count * 1000 // total if total else 0}


def _rule_typed(shop: Shop, typed: Typed, offers: Offers) -> Rule | None:
    root = nodes(typed, offers, _as_data(typed))
    if not all(node.form.is_valid() for node in root.walk()):
        return None
    try:
        return check(root.rule(), shop.known, own_id=offers.own_id)
    except Invalid:
        return None


def _as_data(typed: Typed, path: str = "r") -> dict[str, Any]:
    """A tree as the submission that would describe it."""
    found: MultiValueDict[str, Any] = MultiValueDict()
    for name, value in typed.values.items():
        found.setlist(f"{path}-{name}", value if isinstance(value, list) else [str(value)])
    for place, part in enumerate(typed.parts or []):
        found.update(_as_data(part, f"{path}.{place}"))
    return found


# ---- one segment ----------------------------------------------------------------------------------------------------


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
    segment = _segment(shop, segment_id)
    found: Any = Found(shop, selectors.rule_of(segment))
    page: Any = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    total = selectors.everybody(merchant_id=request.merchant.pk)
    day = shop.scope.today.isoformat()
    name = f"{segment.name[: services.LONGEST_NAME - 11]} {day}"
    context = {
        "segment": segment,
        "is_static": segment.kind == SegmentKind.STATIC,
        "lines": segment_words.lines(segment.rule, shop),
        "gone": _gone(shop, segment),
        "page_obj": page,
        "people": people(request, list(page.object_list), shop),
        "count": page.paginator.count,
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
    shared = selectors.overlap(shop=shop, left=selectors.rule_of(segment), right=selectors.rule_of(other))
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
    segment = _segment(shop_of(request, timezone.now()), segment_id)
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
    _segment(shop_of(request, timezone.now()), segment_id)
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
    _segment(shop_of(request, timezone.now()), segment_id)
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
    segment = _segment(shop, segment_id)
    rule = selectors.rule_of(segment)
    count = selectors.count(shop=shop, rule=rule)
    if count > MOST_LINES:
        told = _("These are %(n)s members; a file holds %(most)s. Narrow the segment first.")
        messages.warning(request, told % {"n": points_text(count), "most": points_text(MOST_LINES)})
        return redirect("members:segments_page", segment_id=segment_id)
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
