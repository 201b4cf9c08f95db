"""The public pages of a draw: what was published, its proof file, and checking it in the browser.

Open to everyone, signed in or not, and whatever became of the program: a proof is no secret and never locked. Nothing
of a member stands there but pseudonyms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from benefits.lib import draws as rule
from benefits.models import Draw
from benefits.selectors import draws as selectors
from benefits.web import draws as shown
from members.lib import tenant as tenancy
from members.models import Merchant, ProgramStatus
from members.selectors import access
from members.web import errors, gates
from members.web.rates import seconds_to_wait

YEAR = 31_536_000


@contextmanager
def _found(shop: str, draw_id: str) -> Iterator[tuple[Merchant, Draw]]:
    """The draw of an address, working as its merchant and in its zone. Raises Http404."""
    merchant = Merchant.objects.filter(slug=shop).first()
    if merchant is None:
        raise Http404
    with tenancy.tenant(merchant.pk), timezone.override(merchant.zone):
        draw = selectors.by_public_id(merchant_id=merchant.pk, public_id=draw_id)
        if draw is None:
            raise Http404
        yield merchant, draw


def limited(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A public page that one address of the internet asks for so often: each counts or reads the entries of a draw."""

    @wraps(view)
    def entered(request: HttpRequest, **named: Any) -> HttpResponse:
        if wait := seconds_to_wait(request, name="draws", rate=settings.MEMBER_PAGE_RATE):
            return errors.too_many_requests(request, retry_after=wait)
        return view(request, **named)

    return entered


@gates.public()
@require_safe
@limited
def verify(request: HttpRequest, shop: str, draw_id: str) -> HttpResponse:
    """What was published of a draw, and a check of its proof that runs in the browser."""
    with _found(shop, draw_id) as (merchant, draw):
        counts, program = selectors.counts(draw), access.program_of(merchant=merchant)
        rests = program is None or program.status != ProgramStatus.OPEN
        context = {
            "shop": merchant,
            "draw": draw,
            "chip": shown.chip(draw, timezone.now(), rests=rests),
            "prizes": shown.prizes(draw.rules),
            "counts": counts,
            "outcome": shown.outcome(draw, counts.winners),
            "has_proof": bool(draw.digest),
        }
        return render(request, "benefits/draws/verify.html", context)


@gates.public()
@require_safe
@limited
def proof(request: HttpRequest, shop: str, draw_id: str) -> HttpResponse:
    """The proof file, byte for byte; there once winners are drawn. Who has it is told so without making it again."""
    with _found(shop, draw_id) as (_merchant, draw):
        if draw.digest and (known := get_conditional_response(request, etag=f'"{draw.digest}"')):
            return known
        found = selectors.proof(draw)
    if found is None:
        raise Http404
    response = HttpResponse(rule.proof_bytes(found), content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="draw-{draw.public_id}.json"'
    response["ETag"] = f'"{draw.digest}"'
    response["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return response
