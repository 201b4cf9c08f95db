"""People who sign in: found, made platform admins, shut out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.admin.base import Choices, FactsAdmin, Page, Table, actor, address, chip, object_link, when
from members.lib.refusals import Refusal
from members.models import Role, Staff, User
from members.services import platform_admins


class AdminForm(forms.Form):
    """A new platform admin."""

    email = forms.EmailField(
        label=_("E-mail address"), widget=forms.EmailInput(attrs={"class": "vTextField"})
    )
    name = forms.CharField(
        label=_("Name"), max_length=80, widget=forms.TextInput(attrs={"class": "vTextField"})
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    password = forms.CharField(
        label=_("First password"),
        help_text=_("At least ten characters. Hand it over in person; it can be changed after signing in."),
        widget=forms.PasswordInput(attrs={"class": "vTextField", "autocomplete": "new-password"}),
    )


class Standing(Choices):
    """Admins, and who is shut out."""

    title = _("state")
    parameter_name = "state"
    options = {
        "admin": (_("Platform admins"), Q(is_staff=True)),
        "shut_out": (_("Shut out"), Q(is_active=False)),
    }


ACTS: dict[str, tuple[Callable[..., User], dict[str, Any], Any]] = {
    "grant": (platform_admins.grant, {}, _("%(name)s is a platform admin now.")),
    "withdraw": (platform_admins.withdraw, {}, _("%(name)s is no platform admin any more.")),
    "shut-out": (platform_admins.set_active, {"active": False}, _("%(name)s can no longer sign in.")),
    "let-in": (platform_admins.set_active, {"active": True}, _("%(name)s can sign in again.")),
}


@admin.register(User)
class UserAdmin(FactsAdmin):
    """Everybody who signs in. Nobody is deleted: the audit logs name them."""

    heading = _("People")
    add_label = _("New platform admin")
    list_display = ("email", "standing", "name", "last_login", "date_joined")
    list_filter = (Standing,)
    ordering = ("-id",)
    search_fields = ("email",)
    search_help_text = _("Beginning of an e-mail address, or part of a name")
    object_template = "admin/platform/user.html"

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """A person added here becomes a platform admin."""
        return self.may(request, "add")

    def get_urls(self) -> list[URLPattern]:
        """The acts of a person's page beside Django's own addresses."""
        act = self.admin_site.admin_view(self.act)
        return [path("<int:user_id>/<slug:act>/do/", act, name="members_user_act"), *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the beginning of an address or a part of a name."""
        words = search_term.strip()
        if not words:
            return queryset, False
        return queryset.filter(Q(email__startswith=words.lower()) | Q(name__icontains=words)), False

    @admin.display(description=_("state"))
    def standing(self, row: User) -> str:
        """Platform admin, shut out, or neither."""
        if not row.is_active:
            return chip("critical", _("Shut out"))
        return chip("info", _("Platform admin")) if row.is_staff else "--"

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Make a platform admin."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = AdminForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                made = platform_admins.create_admin(
                    at=timezone.now(), actor=actor(request), **form.cleaned_data
                )
            except Refusal as refusal:
                errors = refusal.errors or {"": refusal.detail}
                for name, detail in errors.items():
                    form.add_error(name if name in form.fields else None, str(detail))
            else:
                messages.success(request, _("%(name)s is a platform admin now.") % {"name": made})
                return HttpResponseRedirect(address(User, made.pk))
        response = self.render(
            request, "admin/platform/form.html", Page(title=_("New platform admin")), extra={"form": form}
        )
        response.status_code = 422 if form.errors else 200
        return response

    def act(self, request: HttpRequest, user_id: int, act: str) -> HttpResponse:
        """One act on a person, by its name."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if act not in ACTS or not self.may(request, "change"):
            raise PermissionDenied
        service, arguments, said = ACTS[act]
        try:
            user = service(user_id=user_id, at=timezone.now(), actor=actor(request), **arguments)
        except Refusal as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, said % {"name": user})
        return HttpResponseRedirect(address(User, user_id))

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """Who it is, how they sign in, where they work."""
        staff = Staff.objects.filter(user=obj).select_related("merchant").order_by("left_at", "id")
        has_factor = Authenticator.objects.filter(user=obj, type=Authenticator.Type.TOTP).exists()
        return Page(
            title=str(obj),
            facts=[
                (_("E-mail address"), obj.email),
                (_("State"), self.standing(obj)),
                (_("Two-step sign-in"), _("set up") if has_factor else _("not set up")),
                (_("Language"), obj.language or "--"),
                (_("Last signed in"), when(obj.last_login)),
                (_("Account made"), when(obj.date_joined)),
            ],
            tables=[
                Table(
                    _("Works for"),
                    [_("Merchant"), _("Role"), _("Joined"), _("Left")],
                    [
                        (
                            object_link(row.merchant),
                            Role(row.role).label,
                            when(row.joined_at),
                            when(row.left_at),
                        )
                        for row in staff
                    ],
                    empty=_("This person works for no merchant."),
                )
            ],
        )
