"""API keys at the door: whose key, what it may do, how often (interface.md, API)."""

from __future__ import annotations

import time
from typing import Any

from django.core.cache import cache
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from members.models import ApiKey


class ApiKeyAuthentication(BaseAuthentication):
    """The key that TenantMiddleware found."""

    def authenticate(self, request: Request) -> tuple[ApiKey, ApiKey] | None:
        """Raises AuthenticationFailed for a key that is unknown or was revoked."""
        key: ApiKey | None = getattr(request._request, "api_key", None)
        if key is not None:
            return key, key
        if request._request.headers.get("Authorization"):
            raise AuthenticationFailed(
                _("This key is unknown or was revoked. Make a new one under Settings.")
            )
        return None

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        told = ', error="invalid_token"' if request._request.headers.get("Authorization") else ""
        return f'Bearer realm="Liushui API"{told}'


class HasScope(BasePermission):
    """The key has the operation's scope."""

    message = ""

    def has_permission(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, ApiKey) and view.scope in request.auth.scopes:
            return True
        self.message = _("This key lacks the scope %(scope)s.") % {"scope": view.scope}
        return False


class KeyThrottle(SimpleRateThrottle):
    """Requests per key in fixed windows of the clock: one counter a key, not a list of instants."""

    scope = "key"
    num_requests: int | None
    duration: int | None
    passed = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        if request.auth is None or not self.num_requests or not self.duration:
            return True
        window, self.passed = divmod(time.time(), self.duration)
        counter = f"api-{request.auth.pk}-{int(window)}"
        try:
            return cache.incr(counter) <= self.num_requests
        except ValueError:  # the first of its window, or the cache is down
            cache.add(counter, 1, timeout=self.duration)
            return True

    def wait(self) -> float:
        """Seconds until the next window."""
        return (self.duration or 1) - self.passed + 1
