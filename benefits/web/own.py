"""Benefits on the page that a member sees of their own: codes, what can be claimed, what else is in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from benefits.lib.codes import shown as shown_code
from benefits.lib.entitlements import State, state_at
from benefits.lib.kinds import label_of
from benefits.lib.scope import Scope
from benefits.models import Benefit, PaidWith
from benefits.selectors import benefits as benefits_selector
from benefits.selectors import own as selectors
from benefits.selectors import scopes
from benefits.selectors.own import Held
from benefits.services import claims
from benefits.web import words
from benefits.web.entitlements import qr_of
from members.lib.fields import opaque_id
from members.lib.refusals import NotFound, Refusal
from members.models import Merchant
from members.services.member_links import HIMSELF
from members.web.forms import OnceField, one_line
from members.web.own_home import shown
from members.web.own_page import Visit, own_page


def codes_section(visit: Visit) -> dict[str, Any] | None:
    """The member's codes, each with its QR code; those that rest are named without one."""
    codes = selectors.codes_of(merchant_id=visit.merchant.pk, member=visit.member, at=visit.at)
    names = _stores_named(visit, [held.promise.scope for held in (*codes.usable, *codes.resting)])
    return {
        "template": "benefits/own/_codes.html",
        "codes": [
            _code(visit, held, names) | {"qr": "" if held.partner_code else qr_of(held.row.code)}
            for held in codes.usable
        ],
        "resting": [_code(visit, held, names) for held in codes.resting],
        "is_claimed": "claimed" in visit.request.GET,
    }


def _code(visit: Visit, held: Held, names: Mapping[str, str]) -> dict[str, Any]:
    row, promise = held.row, held.promise
    zone = visit.merchant.zone
    return {
        "name": row.benefit.name or str(label_of(promise.code)),
        "gives": words.promised(promise, visit.merchant.currency),
        "code": held.partner_code or shown_code(row.code),
        "is_partners": bool(held.partner_code),
        "until": words.last_day_text(row.valid_until, zone) if row.valid_until else "",
        "where": scopes.where(promise.scope, names),
        "uses_left": row.uses_left if row.uses_total > 1 else None,
        "is_paid": row.paid_with != PaidWith.NOTHING,
        "is_reserved": state_at(held.standing, visit.at) is State.RESERVED,
    }


def benefits_section(visit: Visit) -> dict[str, Any] | None:
    """What the member can claim, and the benefits that work by themselves; nothing while the program is not open."""
    if not visit.is_open:
        return None
    merchant_id = visit.merchant.pk
    found = selectors.in_force_for(merchant_id=merchant_id, member=visit.member, at=visit.at)
    offered = selectors.claimable(merchant_id=merchant_id, member=visit.member, benefits=found)
    by_itself = [each for each in found if selectors.is_by_itself(each)]
    names = _stores_named(visit, [each.scope for each in found])
    return {
        "template": "benefits/own/_benefits.html",
        "offered": [told(each, visit.merchant, names) | {"once": opaque_id(16)} for each in offered],
        "by_itself": [told(each, visit.merchant, names) for each in by_itself],
    }


def told(benefit: Benefit, merchant: Merchant, names: Mapping[str, str]) -> dict[str, Any]:
    """A benefit as its members read it; `names`: of the stores of its scope, by key."""
    return {
        "id": benefit.public_id,
        "name": benefit.name or str(label_of(benefit.kind)),
        "says": words.phone_text(benefit.kind, benefit.settings, merchant.currency),
        "until": words.last_day_text(benefit.to_at, merchant.zone) if benefit.to_at else "",
        "left": benefit.stock,
        "where": scopes.where(benefit.scope, names),
    }


def _stores_named(visit: Visit, found: Iterable[Scope]) -> dict[str, str]:
    """The names of the stores of some scopes, by key. One query where any is named."""
    keys = {key for scope in found for key in scope.get("stores", ())}
    return scopes.store_names(merchant_id=visit.merchant.pk, keys=keys)


@own_page("POST")
def own_claim(visit: Visit) -> HttpResponse:
    """Claim a benefit, in one act; the same form sent twice claims once."""
    # no code in an address: addresses are kept
    return one_act(visit, claims.claim, nobody=_("There is no such benefit."), done="?claimed=1#codes")


def one_act(visit: Visit, act: Callable[..., object], *, nobody: str, done: str) -> HttpResponse:
    """Do with the benefit that the form names what the member pressed, under the form's key. A refusal is shown on the
    page; `nobody` is said of a benefit that is not there, `done` is where the page stands afterwards.
    """
    post = visit.request.POST
    benefit = benefits_selector.by_public_id(
        merchant_id=visit.merchant.pk, public_id=one_line(post.get("benefit", ""))
    )
    try:
        if benefit is None:
            raise NotFound(nobody)
        act(
            merchant_id=visit.merchant.pk,
            at=visit.at,
            actor=HIMSELF,
            member_id=visit.member.pk,
            benefit_id=benefit.pk,
            key=f"own-{OnceField().clean(post.get('once'))}",
        )
    except Refusal as refusal:
        status = 404 if isinstance(refusal, NotFound) else 422
        return shown(visit, status=status, problem=refusal.detail)
    response = redirect("members:own_home", token=visit.token)
    response["Location"] += done
    return response
