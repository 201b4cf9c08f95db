"""The way of a request: health, one transaction, the tenant, the gate."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from urllib.parse import urlencode

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from psycopg_pool import PoolTimeout

from members.lib import tenant as tenancy
from members.lib.problems import MEDIA_TYPE, members_of
from members.selectors import access
from members.services.health import metrics, readiness
from members.services.support import is_refused_write
from members.web import gates, support
from members.web.menu import GROUPS
from members.web.request import ScopedRequest

Respond = Callable[[HttpRequest], HttpResponse]
log = structlog.get_logger(__name__)


class HealthMiddleware:
    """Answers /healthz and /readyz outside everything else, so that they work while the database is down."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz":
            return JsonResponse({"status": "ok"})
        if request.path == "/readyz":
            checks = readiness()
            return JsonResponse(checks, status=200 if all(v == "ok" for v in checks.values()) else 503)
        if request.path == "/metrics":
            return numbers(request)
        return self.get_response(request)


def numbers(request: HttpRequest) -> HttpResponse:
    """/metrics: for a collector on this machine, or one that knows METRICS_TOKEN; 404 to everyone else."""
    token = settings.METRICS_TOKEN
    if token:
        admitted = hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {token}")
    else:
        is_local = request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1")
        admitted = is_local and "HTTP_X_FORWARDED_FOR" not in request.META
    if not admitted:
        return HttpResponse(status=404)
    return HttpResponse(metrics(), content_type="text/plain; version=0.0.4")


class RequestTransactionMiddleware:
    """One transaction around the whole request, sessions and rendering included; any 5xx rolls it back."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        scope = tenancy.platform() if request.path.startswith("/platform/") else tenancy.visitor()
        try:
            with scope, transaction.atomic():
                response = self.get_response(request)
                if response.status_code >= 500:
                    transaction.set_rollback(True)
                return response
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            log.error("database_unavailable", error=str(error), path=request.path)
            return database_is_down(request)


def database_is_down(request: HttpRequest) -> HttpResponse:
    """A page (or problem) that says so and when to try again; renders without the database."""
    # The middleware that chooses the language may not have been reached.
    with translation.override(translation.get_language_from_request(request)):
        if request.path.startswith("/api/"):
            problem = members_of("unavailable", detail=_("Nothing was changed. Try again."))
            response: HttpResponse = JsonResponse(problem, status=503, content_type=MEDIA_TYPE)
        else:
            response = HttpResponse(render_to_string("errors/503.html", {"request": request}), status=503)
    response["Retry-After"] = "5"
    return response


class TenantMiddleware:
    """Finds the merchant of the request (session or API key) and works under it to the end."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: ScopedRequest) -> HttpResponse:
        forget(request)
        if request.path.startswith("/platform/"):
            return self.get_response(request)
        with ExitStack() as stack:
            if not self.find(request):
                return support.over(request)
            if request.merchant is not None:
                stack.enter_context(tenancy.tenant(request.merchant.pk))
                stack.enter_context(timezone.override(request.merchant.zone))
                if request.api_key is None:  # an operation of the API loads the program if it needs it
                    request.program = access.program_of(merchant=request.merchant)
            if request.support is not None:
                return support.answer(request, request.support, self.get_response)
            return self.get_response(request)

    def process_exception(self, request: ScopedRequest, error: Exception) -> HttpResponse | None:
        """A page that writes, asked for within a support visit, is refused like a write."""
        if getattr(request, "support", None) is None or not is_refused_write(error):
            return None
        request.support_refused = True
        return support.refused(request)

    def find(self, request: ScopedRequest) -> bool:
        """Set merchant and staff from the session, or merchant and api_key from the Authorization header.

        False when the session names a support visit that is over.
        """
        if request.path.startswith("/api/"):
            kind, _, secret = request.headers.get("Authorization", "").partition(" ")
            if kind.lower() == "bearer" and secret:
                request.api_key = access.api_key(secret=secret.strip())
                request.merchant = request.api_key.merchant if request.api_key else None
            return True
        if not request.user.is_authenticated:
            return True
        request.memberships = access.memberships(user=request.user)
        chosen = request.session.get("merchant_id")
        request.staff = next(
            (row for row in request.memberships if row.merchant_id == chosen),
            request.memberships[0] if request.memberships else None,
        )
        request.merchant = request.staff.merchant if request.staff else None
        return support.enter(request)


def forget(request: ScopedRequest) -> None:
    """Nobody and no merchant, until they are found."""
    request.merchant = request.staff = request.program = request.api_key = request.support = None
    request.memberships = []
    request.support_refused = False


class GateMiddleware:
    """Enforces what each view declares; a view that declares nothing is refused."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: ScopedRequest, view: object, args: object, kwargs: Mapping[str, object]
    ) -> HttpResponse | None:
        """None lets the request in."""
        gate = gates.gate_of(view, request.path)
        if gate is None:
            log.error("view_without_gate", path=request.path)
            return render(request, "403.html", status=403)
        if gate.kind != "api" and any("\x00" in str(value) for value in kwargs.values()):
            raise Http404  # no id holds one, and the database refuses to look for it
        if gate.kind in ("public", "api"):
            return None
        if not request.user.is_authenticated:
            return to_sign_in(request)
        if gate.kind == "platform":
            return None if request.user.is_staff else render(request, "403.html", status=403)
        if gate.kind == "user":
            return None
        return self.enter_as_staff(request, gate)

    def enter_as_staff(self, request: ScopedRequest, gate: gates.Gate) -> HttpResponse | None:
        """A staff page: a merchant, a role that may, a function that is not stopped."""
        if request.staff is None:
            return HttpResponseRedirect(reverse("members:merchant_new"))
        if not gate.admits(request.staff.role, request.method or "GET"):
            return render(request, "403.html", {"gate": gate}, status=403)
        if gate.function and request.program and request.program.status == "cleared":
            label = GROUPS[gate.function].label
            return render(request, "errors/locked.html", {"function": label}, status=403)
        return None


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Off to the sign-in page and back afterwards; an htmx piece makes the whole page go."""
    target = f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': request.get_full_path()})}"
    if getattr(request, "htmx", False):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = target
        return response
    return HttpResponseRedirect(target)
