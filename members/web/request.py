"""What our middleware puts on a request, for the type checker."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from members.models import ApiKey, Merchant, Program, Staff, SupportVisit, User


class ScopedRequest(HttpRequest):
    """Any request behind TenantMiddleware, before a gate has looked at it."""

    merchant: Merchant | None
    staff: Staff | None
    program: Program | None
    memberships: list[Staff]
    api_key: ApiKey | None
    support: SupportVisit | None  # a platform admin looks at the console, read only
    support_refused: bool


class StaffRequest(HttpRequest):
    """A request that a staff gate let in: somebody signed in, working for a merchant."""

    user: User
    merchant: Merchant
    staff: Staff
    program: Program | None
    memberships: list[Staff]
    api_key: ApiKey | None
    support: SupportVisit | None
    htmx: HtmxDetails
    csp_nonce: str


class UserRequest(HttpRequest):
    """A request that the gate for signed-in people let in; a merchant may be missing."""

    user: User
    merchant: Merchant | None
    staff: Staff | None
    memberships: list[Staff]
