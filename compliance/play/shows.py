"""What `show` prints: the selectors' answers with the script's handles in place of ids."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from benefits.selectors import quotes
from benefits.services import audiences
from compliance.play.arguments import Arguments, BadLine, Handles
from compliance.selectors import decisions, standing
from members.lib import tenant as tenancy
from members.selectors import points, tiers

SHOWS = ("compliance", "decisions", "tier", "points", "entries")


def show(handles: Handles, at: dt.datetime, arguments: Arguments) -> dict[str, Any]:
    """The fields of one `show` line, besides line and at. Raises BadLine."""
    what = arguments.text("what")
    if what == "quote":
        return _quote(handles, at, arguments)
    if what not in SHOWS:
        raise BadLine(f"show {what!r}: one of {', '.join(SHOWS)}")
    merchant = arguments.text("merchant")
    merchant_id = handles.merchant(merchant)
    head: dict[str, Any] = {"what": what, "merchant": merchant}
    if what in ("compliance", "decisions"):
        arguments.done()
        with tenancy.tenant(merchant_id):
            if what == "decisions":
                return head | {"decisions": decisions.show(merchant_id=merchant_id)}
            with transaction.atomic():  # looking writes nothing: what was noticed is undone
                audiences.observe(merchant_id=merchant_id, at=at)
                facts = standing.show(merchant_id=merchant_id, at=at)
                transaction.set_rollback(True)
        names = {made: name for (shop, name), made in handles.benefits.items() if shop == merchant}
        facts["qualifying"] = [names.get(made, str(made)) for made in facts["qualifying"]]
        return head | facts
    member = arguments.text("member")
    member_id = handles.member(merchant, member)
    arguments.done()
    head["member"] = member
    with tenancy.tenant(merchant_id):
        if what == "tier":
            return head | tiers.standing(merchant_id=merchant_id, member_id=member_id, at=at)
        if what == "points":
            return head | points.standing(merchant_id=merchant_id, member_id=member_id, at=at)
        return head | {"entries": points.entries(merchant_id=merchant_id, member_id=member_id)}


def _quote(handles: Handles, at: dt.datetime, arguments: Arguments) -> dict[str, Any]:
    """A basket priced for a member, or for a visitor; a SKU never priced is malformed."""
    merchant = arguments.text("merchant")
    merchant_id = handles.merchant(merchant)
    member = arguments.take("member", None)
    follows = arguments.flag("followers", False)
    raw = arguments.take("lines")
    arguments.done()
    if not isinstance(raw, list) or not all(isinstance(each, dict) for each in raw):
        raise BadLine("lines: a list of lines")
    lines = []
    for each in raw:
        line = Arguments(each)
        lines.append((line.text("sku"), line.integer("quantity", 1)))
        line.done()
    member_id = None if member is None else handles.member(merchant, member)
    with tenancy.tenant(merchant_id), transaction.atomic():
        wanted = {sku for sku, _quantity in lines}
        if unknown := wanted - quotes.known_skus(merchant_id=merchant_id, at=at, skus=wanted):
            raise BadLine(f"SKU {min(unknown)!r} was never priced")
        found = quotes.quoted(
            merchant_id=merchant_id, member_id=member_id, lines=lines, follows=follows, at=at
        )
    return {
        "what": "quote",
        "merchant": merchant,
        "member": member,
        "lines": [
            {
                "sku": line.sku,
                "quantity": line.quantity,
                "list_minor": line.list_minor,
                "unit_minor": line.unit_minor,
                "discount_minor": line.discount_minor,
                "total_minor": line.total_minor,
            }
            for line in found.lines
        ],
        "total_minor": found.total_minor,
        "receipt": [
            {
                "layer": each.layer,
                "candidate": each.candidate,
                "gives_minor": each.gives_minor,
                "won": each.won,
                "why": each.why,
            }
            for each in found.receipt
        ],
    }
