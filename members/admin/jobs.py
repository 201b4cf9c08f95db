"""What the workers have to do and did: scheduled jobs, and what waits to be sent."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from members.admin.base import (
    NOTHING,
    ByMerchant,
    Choices,
    FactsAdmin,
    Page,
    ReadOnlyAdmin,
    chip,
    object_link,
    when,
)
from members.models import JobTick, OutboxRow

JOBS = {
    "daily": _("Daily job of a time zone"),
    "assessment": _("Daily compliance job"),
    "clearance": _("Clearance run"),
    "housekeeping": _("Daily housekeeping"),
    "proof": _("Nightly proof of the points ledger"),
    "tier_audit": _("Nightly audit of tiers"),
    "decision_replay": _("Nightly replay of decisions"),
}


# What the daily job is at.
STEPS = {
    "books": _("closing the books of a month that is over"),
    "confirm": _("confirming points"),
    "tiers": _("recalculating tiers"),
    "expire": _("expiring points"),
    "occasions": _("birthdays, referrals and notices"),
    "facts": _("facts of members and segments"),
}


TOPICS = {
    "email": _("E-mail"),
    "invitation": _("Invitation"),
    "webhook": _("Webhook"),
    "ledger_alarm": _("Alarm about the points ledger"),
    "tier_alarm": _("Alarm about tiers"),
}


class TickState(Choices):
    """Done or not."""

    title = _("state")
    parameter_name = "state"
    options = {
        "open": (_("Not done"), Q(done_at=None)),
        "done": (_("Done"), Q(done_at__isnull=False)),
    }


@admin.register(JobTick)
class JobTickAdmin(FactsAdmin):
    """Every due instant of every scheduled job; one that is not done is tried again each minute."""

    heading = _("Scheduled jobs")
    list_display = ("title", "state", "due", "where", "started", "done")
    list_filter = (TickState,)
    ordering = ("-due_at", "-id")

    @admin.display(description=_("job"))
    def title(self, row: JobTick) -> str:
        """The job in words."""
        return str(JOBS.get(row.job, row.job))

    @admin.display(description=_("time zone"))
    def where(self, row: JobTick) -> str:
        """The time zone whose day it is, or the whole platform."""
        return str(_("The platform")) if row.scope == "platform" else row.scope

    @admin.display(description=_("due"))
    def due(self, row: JobTick) -> str:
        """The instant that it is for."""
        return when(row.due_at)

    @admin.display(description=_("started"))
    def started(self, row: JobTick) -> str:
        """When it was first tried."""
        return when(row.started_at)

    @admin.display(description=_("done"))
    def done(self, row: JobTick) -> str:
        """When it was done."""
        return when(row.done_at)

    @admin.display(description=_("state"))
    def state(self, row: JobTick) -> str:
        """Done, under way or waiting."""
        if row.done_at is not None:
            return chip("success", _("Done"))
        if row.progress is not None:
            return chip("info", _("Under way"))
        return chip("warning", _("Tried, not done") if row.started_at else _("Waits"))

    def progress_of(self, row: JobTick) -> Any:
        """The step it is at, and how much of it is done."""
        said = row.progress
        if said is None:
            return NOTHING
        step = STEPS.get(said["step"], said["step"])
        if not said["total"]:
            return step
        counts = _("%(done)s of %(total)s") % {"done": f"{said['done']:,}", "total": f"{said['total']:,}"}
        bar = format_html(
            '<progress max="{}" value="{}" aria-label="{}"></progress>', said["total"], said["done"], step
        )
        return format_html("{} {} {}", step, bar, counts)

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """When it was due and worked, and what it reported."""
        report = NOTHING
        if obj.report is not None:
            report = format_html("<pre>{}</pre>", json.dumps(obj.report, ensure_ascii=False, indent=1))
        return Page(
            title=self.title(obj),
            facts=[
                (_("Time zone"), self.where(obj)),
                (_("Due"), when(obj.due_at)),
                (_("Started"), when(obj.started_at)),
                (_("Progress"), self.progress_of(obj)),
                (_("Done"), when(obj.done_at)),
                (_("Report"), report),
            ],
        )


class Waiting(Choices):
    """What was tried and failed, and what is simply new."""

    title = _("state")
    parameter_name = "state"
    options = {
        "failed": (_("Failed at least once"), Q(attempts__gt=0)),
        "new": (_("Not tried yet"), Q(attempts=0)),
    }


@admin.register(OutboxRow)
class OutboxAdmin(ByMerchant, ReadOnlyAdmin):
    """E-mails and other messages not handed over yet; what was sent is not shown here."""

    heading = _("Waiting to be sent")
    list_display = ("what", "merchant_link", "state", "created", "due", "error")
    list_display_links = None
    list_filter = (Waiting,)
    list_select_related = ("merchant",)
    ordering = ("due_at", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The open rows: there is an index of them, however many were sent."""
        return super().get_queryset(request).filter(done_at=None)

    @admin.display(description=_("what"))
    def what(self, row: OutboxRow) -> str:
        """What it is."""
        return str(TOPICS.get(row.topic, row.topic))

    @admin.display(description=_("left at"))
    def created(self, row: OutboxRow) -> str:
        """When it was left to be sent."""
        return when(row.created_at)

    @admin.display(description=_("next try"))
    def due(self, row: OutboxRow) -> str:
        """When it is tried next."""
        return when(row.due_at)

    @admin.display(description=_("last error"))
    def error(self, row: OutboxRow) -> str:
        """What went wrong the last time."""
        return row.last_error or NOTHING

    @admin.display(description=_("merchant"))
    def merchant_link(self, row: OutboxRow) -> str:
        """The merchant, leading to its page."""
        return object_link(row.merchant)

    @admin.display(description=_("state"))
    def state(self, row: OutboxRow) -> str:
        """Overdue, failed or waiting."""
        if row.attempts:
            return chip("critical", _("Failed %(times)s times") % {"times": row.attempts})
        return chip("warning", _("Overdue")) if row.due_at < timezone.now() else chip("neutral", _("Waits"))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        """Rows have no page: what they carry is for the people it is addressed to."""
        raise PermissionDenied
