"""A site with holes in it: the walk has to find each of them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.urls import handler400, handler403, handler404, handler500
from config.urls import urlpatterns as real
from members.lib import tenant as tenancy
from members.models import Invitation, Member, Merchant
from members.web import gates

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


@gates.staff(read=gates.EVERYONE)
def leak(request: HttpRequest, member_id: str) -> HttpResponse:
    """Reads somebody else's member as the platform."""
    with tenancy.platform():
        member = Member.objects.get(public_id=member_id)
        return HttpResponse(f"Found: {member.name}")


@gates.signed_in()
def leak_in_redirect(request: HttpRequest) -> HttpResponse:
    """Says in a header what it must not say."""
    other = Merchant.objects.order_by("id").last()
    return HttpResponse(status=302, headers={"Location": f"/?shop={other}"})


@gates.public()
def write(request: HttpRequest, invitation_id: str) -> HttpResponse:
    """Writes by id alone, as somebody whom no row policy stops."""
    if request.method == "DELETE":
        with tenancy.platform():
            Invitation.objects.filter(public_id=invitation_id).update(role="owner")
    return HttpResponse("Done")


@gates.public()
def insert(request: HttpRequest) -> HttpResponse:
    """Adds a row to whichever shop the form names."""
    if request.method == "POST":
        merchant = Merchant.objects.get(slug=request.POST["merchant"])
        with tenancy.platform():
            Member.objects.create(
                merchant=merchant,
                at=merchant.created_at,
                joined_at=merchant.created_at,
                joined_on=merchant.created_at.date(),
                channel="web",
                source="page",
                phone="",
                name="",
            )
    return HttpResponse("Done")


@gates.public()
def broken(request: HttpRequest) -> HttpResponse:
    """Falls over."""
    if request.method == "PATCH":
        raise RuntimeError("planted")
    return HttpResponse("Done")


def undeclared(request: HttpRequest) -> HttpResponse:
    """Declares no gate."""
    return HttpResponse("Come in")


urlpatterns = [
    path("planted/leak/<str:member_id>", leak, name="planted_leak"),
    path("planted/redirect", leak_in_redirect, name="planted_redirect"),
    path("planted/write/<str:invitation_id>", write, name="planted_write"),
    path("planted/insert", insert, name="planted_insert"),
    path("planted/broken", broken, name="planted_broken"),
    path("planted/undeclared", undeclared, name="planted_undeclared"),
    path("planted/unknown/<str:kitchen_sink>", undeclared, name="planted_unknown"),
    *real,
]
