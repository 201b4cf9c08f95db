"""Entitlements: a member's list, claiming and exchanging, and what a till does: reserve, redeem, release, undo.

Acts of a till are remembered under their key by the service itself: the use that it wrote is the first answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from benefits.api.entitlement_bodies import (
    ClaimIn,
    EntitlementActOut,
    EntitlementOut,
    EntitlementsOut,
    RedeemEntitlementIn,
    ReleaseEntitlementIn,
    ReserveEntitlementIn,
)
from benefits.api.places import placed
from benefits.lib import entitlements as rule
from benefits.lib.codes import read_code
from benefits.lib.entitlements import State, Why
from benefits.models import Entitlement, UseAction
from benefits.selectors import benefits as benefits_selector
from benefits.selectors import entitlements as selectors
from benefits.selectors import pools
from benefits.services import claims, tills
from benefits.services.till_words import refusal_of
from benefits.services.tills import Done
from members.api.operations import Answer, Call, Operation
from members.api.pages import PageIn, take
from members.lib.refusals import NotFound
from members.lib.scopes import Scope
from members.models import Member
from members.selectors import members as members_selector

NOT_USABLE = (
    "entitlement-used", "entitlement-expired", "entitlement-revoked", "entitlement-not-yet", "entitlement-reserved",
    "benefit-not-in-force", "not-a-member", "entitlement-elsewhere", "program-not-open", "program-cleared",
)  # fmt: skip


def shown(call: Call, entitlement: Entitlement, standing: rule.Standing) -> dict[str, Any]:
    """An entitlement as the API shows it, without the partner's code. No query."""
    why = rule.why_not(standing, call.at)
    state = rule.state_at(standing, call.at)
    benefit = entitlement.benefit
    return {
        "code": entitlement.code,
        "member": entitlement.member.public_id,
        "benefit": benefit.public_id,
        "kind": benefit.kind,
        "name": benefit.name,
        "state": str(state),
        "why_not": None if why is None else str(why),
        "uses_total": entitlement.uses_total,
        "uses_left": entitlement.uses_left,
        "worth_minor": entitlement.worth_minor,
        "currency": call.merchant.currency,
        "source": entitlement.source,
        "paid_with": entitlement.paid_with,
        "paid_amount": entitlement.paid_amount,
        "issued_at": entitlement.at,
        "valid_until": entitlement.valid_until,
        "reserved_until": entitlement.reserved_until if state is State.RESERVED else None,
        "partner_code": None,
    }


def _done(call: Call, done: Done) -> dict[str, Any]:
    use, entitlement = done.use, done.entitlement
    benefit = entitlement.benefit
    promise = selectors.promises([entitlement])[entitlement.pk]
    until: dt.datetime | None = use.at + rule.UNDO if use.action == UseAction.REDEEM else use.until
    return {
        "id": use.public_id,
        "action": use.action,
        "at": use.at,
        "code": entitlement.code,
        "member": entitlement.member.public_id,
        "benefit": benefit.public_id,
        "kind": promise.code,
        "name": benefit.name,
        "settings": promise.settings,
        "state": use.state_after,
        "uses_left": use.left_after,
        "saved_minor": use.saved_minor,
        "currency": call.merchant.currency,
        "until": until,
    }


def _member(call: Call) -> Member:
    """Raises NotFound, for another merchant's too. One query."""
    member = Member.objects.of(call.merchant.pk).filter(public_id=call.path["member_id"]).first()
    if member is None:
        raise NotFound(_("There is no such member."))
    return member


class ListEntitlements(Operation):
    """List a member's entitlements.

    The newest first, used and expired ones among them; `why_not` says which can be used now.
    """

    scope = Scope.BENEFITS_READ
    tag = "Entitlements"
    function = "benefits"
    query_in = PageIn
    out = EntitlementsOut
    statuses: ClassVar = {200: "A page of entitlements"}

    def answer(self, call: Call) -> Answer:
        """At most five queries."""
        rows = selectors.of_member(merchant_id=call.merchant.pk, member=_member(call))
        found, cursor = take(call, rows, what="entitlements", newest_first=True)
        codes = pools.codes_of(found)
        pairs = zip(found, selectors.standings(found), strict=True)
        items = [shown(call, each, how) | {"partner_code": codes.get(each.pk)} for each, how in pairs]
        return Answer({"items": items, "next_cursor": cursor})


