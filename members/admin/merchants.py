"""Merchants and who works for them, to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from members.admin.base import (
    ByMerchant,
    Choices,
    FactsAdmin,
    Page,
    ReadOnlyAdmin,
    Table,
    address,
    listing,
    object_link,
    when,
)
from members.models import AuditRow, Merchant, Program, Role, Staff, Store, User
from members.services import support


@admin.register(Merchant)
class MerchantAdmin(ByMerchant, FactsAdmin):
    """The directory, newest first; a merchant's page leads to everything that the platform knows of it."""

    list_display = ("name", "program_status", "slug", "timezone", "currency", "language", "created_at")
    list_display_links = ("name",)
    ordering = ("-id",)
    search_fields = ("slug",)
    merchant_field = "id"

    def complete(self, rows: list[Any]) -> None:
        """The program of each row, in one query."""
        programs = {
            program.pk: program for program in Program.objects.filter(merchant_id__in=[r.pk for r in rows])
        }
        for row in rows:
            row.shown_program = programs.get(row.pk)

    @admin.display(description=_("program"))
    def program_status(self, row: Merchant) -> str:
        """The program's status, leading to its page."""
        program = getattr(row, "shown_program", None)
        return object_link(program, program and program.get_status_display())

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """Who it is, who works there, where to look further."""
        program = Program.objects.filter(merchant_id=obj.pk).first()
        staff = Staff.objects.filter(merchant_id=obj.pk).select_related("user").order_by("left_at", "id")
        stores = Store.objects.of(obj).order_by("id")[:50]
        return Page(
            title=obj.name,
            facts=[
                (_("Short name"), obj.slug),
                (_("Program"), object_link(program, program and program.get_status_display())),
                (_("Time zone"), obj.timezone),
                (_("Currency"), obj.currency),
                (_("Language"), obj.language),
                (_("Created"), when(obj.created_at)),
            ],
            tables=[
                Table(
                    _("Staff"),
                    [_("Person"), _("Role"), _("Joined"), _("Left")],
                    [
                        (object_link(row.user), Role(row.role).label, when(row.joined_at), when(row.left_at))
                        for row in staff
                    ],
                    empty=_("Nobody works for this merchant."),
                ),
                Table(
                    _("Stores"),
                    [_("Name"), _("Code"), _("Channel")],
                    [(row.name, row.code, row.get_channel_display()) for row in stores],
                    empty=_("No stores yet."),
                ),
            ],
            links=[*self._support(request, obj), *self._links(obj, program)],
        )

    def _support(self, request: HttpRequest, merchant: Merchant) -> list[tuple[Any, str]]:
        if not request.user.has_perm(support.PERMISSION):
            return []
        url = reverse("admin:members_supportvisit_begin", args=[merchant.pk])
        return [(_("Look at the console (read only)"), url)]

    def _links(self, merchant: Merchant, program: Program | None) -> list[tuple[Any, str]]:
        found = [] if program is None else [(_("Program and evidence"), address(Program, program.pk))]
        return [*found, (_("Audit log"), listing(AuditRow, q=merchant.slug))]


class MembershipState(Choices):
    """Who still works there."""

    title = _("state")
    parameter_name = "state"
    options = {
        "present": (_("Works there"), Q(left_at=None)),
        "left": (_("Left"), Q(left_at__isnull=False)),
    }


@admin.register(Staff)
class StaffAdmin(ByMerchant, ReadOnlyAdmin):
    """Memberships of people in merchants; owners and managers change them in their own console."""

    heading = _("Memberships")
    list_display = ("person", "merchant_link", "role", "joined_at", "left_at")
    list_display_links = None
    list_filter = ("role", MembershipState)
    list_select_related = ("user", "merchant")
    ordering = ("-id",)
    search_help_text = _("Merchant, or the e-mail address of a person")

    @admin.display(description=_("person"))
    def person(self, row: Staff) -> str:
        """The person, leading to their page."""
        return object_link(row.user, f"{row.user} · {row.user.email}" if row.user.name else row.user.email)

    @admin.display(description=_("merchant"))
    def merchant_link(self, row: Staff) -> str:
        """The merchant, leading to its page."""
        return object_link(row.merchant)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By a person's address when the words have an @, else by merchant."""
        if "@" not in search_term:
            return super().get_search_results(request, queryset, search_term)
        people = User.objects.filter(email__startswith=search_term.strip().lower())[:500]
        return queryset.filter(user__in=[person.pk for person in people]), False
