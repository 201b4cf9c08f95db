"""The builder of a segment's rule: with a script it counts while somebody types, without one by its buttons."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from members.lib.refusals import Invalid, NotFound, Refusal
from members.lib.segments import Rule, check
from members.models import Segment, SegmentKind
from members.selectors import segments as selectors
from members.selectors import tags as tags_of
from members.selectors.segments import Shop
from members.services import segments as services
from members.services.audit import Actor
from members.web import gates, segment_words
from members.web.forms import add_refusal, asked
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
from members.web.segments import segment_of, shop_of


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
    return _builder(request, shop, segment_of(shop, segment_id))


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
    rule = _rule_typed(shop, typed, offers)
    if rule is None:
        return {"count": None, "total": selectors.everybody(merchant_id=request.merchant.pk)}
    found = selectors.count_in_time(shop=shop, rule=rule)
    return {"count": found.members, "total": found.total, "share": found.share, "is_about": found.is_about}


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
