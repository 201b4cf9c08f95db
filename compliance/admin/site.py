"""The platform's admin site: Django's admin, entered through the site's one door, ordered by topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from members.web.second_factor import requires_second_factor

OURS = frozenset({"members", "benefits", "compliance"})
HOME = "/platform/"

# The menu by topic: group, models as app.model. What is not named here has no place in it.
MENU: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    (
        "merchants",
        _("Merchants"),
        ("members.merchant", "members.program", "members.staff", "members.supportvisit"),
    ),
    (
        "clearance",
        _("Clearance"),
        (
            "compliance.policy",
            "compliance.policydraft",
            "compliance.run",
            "compliance.preview",
            "compliance.decision",
            "compliance.appeal",
        ),
    ),
    ("grades", _("Grades"), ("compliance.grade", "compliance.graderun", "compliance.gradepolicy")),
    ("prices", _("Prices"), ("benefits.pricefinding", "benefits.guardpolicy")),
    ("notices", _("Notices"), ("compliance.notice", "members.outboxrow")),
    (
        "platform",
        _("Platform"),
        (
            "members.user",
            "members.jobtick",
            "members.ledgerproof",
            "members.tieraudit",
            "members.platformauditrow",
            "members.auditrow",
        ),
    ),
)


class PlatformSite(AdminSite):
    """Platform admins only, each with a second factor; packages' own admin pages stay out."""

    site_title = _("Platform")
    site_header = _("Liushui platform")
    index_title = _("Workbench")
    index_template = "admin/platform/workbench.html"
    site_url = None
    empty_value_display = "--"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Take our own models only: a package's page would write past our services and their audit."""
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        for model in models:
            if model._meta.app_label in OURS:
                super().register(model, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """An admin who has given a second factor (`admin_view` has sent everybody else away)."""
        return bool(request.user.is_active and request.user.is_staff)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """A view behind the door: sign-in, admin, second factor."""
        guarded = super().admin_view(view, cacheable)

        @never_cache
        @wraps(guarded)
        def enter(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            answer = requires_second_factor(request)
            return answer if answer is not None else guarded(request, *args, **kwargs)

        return enter

    def get_urls(self) -> list[Any]:
        """Django's addresses, and the workbench's count on demand."""
        own: list[URLPattern] = [
            path("tonight/", self.admin_view(self.tonight), name="tonight"),
            path("if-tonight/", self.admin_view(self.if_tonight), name="if_tonight"),
        ]
        return [*own, *super().get_urls()]

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one sign-in for everybody."""
        target = request.GET.get("next", HOME)
        return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': target})}")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Sign out of everything."""
        if request.method == "POST":
            logout(request)
        return HttpResponseRedirect(reverse("account_login") if request.method == "POST" else HOME)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Everybody changes their password on one page."""
        return HttpResponseRedirect(reverse("account_change_password"))

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> Any:
        """Apps are no topic of the platform: the workbench shows them all."""
        return HttpResponseRedirect(reverse("admin:index"))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """The menu by topic."""
        known: dict[str, dict[str, Any]] = {}
        for label, app in self._build_app_dict(request).items():
            for model in app["models"]:
                model["name"] = getattr(self._registry[model["model"]], "name_of_list", model["name"])
                known[f"{label}.{model['object_name'].lower()}"] = model
        groups = []
        for key, name, wanted in MENU:
            models = [known[one] for one in wanted if one in known]
            if models:
                groups.append(_group(key, name, models))
        return groups

    def index(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The workbench."""
        from compliance.admin import workbench

        return super().index(request, {**workbench.context(request), **(extra_context or {})})

    def tonight(self, request: HttpRequest) -> Any:
        """What a run tonight would decide, counted on demand."""
        from compliance.admin import workbench

        return workbench.tonight(request)

    def if_tonight(self, request: HttpRequest) -> Any:
        """Counts, list and map of what a run tonight would decide."""
        from compliance.admin import tonight

        request.current_app = self.name
        return tonight.page(request, self.each_context(request))


def _group(key: str, name: Any, models: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "app_label": key,
        "app_url": models[0]["admin_url"],
        "has_module_perms": True,
        "models": list(models),
    }
