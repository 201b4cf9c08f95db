"""Benefits: the list, one benefit with its history, and pausing, resuming, ending."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from benefits.lib.audience import plans_of, segments_of
from benefits.lib.coverage import EVERYONE
from benefits.lib.kinds import KINDS, label_of
from benefits.lib.price_edits import plan_column
from benefits.lib.standing import Standing
from benefits.models import Benefit, BenefitRevision, BenefitStatus
from benefits.selectors import audiences, pools, prices, scopes, subscriptions
from benefits.selectors import benefits as selectors
from benefits.services import benefits as services
from benefits.web import campaigns, draws, words
from benefits.web.forms import FORMS
from benefits.web.templates import TEMPLATES
from members.lib.fields import opaque_id
from members.lib.refusals import NotFound, Refusal
from members.services.audit import Actor
from members.web import gates
from members.web.forms import asked
from members.web.htmx import wants_piece
from members.web.request import StaffRequest

PAGE = 50
MOST_UNDO = 12_000  # characters of what an act on many can be taken back by
DRAWS = tuple(code for code, kind in KINDS.items() if kind.is_draw)
COUPONS = ("coupon", "repurchase_coupon")

reads = gates.staff(read=gates.READERS, function="benefits")
writes = gates.staff(read=gates.WRITERS, write=gates.WRITERS, function="benefits")


def found_or_404(request: StaffRequest, public_id: str) -> Benefit:
    """The merchant's benefit of that id. Raises Http404."""
    benefit = selectors.by_public_id(merchant_id=request.merchant.pk, public_id=public_id)
    if benefit is None:
        raise Http404
    return benefit


def may_write(request: StaffRequest) -> bool:
    """Whether the page offers what changes something."""
    return request.staff.role in gates.WRITERS


def described(
    benefit: Benefit, *, request: StaffRequest, at: dt.datetime, names: dict[str, str]
) -> dict[str, Any]:
    """A benefit as lists and pages show it."""
    merchant = request.merchant
    return {
        "row": benefit,
        "name": benefit.name or label_of(benefit.kind),
        "kind": label_of(benefit.kind),
        "gives": words.gives_when(benefit.kind, benefit.settings, merchant.currency),
        "chip": words.standing_chip(benefit, at),
        "period": words.period_text(benefit.from_at, benefit.to_at, merchant.zone),
        "audience": words.audience_text(benefit.audience, names),
        "where": words.where_text(benefit.scope, names),
        "stock": words.stock_text(benefit.stock),
        "is_draw": benefit.kind in DRAWS,
    }


def tier_names(request: StaffRequest, at: dt.datetime, *, has_segments: bool = True) -> dict[str, str]:
    """The names of the merchant's tiers by code, of its segments by id, and of its plans by "plan:" and code."""
    merchant_id = request.merchant.pk
    named = []
    if has_segments:
        plans = subscriptions.plan_names(merchant_id=merchant_id)
        named = audiences.segment_names(merchant_id=merchant_id)
        named += [(plan_column(code), name) for code, name in plans]
    return dict([*named, *audiences.tier_names(merchant_id=merchant_id, at=at)])


@reads
@require_safe
def benefits_list(request: StaffRequest) -> HttpResponse:
    """Every benefit, filtered by the address."""
    kind = asked(request, "kind")
    return listed_page(
        request, title=_("Benefits"), kinds=(kind,) if kind in KINDS else (), kind=kind, new_kind=""
    )


@reads
@require_safe
def coupons_list(request: StaffRequest) -> HttpResponse:
    """Coupons alone."""
    return listed_page(request, title=_("Coupons"), kinds=COUPONS, kind="", new_kind="coupon")


@reads
@require_safe
def draws_list(request: StaffRequest) -> HttpResponse:
    """Draws alone, which do not count."""
    return listed_page(request, title=_("Draws"), kinds=DRAWS, kind="", new_kind="lucky_draw")


