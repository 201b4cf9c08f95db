"""The door of the page that members see of their own: a signed link instead of a log-in (`services/member_links`).

Every view of it, of whichever app, is `@own_page(…)`: it gets a `Visit`, under the shop's tenant, zone and language.
The page makes no session; its only cookies are the form's token and what the reader chooses (language, appearance).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from members.lib import tenant as tenancy
from members.lib.refusals import NotFound
from members.models import Member, MemberStatus, Merchant, Program, ProgramStatus
from members.selectors import access
from members.selectors import members as selectors
from members.services import member_links
from members.web import errors, gates
from members.web.rates import seconds_to_wait

ROBOTS = "noindex, nofollow, noarchive"


@dataclass(frozen=True, slots=True)
class Visit:
    """A member at their own page: who, of which shop, by which link, when."""

    request: HttpRequest
    token: str
    merchant: Merchant
    member: Member
    program: Program | None
    at: dt.datetime

    @property
    def is_open(self) -> bool:
        """Whether the program is open: else it is paused, for the member."""
        return self.program is not None and self.program.status == ProgramStatus.OPEN


OwnView = Callable[..., HttpResponse]


def own_page(*methods: str) -> Callable[[OwnView], OwnView]:
    """A view of the member's own page, for these methods: `view(visit, …)`, where the address names a link that works.

    `@own_page("GET", "HEAD")`.
    """

    def decorate(view: OwnView) -> OwnView:
        @gates.public()
        @never_cache
        @require_http_methods(list(methods))
        @wraps(view)
        def entered(request: HttpRequest, token: str, **named: Any) -> HttpResponse:
            if wait := seconds_to_wait(request, name="own", rate=settings.MEMBER_PAGE_RATE):
                response = errors.too_many_requests(request, retry_after=wait)
            else:
                response = _entered(request, token, view, named)
            response["X-Robots-Tag"] = ROBOTS
            return response

        return entered

    return decorate


def _entered(request: HttpRequest, token: str, view: OwnView, named: dict[str, Any]) -> HttpResponse:
    at = timezone.now()
    try:
        link = member_links.read(token, at=at)
    except NotFound as refusal:
        return _refused(request, refusal)
    merchant = Merchant.objects.filter(slug=link.slug).first()
    if merchant is None:
        return _refused(request, NotFound())
    with ExitStack() as stack:
        stack.enter_context(tenancy.tenant(merchant.pk))
        stack.enter_context(timezone.override(merchant.zone))
        stack.enter_context(translation.override(_language(request, merchant)))
        member = selectors.by_public_id(merchant_id=merchant.pk, public_id=link.public_id)
        if member is None or member.status != MemberStatus.ACTIVE:
            return _refused(request, NotFound())
        visit = Visit(request, token, merchant, member, access.program_of(merchant=merchant), at)
        return view(visit, **named)


def _language(request: HttpRequest, merchant: Merchant) -> str:
    """The reader's language where the browser or the reader named one that we speak; else the shop's."""
    spoken = {code.lower() for code, _name in settings.LANGUAGES}
    if request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "").lower() in spoken:
        return translation.get_language() or merchant.language
    for part in request.headers.get("Accept-Language", "").split(","):
        wanted = part.partition(";")[0].strip().lower()
        try:
            return translation.get_supported_language_variant(wanted)
        except LookupError:  # none of ours; Hong Kong's and Taiwan's Chinese are, whatever they are called
            continue
    return merchant.language


def _refused(request: HttpRequest, refusal: NotFound) -> HttpResponse:
    """What a link that leads nowhere says: 410 for one that is over, else 404."""
    is_over = isinstance(refusal, member_links.LinkEnded)
    context = {"is_over": is_over}
    return render(request, "members/own/no_link.html", context, status=410 if is_over else 404)
