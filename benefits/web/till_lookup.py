"""Members who have not got their code with them: a till finds one by the whole phone number or the customer number, and
sees which codes can be used.

Numbers are sent, not asked in an address, which is kept in logs; and a part of one, or a name, finds nobody.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from benefits.selectors import own
from benefits.web.cashier import described, masked, redeems
from benefits.web.till_forms import WhoForm
from members.models import Member
from members.selectors import members as members_of
from members.selectors import tiers as tier_names
from members.web.forms import answer, one_line
from members.web.request import StaffRequest


@redeems
@never_cache
@require_POST
def cashier_member(request: StaffRequest) -> HttpResponse:
    """The codes that one member can use now."""
    form = WhoForm(request.POST)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        member = _one(request, form)
        if member is not None:
            context["member"] = _told(request, member)
    return answer(request, "benefits/cashier/member.html", context, form)


def _one(request: StaffRequest, form: WhoForm) -> Member | None:
    found = members_of.named(merchant=request.merchant, text=one_line(form.cleaned_data["who"]))
    if len(found) == 1:
        return found[0]
    text = _("Nobody has this number. Ask for the whole phone number or the customer number.")
    form.add_error("who", _("Several members have this number. Ask for another one.") if found else text)
    return None


def _told(request: StaffRequest, member: Member) -> dict[str, Any]:
    """A member as a cashier may see them: the masked name, the tier and what can be redeemed. A partner's codes are not
    redeemed here."""
    at, merchant_id = timezone.now(), request.merchant.pk
    codes = own.codes_of(merchant_id=merchant_id, member=member, at=at)
    held = [each for each in codes.usable if not each.partner_code]
    return {
        "who": masked(member),
        "tier": tier_names.names(merchant_id=merchant_id, member_ids=[member.pk], at=at)[member.pk],
        "codes": [described(each.row, each.promise, request) for each in held],
    }