class ClaimEntitlement(Operation):
    """Claim a benefit for a member, or exchange points for it.

    A benefit is claimed once by each member unless its settings say how many (`per_member_day`, `_month`, `_life`).
    `exchange` spends the points that a `points_exchange` costs, or does nothing. Gifts for joining, a tier or a
    birthday come by themselves.
    """

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Entitlements"
    function = "benefits"
    gates_itself = True
    takes_key = True
    needs_key = True
    body_in = ClaimIn
    example: ClassVar = {"benefit": "d4h8s2v6c9f3j7np"}
    out = EntitlementOut
    statuses: ClassVar = {201: "The entitlement"}
    refusals = (
        "program-not-open", "benefit-not-in-force", "not-in-audience", "limit-reached", "out-of-stock",
        "entitlement-elsewhere", "insufficient-points",
    )  # fmt: skip

    def answer(self, call: Call) -> Answer:
        """Claims or exchanges."""
        member_id = members_selector.id_of(merchant_id=call.merchant.pk, public_id=call.path["member_id"])
        if member_id is None:
            raise NotFound(_("There is no such member."))
        benefit = benefits_selector.by_public_id(merchant_id=call.merchant.pk, public_id=call.body["benefit"])
        if benefit is None:
            raise NotFound(_("There is no such benefit."))
        service = claims.exchange if call.body["how"] == "exchange" else claims.claim
        entitlement, _is_new = service(
            merchant_id=call.merchant.pk,
            at=call.at,
            actor=call.actor,
            member_id=member_id,
            benefit_id=benefit.pk,
            key=call.key,
            **{name: value for name, value in placed(call.body).items() if name == "place"},
        )
        (standing,) = selectors.standings([entitlement])
        return Answer(shown(call, entitlement, standing), 201)


class ReadEntitlement(Operation):
    """Look a code up.

    Typed as people type: case, spaces and hyphens do not matter, O is read as 0, I and L as 1.
    """

    scope = Scope.BENEFITS_READ
    tag = "Entitlements"
    function = "benefits"
    gates_itself = True  # what was paid for is honoured, so it is shown
    refusals = ("program-cleared",)
    out = EntitlementOut
    statuses: ClassVar = {200: "The entitlement"}

    def answer(self, call: Call) -> Answer:
        """At most four queries."""
        code = read_code(call.path["code"])
        found = selectors.by_code(merchant_id=call.merchant.pk, code=code) if code else None
        if found is None:
            raise NotFound(_("There is no such code here. Check it sign by sign, or scan it again."))
        (standing,) = selectors.standings([found])
        if rule.why_not(standing, call.at) is Why.CLEARED:
            raise refusal_of(Why.CLEARED)
        partners = pools.codes_of([found])
        return Answer(shown(call, found, standing) | {"partner_code": partners.get(found.pk)})


class _Act(Operation):
    """What a till does with a code."""

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Entitlements"
    function = "benefits"
    gates_itself = True
    takes_key = True
    needs_key = True
    keeps_key = True
    out = EntitlementActOut
    refusals: ClassVar[tuple[str, ...]] = NOT_USABLE
    service: ClassVar[Callable[..., Done]]

    def answer(self, call: Call) -> Answer:
        """The first answer, also when it is asked again."""
        done = type(self).service(
            merchant_id=call.merchant.pk,
            at=call.at,
            actor=call.actor,
            code=call.path["code"],
            key=call.key,
            **placed(call.body),
        )
        return Answer(_done(call, done), is_replay=not done.is_new)


class ReserveEntitlement(_Act):
    """Reserve one use for an order under way.

    Until it is redeemed under this reservation's `id`, released, or its time is over, nobody else can use it.
    """

    body_in = ReserveEntitlementIn
    example: ClassVar = {"minutes": 15, "order": "20260630-17"}
    statuses: ClassVar = {200: "The reservation"}
    service = staticmethod(tills.reserve)


class RedeemEntitlement(_Act):
    """Redeem a code: one use of it.

    Refused with a reason that can be said to the member. What the member paid for with points or money is honoured
    also when the benefit has ended or the program is closed.
    """

    body_in = RedeemEntitlementIn
    example: ClassVar = {"order": "20260630-17"}
    statuses: ClassVar = {200: "The redemption"}
    refusals = (*NOT_USABLE, "hold-ended")
    service = staticmethod(tills.redeem)


class ReleaseEntitlement(_Act):
    """Let a reservation go."""

    body_in = ReleaseEntitlementIn
    statuses: ClassVar = {200: "What became of it"}
    refusals = ("not-cancellable",)
    service = staticmethod(tills.release)


class UndoRedemption(Operation):
    """Take a redemption back, within ten minutes.

    The use is there again. Undoing again changes nothing.
    """

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Entitlements"
    function = "benefits"
    gates_itself = True
    takes_key = True
    out = EntitlementActOut
    statuses: ClassVar = {200: "The undoing"}
    refusals = ("not-cancellable", "program-not-open")

    def answer(self, call: Call) -> Answer:
        """Again is a no-op. The redemption is of the code of the address."""
        use = selectors.use_by_id(merchant_id=call.merchant.pk, public_id=call.path["use_id"])
        code = read_code(call.path["code"])
        named = selectors.by_code(merchant_id=call.merchant.pk, code=code) if code else None
        if use is None or named is None or use.entitlement_id != named.pk:
            raise NotFound(_("There is no such redemption."))
        done = tills.undo(merchant_id=call.merchant.pk, at=call.at, actor=call.actor, use_id=use.public_id)
        return Answer(_done(call, done))