def listed_page(
    request: StaffRequest,
    *,
    title: str,
    kinds: tuple[str, ...],
    kind: str,
    new_kind: str,
    is_rewards: bool = False,
) -> HttpResponse:
    """A list of benefits of some kinds, filtered by the address; `new_kind`: what its button publishes."""
    at = timezone.now()
    standing = asked(request, "status")
    wanted = selectors.BenefitFilter(
        search=asked(request, most=80),
        standing=standing if standing in set(Standing) else "",
        kinds=kinds,
    )
    merchant_id = request.merchant.pk
    page = Paginator(selectors.listed(merchant_id=merchant_id, wanted=wanted, at=at), PAGE).get_page(
        request.GET.get("page")
    )
    needs_names = any(row.audience != EVERYONE for row in page.object_list)
    has_segments = any(segments_of(row.audience) or plans_of(row.audience) for row in page.object_list)
    names = tier_names(request, at, has_segments=has_segments) if needs_names else {}
    low = pools.low_among(page.object_list)
    counts = selectors.counts(merchant_id=merchant_id, wanted=wanted, at=at)
    is_narrow = bool(wanted.search or wanted.standing or kind)
    context = {
        "title": title,
        "page_obj": page,
        "rows": [
            described(row, request=request, at=at, names=names) | {"is_low": row.pk in low}
            for row in page.object_list
        ],
        "tabs": _tabs(request, wanted.standing, counts),
        "kind": kind,
        "kinds": None if new_kind else [(code, each.label) for code, each in KINDS.items()],
        "q": wanted.search,
        "standing": wanted.standing,
        "is_narrow": is_narrow,
        "templates": [] if is_narrow or counts[""] else TEMPLATES,
        "new_kind": new_kind,
        "is_draws": kinds == DRAWS,
        "is_rewards": is_rewards,
        "may_write": may_write(request),
        "undo": asked(request, "undo", most=MOST_UNDO),
        "once": opaque_id(),
    }
    template = "benefits/benefits/_list.html" if wants_piece(request) else "benefits/benefits/list.html"
    return render(request, template, context)


def _tabs(request: StaffRequest, present: str, counts: dict[str, int]) -> list[dict[str, Any]]:
    """The standings as tabs; the rest of the address stays."""
    items = []
    for value, label in (("", _("All")), *((str(s), str(text)) for s, text in words.STANDINGS.items())):
        query = request.GET.copy()
        for name in ("page", "status"):
            query.pop(name, None)
        if value:
            query["status"] = value
        url = f"{request.path}?{query.urlencode()}" if query else request.path
        items.append({"label": label, "url": url, "current": value == present, "count": counts[value]})
    return items


@reads
@require_safe
def benefits_detail(request: StaffRequest, public_id: str) -> HttpResponse:
    """One benefit: how it stands, its prices, its history."""
    at = timezone.now()
    benefit = found_or_404(request, public_id)
    merchant = request.merchant
    steps = selectors.history(merchant_id=merchant.pk, benefit_id=benefit.pk)
    names = tier_names(request, at) | _stores_named(merchant.pk, [benefit, *(step.row for step in steps)])
    context: dict[str, Any] = {
        "benefit": described(benefit, request=request, at=at, names=names),
        "why_not": words.why_not_counted(benefit, request.merchant.currency, at)
        if benefit.status == BenefitStatus.PUBLISHED
        else [],
        "steps": [
            {
                "row": step.row,
                "changes": words.change_texts(
                    step.changes, step.row.kind, merchant.currency, merchant.zone, names
                ),
            }
            for step in steps
        ],
        "prizes": _prizes(benefit),
        "draw": draws.card(request, benefit, at) if benefit.kind in DRAWS else None,
        "terms": benefit.settings.get("terms") if benefit.kind in DRAWS else None,
        "has_prices": benefit.kind == "member_price",
        "tier_names": names,
        "campaigns": campaigns.of_benefit(benefit),
        "pool": pools.card_of(benefit),
        "can_hand_out": campaigns.can_begin(benefit, at),
        "may_write": may_write(request),
        **_moves(benefit, at),
    }
    if context["draw"]:
        context |= draws.moves(context["draw"]["row"], at, context)
    if benefit.kind == "member_price":
        rows = prices.present(merchant_id=merchant.pk, benefit_id=benefit.pk)
        context["page_obj"] = Paginator(rows, PAGE).get_page(request.GET.get("page"))
        if wants_piece(request):
            return render(request, "benefits/prices/_grid.html", context)
    return render(request, "benefits/benefits/detail.html", context)


