"""What the pages of imports share: fields in words, levels of states, the tabs above them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from members.models import ImportKind, ImportState

ACCEPTED = ".csv,.txt,.tsv,.xlsx,.parquet,text/csv"
FIELD_LABELS: dict[str, Any] = {
    "order_id": _("Order number"),
    "ordered_at": _("Time of the order"),
    "member_key": _("Buyer"),
    "sku": _("SKU"),
    "quantity": _("Quantity"),
    "amount": _("Amount of the line"),
    "status": _("State of the order"),
    "paid_at": _("Time of payment"),
    "completed_at": _("Time of completion"),
    "store": _("Store"),
    "channel": _("Channel"),
    "refund_id": _("Refund number"),
    "refund_amount": _("Refunded amount"),
    "joined_at": _("Time of joining"),
    "consent_source": _("Where the consent comes from"),
    "phone": _("Phone"),
    "name": _("Name"),
    "freight": _("Freight"),
    "platform_subsidy": _("Platform subsidy"),
    "list_price": _("List price"),
    "discount": _("Discount"),
    "scene": _("Scene"),
    "points": _("Points"),
    "expires_on": _("Last usable day"),
    "granted_at": _("Time they were given"),
    "reason": _("Reason"),
    "row_id": _("Row id of the other system"),
    "tier": _("Tier"),
    "tier_valid_until": _("Last valid day of the tier"),
    "birthday": _("Birthday"),
    "email": _("E-mail address"),
    "email_consent": _("Agreed to e-mails"),
}
LEVELS = {
    ImportState.DONE: "success",
    ImportState.FAILED: "critical",
    ImportState.UNDO_FAILED: "critical",
    ImportState.CANCELLED: "neutral",
    ImportState.UNDONE: "neutral",
    ImportState.CHECKED: "accent",
}


def field_label(kind: str, name: str) -> Any:
    """A field of a kind of file in words."""
    return _("Member") if kind != ImportKind.ORDERS and name == "member_key" else FIELD_LABELS[name]


def level(state: str) -> str:
    """The level of a state's chip."""
    return LEVELS.get(ImportState(state), "accent")


def tabs(current: str) -> list[dict[str, Any]]:
    """A list a kind, then the names of columns."""
    lists = [
        (ImportKind.ORDERS, _("Import orders"), "members:order_imports_list"),
        (ImportKind.POINTS, _("Import points"), "members:order_imports_points"),
        (ImportKind.MEMBERS, _("Import members"), "members:order_imports_members"),
        ("columns", _("Names of columns"), "members:order_imports_names"),
    ]
    return [
        {"label": label, "url": reverse(route), "current": current == name} for name, label, route in lists
    ]
