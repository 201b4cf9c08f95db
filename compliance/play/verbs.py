"""The verbs of a play: each checks its arguments' shapes, calls one service, and remembers the script's handles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from benefits.services import benefits, pricing
from compliance.play.arguments import Arguments, BadLine, Handles
from compliance.play.options import point_options, tier_options
from compliance.play.platform_verbs import PLATFORM_VERBS
from compliance.play.points_verbs import POINTS_VERBS
from compliance.play.price_options import price_options
from compliance.services import life, policies
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid, Refusal
from members.services import members as joining
from members.services import merchants, orders, point_rules, tier_rules
from members.services.audit import Actor

SCRIPT = Actor.job("play")
TOLD = "told by a script, in which a version is in force from its own instant"

Verb = Callable[[Handles, dt.datetime, Arguments], None]


def policy_set(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """policy.set: a new version from this instant."""
    values = dict(arguments.values)
    try:
        policies.check_values(values)
    except ValueError as error:
        raise BadLine(str(error)) from error
    with tenancy.platform():
        policies.set_policy(at=at, effective_at=at, actor=SCRIPT, values=values, early_reason=TOLD)


def merchant_create(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """merchant.create."""
    name = arguments.text("merchant")
    zone = arguments.text("timezone", "Asia/Shanghai")
    currency = arguments.text("currency", "CNY")
    arguments.done()
    if name in handles.merchants:
        raise Invalid(f"merchant {name!r} was made already")
    with tenancy.platform():
        made = merchants.create_merchant(
            name=name, owner=None, at=at, actor=SCRIPT, timezone=zone, currency=currency
        )
    handles.merchants[name] = made.pk


def program_configure(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """program.configure: replaces the named part from this instant."""
    merchant_id = handles.merchant(arguments.take("merchant"))
    points, tiers = arguments.take("points", None), arguments.take("tiers", None)
    prices = arguments.take("prices", None)
    arguments.done()
    with tenancy.tenant(merchant_id):
        if tiers is not None:
            tier_rules.configure(
                merchant_id=merchant_id, at=at, actor=SCRIPT, **tier_options(_object("tiers", tiers))
            )
        if points is not None:
            point_rules.configure(
                merchant_id=merchant_id, at=at, actor=SCRIPT, **point_options(_object("points", points))
            )
        if prices is not None:
            pricing.configure(
                merchant_id=merchant_id, at=at, actor=SCRIPT, **price_options(_object("prices", prices))
            )


def _object(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadLine(f"{name}: an object")
    return value


def program_open(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """program.open: opens, opens again, or reopens after a clearance."""
    merchant_id = handles.merchant(arguments.take("merchant"))
    arguments.done()
    with tenancy.tenant(merchant_id):
        life.open_program(merchant_id=merchant_id, at=at, actor=SCRIPT)


def program_close(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """program.close."""
    merchant_id = handles.merchant(arguments.take("merchant"))
    arguments.done()
    with tenancy.tenant(merchant_id):
        life.close_program(merchant_id=merchant_id, at=at, actor=SCRIPT)


def _benefit_arguments(at: dt.datetime, arguments: Arguments, *, publishing: bool) -> dict[str, Any]:
    """What of publish is given (all of it with defaults when publishing).

    The contract of a play names no settings and no tiers, so that a script may spell them as it likes.
    """
    taken: dict[str, Any] = {"as_scripted": True}
    if publishing or "kind" in arguments.values:
        taken["kind"] = arguments.text("kind")
    if publishing or "from" in arguments.values:
        taken["from_at"] = arguments.moment("from", at)
    if publishing or "to" in arguments.values:
        taken["to_at"] = arguments.moment("to", None)
    if publishing or "settings" in arguments.values:
        taken["settings"] = _object("settings", arguments.take("settings", {}))
    if publishing or "audience" in arguments.values:
        taken["audience"] = arguments.take("audience", "everyone")
    if publishing or "stock" in arguments.values:
        taken["stock"] = arguments.integer("stock", None)
    if publishing or "scope" in arguments.values:
        taken["scope"] = _object("scope", arguments.take("scope", {}))
    return taken


def benefit_publish(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """benefit.publish."""
    merchant = arguments.text("merchant")
    merchant_id = handles.merchant(merchant)
    name = arguments.text("benefit")
    taken = _benefit_arguments(at, arguments, publishing=True)
    arguments.done()
    if (merchant, name) in handles.benefits:
        raise Invalid(f"benefit {name!r} was made already")
    with tenancy.tenant(merchant_id):
        made = benefits.publish_benefit(merchant_id=merchant_id, at=at, actor=SCRIPT, name=name, **taken)
    handles.benefits[(merchant, name)] = made.pk


def benefit_change(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """benefit.change: any argument of publish."""
    merchant = arguments.text("merchant")
    merchant_id = handles.merchant(merchant)
    name = arguments.take("benefit")
    taken = _benefit_arguments(at, arguments, publishing=False)
    arguments.done()
    with tenancy.tenant(merchant_id):
        benefits.change_benefit(
            merchant_id=merchant_id, at=at, actor=SCRIPT, benefit_id=handles.benefit(merchant, name), **taken
        )


def _benefit_act(service: Callable[..., Any]) -> Verb:
    def act(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
        merchant = arguments.text("merchant")
        merchant_id = handles.merchant(merchant)
        name = arguments.take("benefit")
        arguments.done()
        with tenancy.tenant(merchant_id):
            service(
                merchant_id=merchant_id,
                at=at,
                actor=SCRIPT,
                benefit_id=handles.benefit(merchant, name),
                as_scripted=True,
            )

    return act


def member_join(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """member.join."""
    merchant = arguments.text("merchant")
    merchant_id = handles.merchant(merchant)
    name = arguments.text("member")
    phone = arguments.text("phone", "")
    channel = arguments.text("channel", "web")
    arguments.done()
    with tenancy.tenant(merchant_id):
        made = joining.join(
            merchant_id=merchant_id,
            at=at,
            actor=SCRIPT,
            channel=channel,
            external_id=name,
            phone=phone,
            source="page",
        )
    handles.members[(merchant, name)] = made.pk


def _order_lines(arguments: Arguments) -> list[orders.LineIn]:
    raw = arguments.take("lines")
    if not isinstance(raw, list) or not raw:
        raise BadLine("lines: a list of lines")
    found = []
    for each in raw:
        line = Arguments(_object("lines", each))
        found.append(
            orders.LineIn(
                sku=line.text("sku"),
                quantity=line.decimal("quantity", 1),
                amount_minor=line.integer("amount_minor"),
            )
        )
        line.done()
    return found


def read_order(handles: Handles, at: dt.datetime, arguments: Arguments) -> tuple[int, orders.OrderIn]:
    """The merchant and order of an order.put; an omitted member, paid_at or completed_at keeps its stored value."""
    merchant = arguments.text("merchant")
    merchant_id = handles.merchant(merchant)
    member = arguments.take("member", None)
    given: dict[str, Any] = {}
    if "paid_at" in arguments.values:
        given["paid_at"] = arguments.moment("paid_at")
    if "completed_at" in arguments.values:
        given["completed_at"] = arguments.moment("completed_at")
    order = orders.OrderIn(
        external_id=arguments.text("order"),
        channel=arguments.text("channel", "web"),
        member_id=None if member is None else handles.member(merchant, member),
        lines=_order_lines(arguments),
        **given,
    )
    arguments.done()
    return merchant_id, order


def put_orders(merchant_id: int, items: list[tuple[dt.datetime, orders.OrderIn]]) -> list[Refusal | None]:
    """Consecutive orders of one merchant, in one call; the refusal of each, or None."""
    with tenancy.tenant(merchant_id):
        batch = orders.put_many(merchant_id=merchant_id, actor=SCRIPT, items=items)
    return [outcome.refusal for outcome in batch.outcomes]


def order_refund(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """order.refund: lines left out mean all that is not refunded yet."""
    merchant_id = handles.merchant(arguments.take("merchant"))
    external_id = arguments.text("order")
    channel = arguments.text("channel", "web")
    refund_id = arguments.text("refund")
    raw = arguments.take("lines", None)
    arguments.done()
    lines = None
    if raw is not None:
        if not isinstance(raw, list):
            raise BadLine("lines: a list")
        lines = []
        for each in raw:
            line = Arguments(_object("lines", each))
            lines.append((line.integer("line"), line.integer("amount_minor")))
            line.done()
    with tenancy.tenant(merchant_id):
        orders.refund_order(
            merchant_id=merchant_id,
            at=at,
            actor=SCRIPT,
            channel=channel,
            external_id=external_id,
            refund_id=refund_id,
            lines=lines,
        )


def clock_advance(handles: Handles, at: dt.datetime, arguments: Arguments) -> None:
    """clock.advance: only lets due jobs run."""
    arguments.done()


VERBS: dict[str, Verb] = {
    "policy.set": policy_set,
    "merchant.create": merchant_create,
    "program.configure": program_configure,
    "program.open": program_open,
    "program.close": program_close,
    "benefit.publish": benefit_publish,
    "benefit.change": benefit_change,
    "benefit.pause": _benefit_act(benefits.pause_benefit),
    "benefit.resume": _benefit_act(benefits.resume_benefit),
    "benefit.end": _benefit_act(benefits.end_benefit),
    "member.join": member_join,
    "order.refund": order_refund,
    "clock.advance": clock_advance,
    **POINTS_VERBS,
    **PLATFORM_VERBS,
}