def _stores_named(merchant_id: int, rows: Iterable[Benefit | BenefitRevision]) -> dict[str, str]:
    """The names of the stores that a benefit was ever for."""
    keys = {key for row in rows for key in row.scope.get("stores", ())}
    return scopes.store_names(merchant_id=merchant_id, keys=keys)


def _prizes(benefit: Benefit) -> list[dict[str, Any]] | None:
    if benefit.kind not in DRAWS:
        return None
    return [each | {"how_many": words.odds_text(each)} for each in benefit.settings.get("prizes") or ()]


def _moves(benefit: Benefit, at: dt.datetime) -> dict[str, bool]:
    """Which actions a benefit admits."""
    over = benefit.to_at is not None and benefit.to_at <= at
    live = benefit.status in (BenefitStatus.PUBLISHED, BenefitStatus.PAUSED)
    has_form = benefit.kind in FORMS
    return {
        "can_change": has_form and (live or benefit.status == BenefitStatus.DRAFT),
        "can_pause": benefit.status == BenefitStatus.PUBLISHED and not over,
        "can_resume": benefit.status == BenefitStatus.PAUSED,
        "can_end": live and not over,
        "can_copy": has_form,
        "can_renew": has_form and (benefit.status == BenefitStatus.ENDED or over),
        "is_draft": benefit.status == BenefitStatus.DRAFT,
    }


def _move(
    request: StaffRequest, public_id: str, service: Callable[..., Any], done: Callable[[str], str]
) -> HttpResponse:
    """Call a service for one benefit and go back to its page with what became of it."""
    benefit = found_or_404(request, public_id)
    try:
        service(
            merchant_id=request.merchant.pk,
            benefit_id=benefit.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
        )
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, done(str(benefit)))
    return redirect("benefits:benefits_detail", public_id=public_id)


@writes
@require_POST
def benefits_pause(request: StaffRequest, public_id: str) -> HttpResponse:
    """Stop a benefit for a while."""
    return _move(
        request,
        public_id,
        services.pause_benefit,
        lambda name: _("“%(name)s” is paused. It does not count until it is resumed.") % {"name": name},
    )


@writes
@require_POST
def benefits_resume(request: StaffRequest, public_id: str) -> HttpResponse:
    """Let a paused benefit go on."""
    return _move(
        request, public_id, services.resume_benefit, lambda name: _("“%(name)s” goes on.") % {"name": name}
    )


@writes
@require_POST
def benefits_end(request: StaffRequest, public_id: str) -> HttpResponse:
    """End a benefit for good."""
    return _move(
        request, public_id, services.end_benefit, lambda name: _("“%(name)s” has ended.") % {"name": name}
    )


@writes
@require_POST
def benefits_discard(request: StaffRequest, public_id: str) -> HttpResponse:
    """Delete a draft."""
    benefit = found_or_404(request, public_id)
    try:
        services.discard_draft(
            merchant_id=request.merchant.pk,
            benefit_id=benefit.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
        )
    except Refusal as refusal:
        messages.error(request, refusal.detail)
        return redirect("benefits:benefits_detail", public_id=public_id)
    messages.success(request, _("The draft “%(name)s” is deleted.") % {"name": benefit})
    return redirect("benefits:benefits_list")
