"""Warnings and their receipts: who was told, on which way, and who saw it when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.models import Notice, Receipt, ReceiptChannel, ReceiptEvent
from compliance.selectors import policies, workbench
from members.admin.base import (
    NOTHING,
    ByMerchant,
    FactsAdmin,
    Page,
    Table,
    address,
    chip,
    day,
    link,
    object_link,
    when,
)
from members.models import Program

RUNS = 12


class ForRun(admin.SimpleListFilter):
    """The newest runs that warnings were sent for."""

    title = gettext_lazy("for the run of")
    parameter_name = "for_run_on__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [(on.isoformat(), on.isoformat()) for on in workbench.notice_days(RUNS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        try:
            return queryset.filter(for_run_on=dt.date.fromisoformat(value)) if value else queryset
        except ValueError:
            return queryset.none()


class DaysBefore(admin.SimpleListFilter):
    """Which of the policy's warnings it was."""

    title = gettext_lazy("days before")
    parameter_name = "days_before__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        days = {days for version in policies.history().versions for days in version.policy.warn_days}
        return [(str(one), str(one)) for one in sorted(days, reverse=True)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if not value:
            return queryset
        return (
            queryset.filter(days_before=int(value))
            if value.isdecimal() and len(value) < 5
            else queryset.none()
        )


def _receipt(**wanted: Any) -> Exists:
    rows = Receipt.objects.filter(merchant_id=OuterRef("merchant_id"), notice_id=OuterRef("pk"), **wanted)
    return Exists(rows)


def _failed(channel: ReceiptChannel) -> Exists:
    """Given up, and not delivered to that person after all."""
    later = Receipt.objects.filter(
        merchant_id=OuterRef("merchant_id"),
        notice_id=OuterRef("notice_id"),
        channel=OuterRef("channel"),
        event=ReceiptEvent.DELIVERED,
        user_id=OuterRef("user_id"),
    )
    rows = Receipt.objects.filter(merchant_id=OuterRef("merchant_id"), notice_id=OuterRef("pk"))
    return Exists(rows.filter(~Exists(later), event=ReceiptEvent.FAILED, channel=channel))


_SEEN = {"event__in": [ReceiptEvent.SEEN, ReceiptEvent.ACKNOWLEDGED]}
_TAKEN = {"event": ReceiptEvent.DELIVERED, "channel__in": [ReceiptChannel.EMAIL, ReceiptChannel.WEBHOOK]}


class Undelivered(admin.SimpleListFilter):
    """What reached nobody, or not on every way. A warning counts from the inbox whatever stands here."""

    title = gettext_lazy("not reached")
    parameter_name = "reached"
    options: dict[str, tuple[Any, list[Any]]] = {
        "email": (
            gettext_lazy("An e-mail could not be handed over"),
            [_failed(ReceiptChannel.EMAIL)],
        ),
        "webhook": (
            gettext_lazy("A webhook did not take it"),
            [_failed(ReceiptChannel.WEBHOOK)],
        ),
        "unseen": (gettext_lazy("Nobody saw it"), [~_receipt(**_SEEN)]),
        "nobody": (
            gettext_lazy("Nobody saw it and nothing was handed over"),
            [~_receipt(**_SEEN), ~_receipt(**_TAKEN)],
        ),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [(value, label) for value, (label, _conditions) in self.options.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if not value:
            return queryset
        return queryset.filter(*self.options[value][1]) if value in self.options else queryset.none()


@admin.register(Notice)
class NoticeAdmin(ByMerchant, FactsAdmin):
    """Every warning, the latest first, with the first time that each way reached somebody."""

    list_display = ("sent_at", "shop", "for_run_on", "days_before", "email", "failed", "seen", "acknowledged")
    list_filter = (ForRun, DaysBefore, Undelivered)
    list_select_related = ("merchant",)
    ordering = ("-id",)

    def complete(self, rows: list[Any]) -> None:
        """The receipts of a page's notices, in one query over their key."""
        found = Receipt.objects.filter(
            merchant_id__in={row.merchant_id for row in rows}, notice_id__in=[row.pk for row in rows]
        )
        receipts: dict[int, list[Receipt]] = {}
        for receipt in found.order_by("at", "id"):
            receipts.setdefault(receipt.notice_id, []).append(receipt)
        for row in rows:
            row.shown_receipts = receipts.get(row.pk, [])

    @admin.display(description=gettext_lazy("merchant"))
    def shop(self, row: Notice) -> str:
        """The merchant, leading to its program."""
        return link(address(Program, row.merchant_id), row.merchant.name)

    @admin.display(description=gettext_lazy("e-mail handed over"))
    def email(self, row: Notice) -> str:
        """The first e-mail that was handed over."""
        return _first(
            row,
            lambda receipt: (
                receipt.channel == ReceiptChannel.EMAIL and receipt.event == ReceiptEvent.DELIVERED
            ),
        )

    @admin.display(description=gettext_lazy("not handed over"))
    def failed(self, row: Notice) -> Any:
        """By which ways it was given up."""
        rows: Any = row
        told: list[Receipt] = rows.shown_receipts
        reached = {
            (each.channel, each.user_id)
            for each in told
            if each.event == ReceiptEvent.DELIVERED and each.user_id
        }
        ways = {
            each.get_channel_display()
            for each in told
            if each.event == ReceiptEvent.FAILED and (each.channel, each.user_id) not in reached
        }
        return chip("critical", ", ".join(sorted(map(str, ways)))) if ways else NOTHING

    @admin.display(description=gettext_lazy("first seen"))
    def seen(self, row: Notice) -> str:
        """When somebody first saw it."""
        return _first(row, lambda receipt: receipt.event in _SEEN["event__in"])

    @admin.display(description=gettext_lazy("acknowledged"))
    def acknowledged(self, row: Notice) -> str:
        """When somebody said that they know."""
        return _first(row, lambda receipt: receipt.event == ReceiptEvent.ACKNOWLEDGED)

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """What was sent, and its receipts."""
        receipts = Receipt.objects.of(obj.merchant_id).filter(notice=obj).select_related("user")
        rows = [
            (
                row.get_channel_display(),
                row.get_event_display(),
                object_link(row.user) if row.user else _("The shop as a whole"),
                when(row.at),
            )
            for row in receipts.order_by("at", "id")
        ]
        return Page(
            title=_("Notice to %(merchant)s of %(at)s")
            % {"merchant": obj.merchant.name, "at": when(obj.sent_at)},
            facts=notice_facts(obj),
            tables=[Table(_("Receipts"), [_("Way"), _("What happened"), _("Who"), _("When")], rows)],
        )


def notice_facts(obj: Notice) -> list[tuple[Any, Any]]:
    """What a warning said, and when."""
    return [
        (_("Program"), link(address(Program, obj.merchant_id), obj.merchant.name)),
        (_("Placed in the inbox"), when(obj.sent_at)),
        (_("For the run of"), day(obj.for_run_on)),
        (_("Days before"), obj.days_before),
        (_("Danger date at sending"), when(obj.danger_at)),
        (_("Policy"), object_link(obj.policy)),
    ]


def _first(row: Any, wanted: Any) -> str:
    at = next((receipt.at for receipt in row.shown_receipts if wanted(receipt)), None)
    return NOTHING if at is None else when(at)
