"""The kinds of error that the API knows (RFC 9457): a slug that never changes, its status and title."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

MEDIA_TYPE = "application/problem+json"
# slug -> (status, title). A refusal whose slug is not here is a rule of its own: 422.
PROBLEMS: dict[str, tuple[int, Any]] = {
    "malformed": (400, _("Malformed request")),
    "unauthenticated": (401, _("No valid API key")),
    "scope-missing": (403, _("The key may not do this")),
    "program-cleared": (403, _("The program was closed by a clearance")),
    "free-join-not-granted": (403, _("Only people who have bought may join")),
    "forbidden": (403, _("Not allowed")),
    "not-found": (404, _("Not found")),
    "method-not-allowed": (405, _("Method not allowed")),
    "idempotency-conflict": (409, _("Key used for another request")),
    "program-not-open": (409, _("The program is not open")),
    "order-member-fixed": (409, _("The member of an order never changes")),
    "reopen-too-early": (409, _("Too early to reopen")),
    "join-quota-reached": (409, _("No more people may join at present")),
    "hold-ended": (409, _("The hold has ended")),
    "not-cancellable": (409, _("This cannot be taken back")),
    "entitlement-revoked": (409, _("The code was taken back")),
    "entitlement-used": (409, _("The code was used")),
    "entitlement-expired": (409, _("The code has expired")),
    "entitlement-not-yet": (409, _("The code is not valid yet")),
    "entitlement-reserved": (409, _("The code is reserved")),
    "not-a-member": (409, _("No longer a member")),
    "benefit-not-in-force": (409, _("The benefit is not in force")),
    "out-of-stock": (409, _("Nothing is left")),
    "entries-closed": (409, _("Entries are closed")),
    "draw-begun": (409, _("The draw has begun")),
    "limit-reached": (409, _("A limit of the benefit is reached")),
    "reward-not-paid": (409, _("Money is due for the order")),
    "plan-withdrawn": (409, _("The plan is not sold any more")),
    "conflict": (409, _("Not possible in the present state")),
    "too-large": (413, _("The request is too large")),
    "unsupported-media-type": (415, _("JSON is needed")),
    "invalid": (422, _("Refused by a rule")),
    "refund-exceeds-order": (422, _("More than is left to refund")),
    "not-in-audience": (422, _("Not for this member")),
    "insufficient-points": (422, _("Not enough points")),
    "price-guard": (422, _("Stopped by the price guard")),
    "unknown-sku": (422, _("No such SKU")),
    "unknown-activity": (422, _("No such activity")),
    "activity-not-rewarded": (422, _("Nothing is given for this")),
    "too-many-requests": (429, _("Too many requests")),
    "server-error": (500, _("Server error")),
    "unavailable": (503, _("Service unavailable")),
}
REFUSED = (422, _("Refused by a rule"))


def members_of(
    slug: str, *, detail: object = "", errors: Mapping[str, list[str]] | None = None
) -> dict[str, Any]:
    """The members of a problem, in the language active now."""
    status, title = PROBLEMS.get(slug, REFUSED)
    body: dict[str, Any] = {"type": slug, "title": str(title), "status": status}
    body["detail"] = str(detail) or str(title)
    if errors:
        body["errors"] = errors
    return body
