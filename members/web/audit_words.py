"""Actions of the audit log in words. Each app names its own in its `ready()`; an unnamed one shows its code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

Word = Promise | str

ACTIONS: dict[str, Word] = {
    "merchant.created": _("Shop opened here"),
    "merchant.changed": _("Shop settings changed"),
    "store.added": _("Store added"),
    "store.renamed": _("Store renamed"),
    "staff.invited": _("Person invited"),
    "staff.invited_again": _("Invitation sent again"),
    "staff.invitation_revoked": _("Invitation taken back"),
    "staff.joined": _("Invitation accepted"),
    "staff.role_changed": _("Role changed"),
    "staff.removed": _("Person removed"),
    "staff.left": _("Person left"),
    "api_key.created": _("API key made"),
    "api_key.revoked": _("API key revoked"),
    "webhook.added": _("Webhook added"),
    "webhook.deleted": _("Webhook deleted"),
    "webhook.redelivered": _("Webhook message sent again"),
    "program.opened": _("Program opened"),
    "program.closed": _("Program closed"),
    "program.renamed": _("Program renamed"),
    "program.step_done": _("Step of the set-up done"),
    "rules.changed": _("Rules of tiers and points changed"),
    "member.joined": _("Member joined"),
    "member.changed": _("Member's data changed"),
    "member.filled_in": _("Member's data completed"),
    "member.phone_revealed": _("Phone number looked at"),
    "member.referred": _("Member brought by another"),
    "members.joined": _("Member list declared"),
    "points.adjusted": _("Points adjusted"),
    "points.adjustment_proposed": _("Adjustment of points proposed"),
    "points.adjustment_rejected": _("Adjustment of points rejected"),
    "points.given_back": _("Expired points given back"),
    "points.reversed": _("Points reversed"),
    "points.awarded": _("Points of an event given"),
    "import.uploaded": _("File of orders handed in"),
    "import.mapped": _("Columns of a file chosen"),
    "import.started": _("Import of orders started"),
    "import.cancelled": _("Import of orders cancelled"),
}
TOPICS: dict[str, Word] = {
    "merchant": _("Shop"),
    "store": _("Stores"),
    "staff": _("Staff"),
    "api_key": _("API keys"),
    "webhook": _("Webhooks"),
    "program": _("Program"),
    "rules": _("Rules of tiers and points"),
    "member": _("Members"),
    "members": _("Member lists"),
    "points": _("Points"),
    "import": _("Order imports"),
}
FIELDS: dict[str, Word] = {
    "name": _("Name"),
    "role": _("Role"),
    "scopes": _("May do"),
    "currency": _("Currency"),
    "timezone": _("Time zone"),
    "language": _("Language"),
    "status": _("State"),
    "code": _("Code"),
    "channel": _("Channel"),
    "events": _("Events"),
    "message": _("Message"),
    "points": _("Points"),
    "request": _("Request"),
    "event": _("Event"),
    "referral": _("Referral"),
    "per_major": _("Points per currency unit"),
    "tier_multipliers": _("Multipliers of tiers"),
    "pending_days": _("Days points wait"),
    "expiry": _("Expiry of points"),
    "clawback": _("What a refund takes back"),
    "earning": _("Other rules of earning"),
    "point_cost": _("Cost per point in minor units"),
    "adjust_limit": _("Most points one person adjusts alone"),
    "give_back_days": _("Days in which expired points can be given back"),
}


def register(
    *,
    actions: Mapping[str, Word],
    topics: Mapping[str, Word] | None = None,
    fields: Mapping[str, Word] | None = None,
) -> None:
    """Name actions ("benefit.published"), what they begin with ("benefit"), and the fields they change."""
    ACTIONS.update(actions)
    TOPICS.update(topics or {})
    FIELDS.update(fields or {})


def label(action: str) -> str:
    """An action in words."""
    return str(ACTIONS.get(action, action))


def topics() -> list[tuple[str, Word]]:
    """Choices of the filter."""
    return list(TOPICS.items())


def field(name: str) -> str:
    """A changed field in words; an unnamed one as it is written, spaces for underscores."""
    return str(FIELDS.get(name, name.replace("_", " ")))


def text(value: Any) -> str:
    """A value of the log as people read it: lists with commas, records as "name: value"; nothing is "--"."""
    if value is None or value == "" or value == [] or value == {}:
        return "--"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return ", ".join(text(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{field(str(name))}: {text(one)}" for name, one in value.items())
    return str(value)
