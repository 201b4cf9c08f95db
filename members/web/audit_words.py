"""Actions of the audit log in words. Each app names its own in its `ready()`; an unnamed one shows its code."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
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
    "program.opened": _("Program opened"),
    "program.closed": _("Program closed"),
}
TOPICS: dict[str, Word] = {
    "merchant": _("Shop"),
    "store": _("Stores"),
    "staff": _("Staff"),
    "api_key": _("API keys"),
    "program": _("Program"),
}


def register(*, actions: Mapping[str, Word], topics: Mapping[str, Word] | None = None) -> None:
    """Name actions ("benefit.published") and what they begin with ("benefit"), for the log and its filter."""
    ACTIONS.update(actions)
    TOPICS.update(topics or {})


def label(action: str) -> str:
    """An action in words."""
    return str(ACTIONS.get(action, action))


def topics() -> list[tuple[str, Word]]:
    """Choices of the filter."""
    return list(TOPICS.items())
