"""The cashier's page: a code is typed or scanned, one act redeems it, and ten minutes take it back (domain.md 8).

It stays open whatever became of the program: what a member paid for is honoured, and the service refuses the rest.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from benefits.lib import entitlements as rule
from benefits.lib.codes import LONGEST_TYPED, read_code, shown
from benefits.lib.kinds import label_of
from benefits.lib.scope import store_key
from benefits.models import Entitlement, EntitlementUse, UseAction
from benefits.selectors import entitlements as selectors
from benefits.selectors.entitlements import Promise
from benefits.services import till_queue, tills
from benefits.services.till_words import UNKNOWN_CODE, WORDS, require_place
from benefits.web import till_places, words
from benefits.web.till_forms import WhoForm
from members.lib.masks import NOTHING, masked_name
from members.lib.refusals import NotFound, Refusal
from members.models import Member, Role
from members.selectors import tiers as tier_names
from members.services.audit import Actor
from members.web import gates
from members.web.forms import OnceField, add_refusal, answer, asked
from members.web.request import StaffRequest

CASHIERS = frozenset({Role.OWNER, Role.MANAGER, Role.OPERATOR, Role.CASHIER})
redeems = gates.staff(read=CASHIERS, write=CASHIERS)


class CodeForm(forms.Form):
    """The code of a member."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=LONGEST_TYPED,
        help_text=gettext_lazy(
            "Ten letters and digits. Case, spaces and hyphens do not matter; O is read as 0."
        ),
        error_messages={"required": gettext_lazy("Type the member's code, or scan it.")},
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "data-hotkey": "/",
            }
        ),
    )


class RedeemForm(CodeForm):
    """The same, to be redeemed; sent twice it redeems once."""

    once = OnceField()


def masked(member: Member) -> str:
    """A member as a cashier may see them: their masked name alone."""
    return masked_name(member.name) if member.name_token is not None else NOTHING


def who(entitlement: Entitlement) -> str:
    """Whose it is, as a cashier may see them."""
    return masked(entitlement.member)


def described(entitlement: Entitlement, promise: Promise, request: StaffRequest) -> dict[str, Any]:
    """What a member gets for a code, in words. Runs no query."""
    benefit = entitlement.benefit
    return {
        "row": entitlement,
        "code": shown(entitlement.code),
        "name": benefit.name or label_of(promise.code),
        "kind": label_of(promise.code),
        "gives": words.promised(promise, request.merchant.currency),
        "who": who(entitlement),
        "until": words.last_day_text(entitlement.valid_until, request.merchant.zone)
        if entitlement.valid_until
        else "",
        "worth_minor": entitlement.worth_minor,
    }


@redeems
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def cashier_page(request: StaffRequest) -> HttpResponse:
    """Look a code up, and redeem it."""
    at = timezone.now()
    if request.method == "POST":
        return _redeem(request, at)
    typed = asked(request, "code", most=LONGEST_TYPED)
    form = CodeForm({"code": typed}) if typed or "code" in request.GET else CodeForm()
    found = None
    if form.is_bound and form.is_valid():
        found = _found(request, form.cleaned_data["code"])
        if found is None:
            form.add_error("code", UNKNOWN_CODE)
    return _shown(request, at, form, found=found)


def _found(request: StaffRequest, typed: str) -> Entitlement | None:
    code = read_code(typed)
    return selectors.by_code(merchant_id=request.merchant.pk, code=code) if code else None


def _redeem(request: StaffRequest, at: dt.datetime) -> HttpResponse:
    form = RedeemForm(request.POST)
    if not form.is_valid():
        return _shown(request, at, form)
    try:
        done = tills.redeem(
            merchant_id=request.merchant.pk,
            at=at,
            actor=Actor.person(request.user),
            code=form.cleaned_data["code"],
            key=till_queue.page_key(form.cleaned_data["once"]),
            place=till_places.place_of(request),
        )
    except Refusal as refusal:
        add_refusal(form, refusal)
        return _shown(request, at, form, found=_found(request, form.cleaned_data["code"]))
    response = redirect("benefits:cashier_page")
    response["Location"] += f"?done={done.use.public_id}"
    return response


