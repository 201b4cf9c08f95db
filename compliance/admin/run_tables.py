"""What a run's report says: who, how many, whom, why, and whether its hash still fits."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from compliance.admin.words import COUNTED
from compliance.models import Decision, ReportCheck, Run
from compliance.models.runs import ENDED
from compliance.selectors import hold_outs, run_reports
from members.admin.base import NOTHING, Table, address, chip, link, listing, number, object_link, when
from members.models import Program

NAMED = 50
CHECKS = 10


def started_by(obj: Run) -> str:
    """Who started it."""
    if obj.started_by:
        return object_link(obj.started_by)
    return _("by hand") if obj.is_manual else _("by schedule")


def approved(obj: Run) -> Any:
    """Who let it go on, and when."""
    if obj.approved_by is None:
        return "--"
    return _("%(at)s by %(who)s") % {"at": when(obj.approved_at), "who": obj.approved_by}


def counts_table(obj: Run, title: str = "") -> Table:
    """Programs by outcome."""
    rows = [
        (
            link(listing(Decision, run__id__exact=obj.pk, outcome__exact=name), COUNTED[name])
            if name != "eligible" and obj.state in ENDED
            else COUNTED[name],
            number(count),
        )
        for name, count in obj.counts.items()
    ]
    return Table(title or _("Decided"), [_("Outcome"), _("Programs")], rows, numbers=(1,))


def reasons_table(obj: Run) -> Table:
    """Programs by outcome and reason."""
    outcomes = dict(Decision._meta.get_field("outcome").flatchoices)
    reasons = dict(Decision._meta.get_field("reason").flatchoices)
    rows = [
        (outcomes.get(outcome, outcome), reasons.get(reason, reason), number(count))
        for outcome, reason, count in run_reports.by_reason(obj)
    ]
    heads = [_("Outcome"), _("Reason"), _("Programs")]
    return Table(_("By reason"), heads, rows, numbers=(2,), empty=_("No program was eligible."))


def cleared_table(obj: Run) -> Table:
    """The first programs that it cleared."""
    found = run_reports.cleared(obj, NAMED) if obj.cleared else []
    return Table(
        _("Cleared programs"),
        [_("Merchant"), _("Danger date"), _("Notice given"), ""],
        [
            (
                link(address(Program, row.merchant_id), row.merchant.name),
                when(row.danger_at),
                when(row.notice_at),
                link(address(Decision, row.pk), _("Evidence")),
            )
            for row in found
        ],
        empty=_("None."),
        note=_("The first %(shown)s of %(all)s; the file has them all.")
        % {"shown": NAMED, "all": number(obj.cleared)}
        if obj.cleared > NAMED
        else "",
    )


def held_out_table(period: str) -> Table:
    """The first programs held out of the run of a period, each with its reason."""
    rows = hold_outs.of_period(period, NAMED)
    return Table(
        _("Held out of this run"),
        [_("Merchant"), _("Reason"), _("Who"), _("When")],
        [
            (
                link(address(Program, row.merchant_id), row.merchant.name),
                row.reason,
                row.by_label or NOTHING,
                when(row.held_at),
            )
            for row in rows
        ],
        empty=_("None."),
        note=_("The first %(shown)s.") % {"shown": NAMED} if len(rows) == NAMED else "",
    )


def checks_table(obj: Run) -> Table:
    """The latest times that the hash was computed anew."""
    rows = ReportCheck.objects.filter(run=obj).select_related("run")[:CHECKS]
    return Table(
        _("Checks of the hash"),
        [_("Asked"), _("Who"), _("Done"), _("Result")],
        [(when(row.asked_at), row.by_label, when(row.done_at), _result(row)) for row in rows],
        empty=_("Nobody has checked this report yet."),
    )


def _result(row: ReportCheck) -> Any:
    if row.done_at is None:
        return chip("info", _("Waits for a worker"))
    if row.is_equal:
        return chip("success", _("Equal: the decisions are those that were written down"))
    return chip("critical", _("Not equal: decisions were changed afterwards"))
