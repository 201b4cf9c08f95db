"""Acts on several benefits at once, each of which can be taken back (domain.md 8)."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib.pools import is_pooled
from benefits.lib.standing import Standing, standing_of
from benefits.models import Benefit, BenefitStatus
from benefits.services import benefits
from benefits.services.arguments import arguments_of
from benefits.services.locks import gate
from benefits.services.point_promises import KINDS_OF_POINTS
from members.lib.fields import ALPHABET
from members.lib.refusals import Invalid, Refusal
from members.services.audit import Actor

ACTS = ("pause", "resume", "renew")
MOST = 50  # as many as a page of the list shows
BACK = {"pause": benefits.resume_benefit, "resume": benefits.pause_benefit, "renew": benefits.end_benefit}


@dataclass(slots=True)
class Done:
    """What came of it. changed: (public id, revision) of the benefits as the act left them, renewed ones are new;
    left: (name, why) of those left as they are."""

    act: str
    changed: list[tuple[str, int]] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)


@transaction.atomic
def act_on(
    *, merchant_id: int, at: dt.datetime, actor: Actor, act: str, public_ids: Sequence[str], once: str = ""
) -> Done:
    """Pause, resume or renew some benefits; one that cannot be is left, with why. A renewed one is published anew from
    now on, for as long as it was; with the same `once` (of the form that was sent) it is renewed once. Raises Invalid,
    ProgramNotOpen, ProgramCleared."""
    if act not in ACTS:
        raise Invalid(_("Choose what to do with the benefits."))
    if not 1 <= len(public_ids) <= MOST:
        raise Invalid(_("Tick 1 to %(most)s benefits.") % {"most": MOST})
    gate(merchant_id=merchant_id, writes_rules=_move_points(merchant_id, public_ids))
    done = Done(act)
    rows = Benefit.objects.of(merchant_id).filter(public_id__in=public_ids).order_by("id")
    for row in rows:
        try:
            with transaction.atomic():
                changed = _one(row, act, at, actor, once)
        except Refusal as refusal:
            done.left.append((str(row), str(refusal.detail)))
        else:
            done.changed.append((changed.public_id, changed.revision))
    return done


def _move_points(merchant_id: int, public_ids: Sequence[str]) -> bool:
    """Whether the rules of earning keep one of them: then they are written, and locked first for that."""
    rows = Benefit.objects.of(merchant_id).filter(public_id__in=list(public_ids), kind__in=KINDS_OF_POINTS)
    return rows.exists()


def _one(row: Benefit, act: str, at: dt.datetime, actor: Actor, once: str) -> Benefit:
    """Raises Refusal."""
    who: dict[str, Any] = {"merchant_id": row.merchant_id, "at": at, "actor": actor}
    standing = standing_of(status=row.status, from_at=row.from_at, to_at=row.to_at, at=at)
    if act == "renew":
        return _renewed(row, standing, who, _anew(row, once) if once else "")
    if act == "pause":
        if standing not in (Standing.IN_FORCE, Standing.SCHEDULED):
            raise Invalid(_("Only benefits that are in force or scheduled can be paused."))
        return benefits.pause_benefit(benefit_id=row.pk, **who)
    if row.status != BenefitStatus.PAUSED:
        raise Invalid(_("Only paused benefits can be resumed."))
    return benefits.resume_benefit(benefit_id=row.pk, **who)


def _anew(row: Benefit, once: str) -> str:
    """The id of the benefit that a form makes of another."""
    digest = hashlib.sha256(f"{once} {row.public_id}".encode()).digest()
    return "".join(ALPHABET[each % len(ALPHABET)] for each in digest[:16])


def _renewed(row: Benefit, standing: Standing, who: dict[str, Any], public_id: str) -> Benefit:
    if standing is not Standing.OVER:
        raise Invalid(_("Only benefits that are over can be renewed."))
    if row.kind == "member_price" and "list" in row.settings:
        raise Invalid(_("Its price list may be out of date. Publish it anew with a list."))
    length = row.to_at - row.from_at if row.to_at is not None and row.from_at is not None else None
    to_at = None if length is None else who["at"] + length
    said = replace(arguments_of(row), from_at=None, to_at=to_at, stock=_first_stock(row))
    given = {name: getattr(said, name) for name in said.__slots__}
    return benefits.publish_benefit(**given, **who, public_id=public_id)


def _first_stock(row: Benefit) -> int | None:
    """The stock it was published with: what is left of it is no measure for a new one. None of a pool, which is its
    stock by itself."""
    if is_pooled(row.settings):
        return None
    first = row.revisions.order_by("number").first()
    return row.stock if first is None else int(first.stock) if first.stock is not None else None


@transaction.atomic
def take_back(
    *, merchant_id: int, at: dt.datetime, actor: Actor, act: str, changed: Sequence[tuple[str, int]]
) -> Done:
    """Undo an act on several benefits: what was paused goes on, what was resumed is paused, what was renewed ends. One
    that was changed since, or cannot go back, stays as it is. Raises Invalid, ProgramNotOpen, ProgramCleared."""
    if act not in ACTS:
        raise Invalid(_("Choose what to do with the benefits."))
    revisions, done = dict(changed), Done(act)
    gate(merchant_id=merchant_id, writes_rules=_move_points(merchant_id, list(revisions)))
    for row in Benefit.objects.of(merchant_id).filter(public_id__in=list(revisions)).order_by("id"):
        if row.revision != revisions[row.public_id]:
            done.left.append((str(row), str(_("It was changed since."))))
            continue
        try:
            with transaction.atomic():
                back = BACK[act](merchant_id=merchant_id, benefit_id=row.pk, at=at, actor=actor)
        except Refusal as refusal:  # a draw that has begun is held
            done.left.append((str(row), str(refusal.detail)))
        else:
            done.changed.append((back.public_id, back.revision))
    return done