def _shown(
    request: StaffRequest, at: dt.datetime, form: CodeForm, *, found: Entitlement | None = None
) -> HttpResponse:
    """The page, with what a code is for, or what was just redeemed."""
    context: dict[str, Any] = {"form": form, "once": RedeemForm()["once"], "queue": _queue(request)}
    context["finder"] = WhoForm()
    recent = selectors.undoable(merchant_id=request.merchant.pk, user_id=request.user.pk, at=at)
    promises = selectors.promises([*([found] if found else []), *(use.entitlement for use in recent)])
    if found is not None:
        (standing,) = selectors.standings([found])
        why = rule.why_not(standing, at)
        said = WORDS[why] if why else ""
        elsewhere = "" if why else _elsewhere(promises[found.pk], request)
        tiers = tier_names.names(merchant_id=request.merchant.pk, member_ids=[found.member_id], at=at)
        context["found"] = described(found, promises[found.pk], request) | {
            "why": said or elsewhere,
            "is_elsewhere": bool(elsewhere),
            "tier": tiers[found.member_id],
        }
    done = next((use for use in recent if use.public_id == asked(request, "done")), None)
    told = [(use, _done(use, promises[use.entitlement_id], request)) for use in recent]
    context["done"] = next((said for use, said in told if use is done), None)
    context["recent"] = [said for use, said in told if use is not done]
    context["place"] = _place(request, needs_one=bool(found and promises[found.pk].scope))
    return answer(request, "benefits/cashier/page.html", context, form)


def _elsewhere(promise: Promise, request: StaffRequest) -> str:
    """Why a code cannot be used where this till stands; "" where it can."""
    try:
        require_place(promise.scope, till_places.place_of(request), merchant_id=request.merchant.pk)
    except Refusal as refusal:
        return str(refusal.detail)
    return ""


def _place(request: StaffRequest, *, needs_one: bool) -> dict[str, Any] | None:
    """Where the till stands, and the form to say so; None in a shop without stores where nobody asks."""
    form, place = till_places.form_of(request), till_places.place_of(request)
    names = dict(form.fields["store"].choices)  # type: ignore[attr-defined]
    told = [str(names.get(store_key(place.channel, place.store), "")) if place.store else "", place.scene]
    if len(names) == 1 and not needs_one and not any(told):
        return None
    return {"form": form, "told": ", ".join(part for part in told if part)}


@redeems
@require_POST
def cashier_place(request: StaffRequest) -> HttpResponse:
    """Say where this till stands; goes on with the code that was looked at."""
    form = till_places.form_of(request, request.POST)
    if form.is_valid():
        form.keep(request)
    else:
        messages.error(request, _("Choose a store of the list, and a scene of at most 32 characters."))
    code = read_code(request.POST.get("code", "")[:LONGEST_TYPED])
    response = redirect("benefits:cashier_page")
    response["Location"] += f"?code={code}" if code else ""
    return response


def _queue(request: StaffRequest) -> dict[str, str] | None:
    """Whose page this is and where it stands, as its script keeps it with the codes that it takes without a connection.
    None in a support visit, which redeems nothing."""
    if request.support is not None:
        return None
    return {
        "till": request.staff.public_id,
        "who": str(request.user),
        "shop": request.merchant.name,
        "language": get_language() or settings.LANGUAGE_CODE,
        **till_places.told(request),
    }


def _done(use: EntitlementUse, promise: Promise, request: StaffRequest) -> dict[str, Any]:
    return described(use.entitlement, promise, request) | {
        "use": use,
        "left": use.left_after,
        "until": use.at + rule.UNDO,
        "saved_minor": use.saved_minor,
    }


@redeems
@require_POST
def cashier_undo(request: StaffRequest) -> HttpResponse:
    """Take a redemption back."""
    use = selectors.use_by_id(merchant_id=request.merchant.pk, public_id=request.POST.get("use", "")[:24])
    if use is None or use.action != UseAction.REDEEM:
        raise Http404
    try:
        tills.undo(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            use_id=use.public_id,
        )
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, _("The redemption is taken back. The member can use the code again."))
    return redirect(reverse("benefits:cashier_page"))
