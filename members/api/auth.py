"""API keys at the door."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.throttling import SimpleRateThrottle


class ApiKeyAuthentication(BaseAuthentication):
    """The key that TenantMiddleware found."""

    def authenticate(self, request):
        key = request._request.api_key
        return (key, key) if key else None

    def authenticate_header(self, request):
        return "Bearer"


class HasScope(BasePermission):
    """The key has the view's scope."""

    def has_permission(self, request, view):
        return request.auth is not None and view.scope in request.auth.scopes


class KeyThrottle(SimpleRateThrottle):
    """Requests per key."""

    scope = "key"

    def get_cache_key(self, request, view):
        return f"api-{request.auth.pk}" if request.auth else None
