"""Pausing, resuming and renewing several benefits of the list at once, with undo."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.core import signing
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from benefits.services import benefit_acts
from benefits.services.benefit_acts import Done
from members.lib.refusals import Refusal
from members.services.audit import Actor
from members.web import gates
from members.web.forms import one_line
from members.web.request import StaffRequest

UNDO_FOR = dt.timedelta(hours=24)
SALT = "benefits.acts"
MOST_TOLD = 5

acts_on = gates.staff(read=gates.NOBODY, write=gates.WRITERS, function="benefits")


def _said(done: Done) -> str:
    count = len(done.changed)
    words = {
        "pause": ngettext("%(n)s benefit is paused.", "%(n)s benefits are paused.", count),
        "resume": ngettext("%(n)s benefit goes on.", "%(n)s benefits go on.", count),
        "renew": ngettext("%(n)s benefit is published anew.", "%(n)s benefits are published anew.", count),
    }
    return words[done.act] % {"n": count}


def _tell_left(request: StaffRequest, done: Done) -> None:
    for name, why in done.left[:MOST_TOLD]:
        messages.warning(request, _("“%(name)s” stays as it is: %(why)s") % {"name": name, "why": why})
    if len(done.left) > MOST_TOLD:
        more = len(done.left) - MOST_TOLD
        text = ngettext("%(n)s more stays as it is.", "%(n)s more stay as they are.", more)
        messages.warning(request, text % {"n": more})


@acts_on
@require_POST
def benefits_acts(request: StaffRequest) -> HttpResponse:
    """Do it to the ticked ones; the list offers to take it back."""
    ids = [one_line(each, most=24) for each in request.POST.getlist("b")]
    home = reverse("benefits:benefits_list")
    try:
        done = benefit_acts.act_on(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            act=one_line(request.POST.get("act", ""), most=10),
            public_ids=ids,
            once=one_line(request.POST.get("once", ""), most=24),
        )
    except Refusal as refusal:
        messages.error(request, str(refusal.detail))
        return redirect(home)
    _tell_left(request, done)
    if not done.changed:
        return redirect(home)
    messages.success(request, _said(done))
    said = {"merchant": request.merchant.pk, "act": done.act, "changed": done.changed}
    return redirect(f"{home}?undo={signing.dumps(said, salt=SALT, compress=True)}")


@acts_on
@require_POST
def benefits_acts_undo(request: StaffRequest) -> HttpResponse:
    """Take it back, within a day, where nothing changed since."""
    home = reverse("benefits:benefits_list")
    try:
        said = signing.loads(request.POST.get("undo", ""), salt=SALT, max_age=UNDO_FOR)
        if said["merchant"] != request.merchant.pk:
            raise signing.BadSignature
    except signing.BadSignature:
        messages.error(request, _("This can no longer be taken back. Change the benefits one by one."))
        return redirect(home)
    try:
        done = benefit_acts.take_back(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            act=said["act"],
            changed=[(str(key), int(revision)) for key, revision in said["changed"]],
        )
    except Refusal as refusal:
        messages.error(request, str(refusal.detail))
        return redirect(home)
    _tell_left(request, done)
    if done.changed:
        text = ngettext("%(n)s benefit is as before.", "%(n)s benefits are as before.", len(done.changed))
        messages.success(request, text % {"n": len(done.changed)})
    return redirect(home)
