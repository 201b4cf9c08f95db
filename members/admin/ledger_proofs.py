"""The nightly proofs of the points ledger: what was replayed, and who did not add up."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from members.admin.base import Choices, FactsAdmin, Page, Table, address, chip, day, number, object_link, when
from members.models import LedgerProof, Member, Merchant
from members.services import ledger_nights

WHAT = {
    "no account": _("There are entries or lots, and no account"),
    "sequence": _("Entries are missing, doubled or out of order"),
    "running balance": _("The balance after an entry is not the sum of the entries"),
    "balance": _("The account's balance is not the sum of the entries"),
    "pending": _("Pending points are not those of the entries"),
    "lots": _("The lots have not left what is available"),
    "single lots": _("A lot has not left what was taken of it"),
    "sums": _("The sums of entries, lots and balances differ, and no member's do"),
}


class Result(Choices):
    """Sound, not sound, or not finished."""

    title = _("result")
    parameter_name = "result"
    options = {
        "differs": (_("Does not add up"), Q(mismatches__gt=0) | Q(statements__gt=0)),
        "sound": (_("Adds up"), Q(mismatches=0, statements=0, done_at__isnull=False)),
        "open": (_("Not finished"), Q(done_at=None)),
    }


@admin.register(LedgerProof)
class LedgerProofAdmin(FactsAdmin):
    """One row a night; a proof only reads."""

    heading = _("Proofs of the points ledger")
    list_display = ("on", "state", "shops", "people", "lines", "differences", "months", "done")
    list_filter = (Result,)
    ordering = ("-night",)

    @admin.display(description=_("night"))
    def on(self, row: LedgerProof) -> str:
        """The platform day in whose morning it ran."""
        return day(row.night)

    @admin.display(description=_("result"))
    def state(self, row: LedgerProof) -> str:
        """Whether everything added up."""
        if row.mismatches or row.statements:
            return chip("critical", _("Does not add up"))
        if row.done_at is None:
            return chip("warning", _("Not finished"))
        return chip("success", _("Adds up"))

    @admin.display(description=_("merchants"))
    def shops(self, row: LedgerProof) -> str:
        """Merchants with entries."""
        return number(row.merchants)

    @admin.display(description=_("members"))
    def people(self, row: LedgerProof) -> str:
        """Accounts that were compared."""
        return number(row.members)

    @admin.display(description=_("entries"))
    def lines(self, row: LedgerProof) -> str:
        """Entries that were replayed."""
        return number(row.entries)

    @admin.display(description=_("differences"))
    def differences(self, row: LedgerProof) -> str:
        """Members who did not add up."""
        return number(row.mismatches)

    @admin.display(description=_("statements that do not agree"))
    def months(self, row: LedgerProof) -> str:
        """Closed months whose statement is not what the ledger says."""
        return number(row.statements)

    @admin.display(description=_("done"))
    def done(self, row: LedgerProof) -> str:
        """When it was finished."""
        return when(row.done_at)

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """What was replayed, the first members who did not add up and the months that no longer agree."""
        shops = Merchant.objects.in_bulk({each["merchant_id"] for each in obj.listed})
        people = [each for each in obj.listed if "month" not in each]
        months = [each for each in obj.listed if "month" in each]
        return Page(
            title=_("Proof of the points ledger, %(night)s") % {"night": day(obj.night)},
            facts=[
                (_("Result"), self.state(obj)),
                (_("Merchants with entries"), number(obj.merchants)),
                (_("Members compared"), number(obj.members)),
                (_("Entries replayed"), number(obj.entries)),
                (_("Members who do not add up"), number(obj.mismatches)),
                (_("Statements that do not agree"), number(obj.statements)),
                (_("Started"), when(obj.started_at)),
                (_("Done"), when(obj.done_at)),
            ],
            tables=[
                Table(
                    title=_("Who does not add up"),
                    heads=(_("Merchant"), _("Member"), _("What differs")),
                    rows=_people(people, shops),
                    empty=_("Every member's entries, lots and balance say the same."),
                    note=_("The first hundred are listed.") if obj.mismatches > len(people) else "",
                ),
                Table(
                    title=_("Closed months that no longer agree"),
                    heads=(_("Merchant"), _("Month")),
                    rows=[[object_link(shops.get(each["merchant_id"])), each["month"]] for each in months],
                    empty=_("Every statement of a closed month says what its entries say."),
                    note=_("The first hundred are listed.") if obj.statements > len(months) else "",
                ),
            ],
        )


def _people(listed: list[dict[str, Any]], shops: dict[int, Merchant]) -> list[list[Any]]:
    """Members who do not add up, by the code their merchant knows them by."""
    codes = dict(
        Member.objects.filter(
            merchant_id__in=set(shops), pk__in=[each["member_id"] for each in listed]
        ).values_list("pk", "public_id")
    )
    return [
        [
            object_link(shops.get(each["merchant_id"])),
            codes.get(each["member_id"], each["member_id"] or "--"),
            WHAT.get(each["what"], each["what"]),
        ]
        for each in listed
    ]


def alarm() -> dict[str, Any]:
    """What the workbench warns of: the latest proof, when something did not add up in it. One query."""
    row = ledger_nights.alarming()
    if row is None:
        return {}
    told = []
    people = ngettext(
        "The points ledger does not add up for %(n)s member (night of %(night)s).",
        "The points ledger does not add up for %(n)s members (night of %(night)s).",
        row.mismatches,
    )
    months = ngettext(
        "The statement of %(n)s closed month no longer agrees with the points ledger (night of %(night)s).",
        "The statements of %(n)s closed months no longer agree with the points ledger (night of %(night)s).",
        row.statements,
    )
    for text, count in ((people, row.mismatches), (months, row.statements)):
        if count:
            told.append(text % {"n": number(count), "night": day(row.night)})
    return {
        "ledger_alarm": " ".join(told),
        "ledger_alarm_url": address(LedgerProof, row.pk),
    }
