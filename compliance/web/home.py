"""Home: how the program stands, four figures against their targets, what to do next, the set-up guide until open."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from compliance.lib.state import State
from compliance.selectors import glance
from compliance.web import cards, offers
from compliance.web.banner import glance_of
from compliance.web.figures import figure_cards, share_points
from compliance.web.todos import steps
from members.selectors import kpis
from members.templatetags.charts import scaled
from members.web import csv_files, gates
from members.web.program import guide
from members.web.request import StaffRequest


@gates.staff(read=gates.EVERYONE)
@require_safe
def home(request: StaffRequest) -> HttpResponse:
    """The first page after signing in; a cashier's is the cashier's page."""
    if request.staff.role not in gates.READERS:
        return redirect("benefits:cashier_page")
    found = glance_of(request)
    assert found is not None  # a staff page has a merchant with its program
    context: dict[str, Any] = {
        "at": found.at,
        "card": cards.state_card(found),
        "guide": None,
        "figures": None,
    }
    if found.state is State.DRAFT:
        context["guide"] = guide(
            found.program,
            found.at,
            has_benefit=glance.has_benefit(merchant_id=found.program.pk),
            benefit_url=reverse("benefits:benefits_new"),
        )
        context["may_open"] = request.staff.role in gates.MANAGERS
    elif request.staff.role in gates.READERS and not found.is_cleared:
        shown = kpis.kpis(merchant=request.merchant, at=found.at)
        context |= {"figures": figure_cards(shown), "share": share_points(shown), "goal": kpis.GMV_GOAL}
    context |= steps(request.staff.role, found, context["card"]["lines"], user_id=request.user.pk)
    context |= offers.drawer(request, found)
    return render(request, "compliance/home/page.html", context)


@gates.staff(read=gates.READERS, function="members")
@require_safe
def share_csv(request: StaffRequest) -> HttpResponse:
    """The chart of Home as a file: members' share of net sales of the 30 days up to each day."""
    shown = kpis.kpis(merchant=request.merchant, at=timezone.now()).share
    rows = (
        (day.isoformat(), "" if value is None else scaled(value, 10))
        for day, value in zip(shown.days, shown.series, strict=True)
    )
    return csv_files.answer("member-gmv-share.csv", [_("Day"), _("Member GMV share, %")], rows)
