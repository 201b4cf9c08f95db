"""Actions of the audit log in words. Each app names its own in its `ready()`; an unnamed one shows its code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from members.lib.scopes import Scope
from members.lib.webhooks import WebhookEvent
from members.models import Channel, JoinSource, PointsRequestStatus, ProgramStatus, Role
from members.web.earning_forms import COMBINE_WORDS, REFERRAL_WORDS, WEEKDAYS
from members.web.point_forms import CLAWBACKS, EXPIRIES
from members.web.tier_forms import DOWNGRADES

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
    "program.gap_asked": _("Posting of a closure's orders begun"),
    "program.gap_posted": _("Orders of a closure posted"),
    "program.renamed": _("Program renamed"),
    "program.step_done": _("Step of the set-up done"),
    "rules.changed": _("Rules of tiers and points changed"),
    "member.joined": _("Member joined"),
    "member.changed": _("Member's data changed"),
    "member.filled_in": _("Member's data completed"),
    "member.email_stopped": _("E-mails stopped by the member"),
    "member.page_shown": _("Link to the member's own page shown"),
    "member.phone_revealed": _("Phone number looked at"),
    "member.referred": _("Member brought by another"),
    "members.joined": _("Member list declared"),
    "tier.set": _("Tier set by hand"),
    "members.filled_in": _("Members completed by an import"),
    "points.adjusted": _("Points adjusted"),
    "points.adjustment_proposed": _("Adjustment of points proposed"),
    "points.adjustment_rejected": _("Adjustment of points rejected"),
    "points.given_back": _("Expired points given back"),
    "points.reversed": _("Points reversed"),
    "points.transferred_in": _("Points came from another member"),
    "points.transferred_out": _("Points moved to another member"),
    "points.redeemed": _("Points redeemed"),
    "points.held": _("Points held"),
    "points.captured": _("Held points captured"),
    "points.released": _("Held points released"),
    "points.cancelled": _("Redemption of points cancelled"),
    "points.month_closed": _("Month of the books closed"),
    "points.awarded": _("Points of an event given"),
    "import.rejects_taken": _("Rows left out of an import downloaded"),
    "import.uploaded": _("File handed in"),
    "import.mapped": _("Columns of a file chosen"),
    "import.started": _("Import started"),
    "import.cancelled": _("Import cancelled"),
    "import.undo_started": _("Undoing of an import started"),
    "import.undone": _("Import undone"),
    "import.undo_failed": _("Undoing of an import failed"),
    "bulk.started": _("Act on many members begun"),
    "bulk.finished": _("Act on many members finished"),
    "bulk.failed": _("Act on many members failed"),
    "bulk.cancelled": _("Act on many members stopped"),
    "bulk.undo_started": _("Undoing of an act on many members begun"),
    "bulk.undone": _("Act on many members undone"),
    "export.started": _("Export begun"),
    "export.finished": _("Export finished"),
    "export.cancelled": _("Export cancelled"),
    "export.downloaded": _("Exported file downloaded"),
    "view.saved": _("View of a list saved"),
    "view.changed": _("View of a list changed"),
    "view.deleted": _("View of a list deleted"),
    "columns.saved": _("Names of columns changed"),
    "support.begun": _("Support of the platform began to look at the console"),
    "support.viewed": _("Page looked at by support"),
    "support.refused": _("Write or file refused to support"),
    "support.ended": _("Support visit ended"),
    "segment.created": _("Segment created"),
    "segment.changed": _("Segment changed"),
    "segment.deleted": _("Segment deleted"),
    "segment.snapshot_taken": _("Snapshot of a segment taken"),
    "segment.tagged": _("Members of a segment tagged"),
    "member.tagged": _("Tag put on a member"),
    "member.untagged": _("Tag taken off a member"),
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
    "import": _("Imports"),
    "columns": _("Columns"),
    "bulk": _("Acts on many members"),
    "export": _("Exports"),
    "view": _("Saved views"),
    "segment": _("Segments"),
    "support": _("Support visits"),
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
    "file": _("File"),
    "format": _("Format"),
    "changed": _("Changed"),
    "refused": _("Refused"),
    "undone": _("Taken back"),
    "until": _("until"),
    "whole": _("Whole phone numbers and names"),
    "taken": _("Points taken back"),
    "expired": _("Points that had expired"),
    "left": _("Points that were spent and stay"),
    "points": _("Points"),
    "closed": _("Closed since"),
    "request": _("Request"),
    "event": _("Event"),
    "referral": _("Referral"),
    "per_major": _("Points per currency unit"),
    "tier_multipliers": _("Multipliers of tiers"),
    "pending_days": _("Days points wait"),
    "expiry": _("Expiry of points"),
    "clawback": _("What a refund takes back"),
    "earning": _("Other rules of earning"),
    "campaigns": _("Campaigns"),
    "categories": _("Product categories"),
    "combine": _("Several campaigns on one line"),
    "order_most": _("Most points of one order"),
    "day_most": _("Points a day at most"),
    "member_most": _("Most it gives a member in all"),
    "multiplier": _("Multiplier"),
    "extra": _("Extra points for each order"),
    "when": _("For which orders"),
    "from_at": _("From"),
    "to_at": _("Until"),
    "weekdays": _("Days of the week"),
    "tiers": _("Tiers"),
    "channels": _("Channels"),
    "scenes": _("Scenes"),
    "skus": _("SKUs"),
    "joining": _("Joining"),
    "birthday": pgettext_lazy("points", "Birthday"),
    "check_in": _("Daily check-in"),
    "review": _("Reviews"),
    "survey": _("Surveys"),
    "active": _("On"),
    "on": _("When both get them"),
    "streak_days": _("Days in a row for more"),
    "streak_points": _("Points for a full row"),
    "referred_points": _("Points for the friend"),
    "month_most": _("Friends a month at most"),
    "point_cost": _("Cost per point in minor units"),
    "adjust_limit": _("Most points one person adjusts alone"),
    "give_back_days": _("Days in which expired points can be given back"),
    "notice_days": _("Days before expiry on which members are told"),
    "months": _("Months of validity"),
    "month": _("Month"),
    "day": _("Day of the month"),
    "window": _("Window"),
    "days": _("Days"),
    "validity_months": _("Validity in months"),
    "grace_days": _("Grace in days"),
    "downgrade": _("How members fall"),
    "ladder": _("Tiers"),
    "tier": _("Tier"),
    "valid_until": _("Valid until"),
    "without_plan_until": _("Without the plan until"),
    "welcome": _("Welcome points"),
    "needs": _("Needs"),
    "requirements": _("Requirements"),
    "spend_minor": _("Spend in minor units"),
    "orders": _("Orders"),
    "growth": _("Growth value"),
    "kind": _("Kind"),
    "source": _("Way of joining"),
    "consent_source": _("Where the consent comes from"),
    "declared_source": _("Where the consent comes from"),
    "fields": _("Fields"),
    "phone": _("Phone"),
    "members": _("Members"),
    "rows": _("Rows"),
    "tag": _("Tag"),
    "rule": _("Rule"),
    "from": _("Taken from"),
}
# What codes mean, by the field that holds them: as it is named alone, or after what it is part of ("expiry.kind") or
# what the action begins with ("program.status"). Labels are the models' own.
VALUES: dict[str, dict[str, Word]] = {
    "role": dict(Role.choices),
    "channel": dict(Channel.choices),
    "source": dict(JoinSource.choices),
    "scopes": dict(Scope.choices),
    "events": dict(WebhookEvent.choices),
    "language": dict(settings.LANGUAGES),
    "program.status": dict(ProgramStatus.choices),
    "points.status": dict(PointsRequestStatus.choices),
    "clawback": dict(CLAWBACKS),
    "downgrade": dict(DOWNGRADES),
    "expiry.kind": dict(EXPIRIES),
    "combine": dict(COMBINE_WORDS),
    "channels": dict(Channel.choices),
    "referral.on": dict(REFERRAL_WORDS),
    "weekdays": {str(day): word for day, word in WEEKDAYS},
    "window.kind": {
        "rolling": _("The last days, today included"),
        "calendar_year": _("The calendar year"),
        "membership_year": _("The year of membership"),
        "lifetime": _("The whole membership"),
    },
    "needs": {"all": _("all of these"), "any": _("any of these")},
}


def register(
    *,
    actions: Mapping[str, Word],
    topics: Mapping[str, Word] | None = None,
    fields: Mapping[str, Word] | None = None,
    values: Mapping[str, Mapping[str, Word]] | None = None,
) -> None:
    """Name actions ("benefit.published"), what they begin with ("benefit"), the fields they change and what codes
    in them mean (see VALUES)."""
    ACTIONS.update(actions)
    for name, words in (values or {}).items():
        VALUES.setdefault(name, {}).update(words)
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


def topic_of(action: str) -> str:
    """What an action begins with."""
    return action.partition(".")[0]


def _word(value: str, path: tuple[str, ...]) -> str:
    """A code in words, by the names of the fields it stands in; what is no code is itself."""
    for known in (VALUES.get(".".join(path[-2:])), VALUES.get(path[-1]) if path else None):
        if known and value in known:
            return str(known[value])
    if path[-1:] == ("fields",):  # the names of what was changed
        return field(value)
    return value


def text(value: Any, *path: str) -> str:
    """A value of the log as people read it: lists with commas, records as "name: value"; nothing is "--".

    `path`: what the action begins with, the field, and the names inside it; by it codes are put into words.
    """
    if value is None or value == "" or value == [] or value == {}:
        return "--"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return ", ".join(text(one, *path) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{field(str(name))}: {text(one, *path, str(name))}" for name, one in value.items())
    return _word(str(value), path)
