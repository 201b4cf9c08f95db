"""A request within a support visit: whose console it is, and that nothing is written, handed out or left unlogged."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import Role, Staff, SupportVisit, User
from members.selectors import access
from members.services import support
from members.services.audit import Actor
from members.web.request import ScopedRequest

SESSION = "support"  # [merchant id, public id of the visit]
READING = ("GET", "HEAD")
ELSEWHERE = (
    "/accounts/",
    "/api/",
    "/platform/",
    "/static/",
)  # a person's own account, and doors of their own


def enter(request: ScopedRequest) -> bool:
    """Put the visit that the session names into the request; False when it names one that is over.

    The visitor sees what an analyst sees: everything that is only read, masked as for everybody.
    """
    named = request.session.get(SESSION)
    person = request.user
    if named is None or request.path.startswith(ELSEWHERE) or not isinstance(person, User):
        return True
    merchant_id, public_id = named
    with tenancy.tenant(merchant_id):
        visit = access.support_visit(
            merchant_id=merchant_id, public_id=public_id, user_id=person.pk, at=timezone.now()
        )
    with tenancy.platform():  # a merchant's process knows nothing of rights
        is_allowed = person.is_staff and person.has_perm(support.PERMISSION)
    if visit is None or not is_allowed:
        del request.session[SESSION]
        return False
    request.support, request.merchant = visit, visit.merchant
    request.staff = Staff(
        merchant=visit.merchant, user=visit.by, role=Role.ANALYST, joined_at=visit.from_at, public_id=""
    )
    request.memberships = [request.staff]
    return True


def over(request: HttpRequest) -> HttpResponse:
    """403: the visit is over, nothing was done."""
    return render(request, "errors/support.html", {"is_over": True}, status=403)


def answer(
    request: ScopedRequest, visit: SupportVisit, get_response: Callable[[HttpRequest], HttpResponse]
) -> HttpResponse:
    """The page, logged, with the database set to refuse writes; else a refusal, logged."""
    actor, at = Actor.admin(visit.by), timezone.now()
    if request.method not in READING:
        support.note_refusal(visit=visit, at=at, actor=actor, path=request.path)
        return refused(request)
    support.note_page(visit=visit, at=at, actor=actor, path=request.path)
    with support.read_only():
        response = get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        if not is_page or response.has_header("Content-Disposition"):
            request.support_refused, held = True, response
            response = refused(request)
            # What the other holds open ends with this one; closing it here would end the request.
            response._resource_closers.extend(held._resource_closers)  # type: ignore[attr-defined]
    if request.support_refused:
        support.note_refusal(visit=visit, at=at, actor=actor, path=request.path)
    return response


def refused(request: HttpRequest) -> HttpResponse:
    """403: only looking is allowed."""
    return render(request, "errors/support.html", status=403)
