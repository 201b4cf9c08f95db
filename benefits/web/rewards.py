"""The rewards shop in the console: its rewards, and the orders with what becomes of them.

Orders stay reachable whatever became of the program: what was paid for with points is still sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from benefits.models import RewardOrder, RewardState
from benefits.selectors import benefits as benefits_selector
from benefits.selectors import rewards as selectors
from benefits.services import rewards as services
from benefits.web import words
from benefits.web.benefits import listed_page, reads
from members.lib.masks import NOTHING, masked_name, masked_phone
from members.lib.refusals import NotFound, Refusal
from members.models import Member
from members.services.audit import Actor
from members.templatetags.fmt import money_text
from members.web import csv_files, gates
from members.web.forms import answer, asked
from members.web.htmx import wants_piece
from members.web.request import StaffRequest

PAGE = 50
LEVELS = {
    RewardState.PLACED: "warning",
    RewardState.PAID: "warning",
    RewardState.SHIPPED: "info",
    RewardState.RECEIVED: "success",
    RewardState.CANCELLED: "neutral",
}
sees = gates.staff(read=gates.READERS)
acts = gates.staff(read=gates.WRITERS, write=gates.WRITERS)


class ShipForm(forms.Form):
    """How it was sent."""

    tracking = forms.CharField(
        label=gettext_lazy("Carrier and number"),
        required=False,
        max_length=services.LONGEST_TRACKING,
        help_text=gettext_lazy("Shown to the member."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class CancelForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=services.LONGEST_REASON,
        help_text=gettext_lazy("The member sees it. Kept in the audit log with your name and the time."),
        error_messages={
            "required": gettext_lazy("Say why it is cancelled; the reason goes into the audit log.")
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class AddressForm(forms.Form):
    """Why somebody looks at an address."""

    reason = forms.CharField(
        label=gettext_lazy("Why do you need it?"),
        max_length=services.LONGEST_REASON,
        help_text=gettext_lazy("Kept in the audit log with your name and the time."),
        error_messages={"required": services.NO_REASON},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="address_%s")  # the page has another reason, for cancelling


def who(member: Member) -> str:
    """A member as the list of orders names them: masked."""
    name = masked_name(member.name) if member.name_token is not None else NOTHING
    if name != NOTHING:
        return name
    return masked_phone(member.phone) if member.phone_index is not None else member.public_id


def described(order: RewardOrder, currency: str) -> dict[str, Any]:
    """An order as lists and pages show it. Runs no query."""
    return {
        "row": order,
        "who": who(order.member),
        "level": LEVELS[RewardState(order.state)],
        "state": order.get_state_display(),
        "money": money_text(order.money_minor, currency) if order.money_minor else "",
        "is_due": bool(order.money_minor) and order.paid_at is None and order.state == RewardState.PLACED,
    }


@reads
@require_safe
def rewards_list(request: StaffRequest) -> HttpResponse:
    """What members can have for points."""
    return listed_page(
        request,
        title=_("Rewards"),
        kinds=(selectors.KIND,),
        kind="",
        new_kind=selectors.KIND,
        is_rewards=True,
    )


@reads
@require_safe
def rewards_csv(request: StaffRequest) -> HttpResponse:
    """The rewards as a file."""
    at, currency, zone = timezone.now(), request.merchant.currency, request.merchant.zone
    ordered = selectors.ordered(merchant_id=request.merchant.pk)
    wanted = benefits_selector.BenefitFilter(
        search=asked(request, most=80), standing=asked(request, "status"), kinds=(selectors.KIND,)
    )
    rows = benefits_selector.listed(merchant_id=request.merchant.pk, wanted=wanted, at=at)
    head = (
        _("Reward"), _("State"), _("What it gives"), _("Points"), _("Money"), _("Stock"), _("Orders"), _("Period"),
    )  # fmt: skip
    lines = (
        (
            str(row),
            words.standing_chip(row, at)["text"],
            words.gives(row.kind, row.settings, currency),
            row.settings.get("points"),
            money_text(row.settings.get("money_minor") or 0, currency),
            row.stock,
            ordered.get(row.pk, 0),
            words.period_text(row.from_at, row.to_at, zone),
        )
        for row in rows
    )
    return csv_files.answer("rewards.csv", head, lines)


def _wanted(request: StaffRequest) -> selectors.OrderFilter:
    state = asked(request, "state")
    return selectors.OrderFilter(
        search=asked(request, most=80), state=state if state in RewardState.values else ""
    )


@sees
@require_safe
def rewardorders_list(request: StaffRequest) -> HttpResponse:
    """Orders of rewards, filtered by the address."""
    wanted = _wanted(request)
    rows = selectors.orders(merchant_id=request.merchant.pk, wanted=wanted)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    counts = selectors.counts(merchant_id=request.merchant.pk, search=wanted.search)
    query = {name: value for name, value in (("q", wanted.search), ("state", wanted.state)) if value}
    context = {
        "page_obj": page,
        "rows": [described(row, request.merchant.currency) for row in page.object_list],
        "tabs": _tabs(request, wanted, counts),
        "q": wanted.search,
        "state": wanted.state,
        "is_narrow": wanted.is_narrow,
        "csv_query": urlencode(query),
    }
    template = "benefits/rewards/_orders.html" if wants_piece(request) else "benefits/rewards/orders.html"
    return render(request, template, context)


def _tabs(
    request: StaffRequest, wanted: selectors.OrderFilter, counts: dict[str, int]
) -> list[dict[str, Any]]:
    items = []
    for value, label in (("", _("All")), *RewardState.choices):
        pairs = {name: text for name, text in (("q", wanted.search), ("state", value)) if text}
        url = f"{request.path}?{urlencode(pairs)}" if pairs else request.path
        items.append({"label": label, "url": url, "current": value == wanted.state, "count": counts[value]})
    return items


@sees
@require_safe
def rewardorders_csv(request: StaffRequest) -> FileResponse:
    """What is filtered, as a file; people masked, addresses left out."""
    currency, zone = request.merchant.currency, request.merchant.zone
    rows = selectors.orders(merchant_id=request.merchant.pk, wanted=_wanted(request))
    head = (
        _("Order"), _("Ordered"), _("Member"), _("Reward"), _("State"), _("Points"), _("Money"), _("Paid"), _("Sent"),
        _("Carrier and number"), _("Received"), _("Cancelled"), _("Reason"),
    )  # fmt: skip

    def moment(at: Any) -> str:
        return at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if at else ""

    lines = (
        (
            row.public_id, moment(row.at), who(row.member), row.item, row.get_state_display(), row.points,
            money_text(row.money_minor, currency), moment(row.paid_at), moment(row.shipped_at), row.tracking,
            moment(row.received_at), moment(row.cancelled_at), row.reason,
        )
        for row in rows.iterator(chunk_size=2_000)
    )  # fmt: skip
    return csv_files.answer_long("reward-orders.csv", head, lines)


@sees
@never_cache
@require_safe
def rewardorders_page(request: StaffRequest, reward_order_id: str) -> HttpResponse:
    """One order, with what can be done about it."""
    return _page(request, _found(request, reward_order_id))


def _found(request: StaffRequest, order_id: str) -> RewardOrder:
    order = selectors.by_public_id(merchant_id=request.merchant.pk, public_id=order_id)
    if order is None:
        raise Http404
    return order


def _page(
    request: StaffRequest,
    order: RewardOrder,
    ship_form: ShipForm | None = None,
    cancel_form: CancelForm | None = None,
    address_form: AddressForm | None = None,
    **more: Any,
) -> HttpResponse:
    ship_form, cancel_form = ship_form or ShipForm(), cancel_form or CancelForm()
    address_form = address_form or AddressForm()
    told = described(order, request.merchant.currency)
    may = request.staff.role in gates.WRITERS
    context = {
        "order": told,
        "may_pay": may and told["is_due"],
        "may_ship": may and order.state in (RewardState.PLACED, RewardState.PAID) and not told["is_due"],
        "may_receive": may and order.state == RewardState.SHIPPED,
        "may_cancel": may and order.state in (RewardState.PLACED, RewardState.PAID),
        "may_see_address": may and order.__dict__.get("send_to") is not None,
        "ship_form": ship_form,
        "cancel_form": cancel_form,
        "address_form": address_form,
        **more,
    }
    return answer(request, "benefits/rewards/order.html", context, ship_form, cancel_form, address_form)


def _done(
    request: StaffRequest, order_id: str, service: Callable[..., Any], said: str, **more: Any
) -> HttpResponse:
    """Call a service for an order and go back to its page with what became of it."""
    who_did = {"merchant_id": request.merchant.pk, "at": timezone.now(), "actor": Actor.person(request.user)}
    try:
        service(order_id=order_id, **who_did, **more)
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, said)
    return redirect("benefits:rewardorders_page", reward_order_id=order_id)


@acts
@require_POST
def rewardorders_pay(request: StaffRequest, reward_order_id: str) -> HttpResponse:
    """The money was paid."""
    return _done(request, reward_order_id, services.pay, _("The order is marked as paid."))


@acts
@require_POST
def rewardorders_ship(request: StaffRequest, reward_order_id: str) -> HttpResponse:
    """The reward was sent."""
    form = ShipForm(request.POST)
    if not form.is_valid():
        return _page(request, _found(request, reward_order_id), ship_form=form)
    said = _("The order is marked as sent.")
    return _done(request, reward_order_id, services.ship, said, **form.cleaned_data)


@acts
@require_POST
def rewardorders_receive(request: StaffRequest, reward_order_id: str) -> HttpResponse:
    """The member has it."""
    return _done(request, reward_order_id, services.receive, _("The order is marked as received."))


@acts
@require_POST
def rewardorders_cancel(request: StaffRequest, reward_order_id: str) -> HttpResponse:
    """Cancel it, with a reason; the points go back."""
    form = CancelForm(request.POST)
    if not form.is_valid():
        return _page(request, _found(request, reward_order_id), cancel_form=form)
    said = _("The order is cancelled and its points are given back.")
    return _done(request, reward_order_id, services.cancel, said, **form.cleaned_data)


@acts
@never_cache
@require_POST
def rewardorders_address(request: StaffRequest, reward_order_id: str) -> HttpResponse:
    """Show where to send it, once; the look is logged with its reason."""
    order, form = _found(request, reward_order_id), AddressForm(request.POST)
    if not form.is_valid():
        return _page(request, order, address_form=form)
    try:
        address = services.address(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            order_id=order.public_id,
            reason=form.cleaned_data["reason"],
        )
    except Refusal as refusal:
        messages.error(request, refusal.detail)
        return redirect("benefits:rewardorders_page", reward_order_id=order.public_id)
    return _page(request, order, address=address)
