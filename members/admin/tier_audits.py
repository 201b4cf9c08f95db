"""The nightly audits of tiers: how many members were looked at, and who differs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from members.admin.base import Choices, FactsAdmin, Page, Table, address, chip, day, number, object_link, when
from members.models import Member, Merchant, TierAudit
from members.services import tier_audits

WHAT = {
    "days": _("The daily totals are not what the orders come to"),
    "tier": _("The tier is not the one that the last move led to"),
    "validity": _("The end of validity is not that of the tier"),
    "overdue": _("Validity is over and no recalculation decided"),
    "missed": _("The metrics reach a higher tier and nobody was lifted"),
}


class AuditResult(Choices):
    """Sound, not sound, or not finished."""

    title = _("result")
    parameter_name = "result"
    options = {
        "differs": (_("Differs"), Q(mismatches__gt=0)),
        "sound": (_("Agrees"), Q(mismatches=0, done_at__isnull=False)),
        "open": (_("Not finished"), Q(done_at=None)),
    }


@admin.register(TierAudit)
class TierAuditAdmin(FactsAdmin):
    """One row a night; an audit only reads."""

    heading = _("Audits of tiers")
    list_display = ("on", "state", "people", "differences", "done")
    list_filter = (AuditResult,)
    ordering = ("-night",)

    @admin.display(description=_("night"))
    def on(self, row: TierAudit) -> str:
        """The platform day in whose morning it ran."""
        return day(row.night)

    @admin.display(description=_("result"))
    def state(self, row: TierAudit) -> str:
        """Whether everything agreed."""
        if row.mismatches:
            return chip("critical", _("Differs"))
        if row.done_at is None:
            return chip("warning", _("Not finished"))
        return chip("success", _("Agrees"))

    @admin.display(description=_("members"))
    def people(self, row: TierAudit) -> str:
        """Members of the sample."""
        return number(row.members)

    @admin.display(description=_("differences"))
    def differences(self, row: TierAudit) -> str:
        """Members who differ."""
        return number(row.mismatches)

    @admin.display(description=_("done"))
    def done(self, row: TierAudit) -> str:
        """When it was finished."""
        return when(row.done_at)

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """What was compared, and the first members who differ, with their merchant."""
        wanted = {each["merchant_id"] for each in obj.listed}
        shops = Merchant.objects.in_bulk(wanted)
        codes = dict(
            Member.objects.filter(
                merchant_id__in=wanted, pk__in=[each["member_id"] for each in obj.listed]
            ).values_list("pk", "public_id")
        )
        rows = [
            [
                object_link(shops.get(each["merchant_id"])),
                codes.get(each["member_id"], each["member_id"]),
                WHAT.get(each["what"], each["what"]),
            ]
            for each in obj.listed
        ]
        return Page(
            title=_("Audit of tiers, %(night)s") % {"night": day(obj.night)},
            facts=[
                (_("Result"), self.state(obj)),
                (_("Members compared"), number(obj.members)),
                (_("Members asked for missed lifts"), number(obj.lift_members)),
                (_("Members who differ"), number(obj.mismatches)),
                (_("Started"), when(obj.started_at)),
                (_("Done"), when(obj.done_at)),
            ],
            tables=[
                Table(
                    title=_("Who differs"),
                    heads=(_("Merchant"), _("Member"), _("What differs")),
                    rows=rows,
                    empty=_("Every tier and every daily total is what a recomputation gives."),
                    note=_("The first hundred are listed.") if obj.mismatches > len(rows) else "",
                )
            ],
        )


def alarm() -> dict[str, Any]:
    """What the workbench warns of: the latest audit, when something differed in it. One query."""
    row = tier_audits.alarming()
    if row is None:
        return {}
    text = ngettext(
        "Tiers differ from a recomputation for %(n)s member (night of %(night)s).",
        "Tiers differ from a recomputation for %(n)s members (night of %(night)s).",
        row.mismatches,
    )
    return {
        "tier_alarm": text % {"n": number(row.mismatches), "night": day(row.night)},
        "tier_alarm_url": address(TierAudit, row.pk),
    }
