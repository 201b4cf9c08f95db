"""What of a draw is published before it begins: its rules, and the commitment to a seed (domain 8, ADR 0010).

The seed is made by the server once, when the draw is published, and sealed where a merchant's process cannot read it.
Rules follow their benefit until entries open and never change after: the database holds that too. Histories that a
play tells have no draw behind them, since its contract names no prizes.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from benefits.lib import draws as rule
from benefits.lib.coverage import Action
from benefits.lib.kinds import KINDS
from benefits.lib.kinds.parts.draw import is_disclosed
from benefits.models import Benefit, Draw, DrawEntry, DrawState
from members.lib.crypto import keyring
from members.lib.fields import opaque_id
from members.lib.refusals import Conflict, Invalid
from members.models import Merchant
from members.services import audit
from members.services.audit import Actor

SALT_BYTES = 16


class DrawBegun(Conflict):
    """Entries are open, or closed: what was published stays."""

    slug = "draw-begun"


def of_benefit(benefit: Benefit, *, locked: bool = False) -> Draw | None:
    """The draw behind a benefit. One query."""
    rows = Draw.objects.of(benefit.merchant_id).filter(benefit_id=benefit.pk)
    return (rows.select_for_update() if locked else rows).first()


def keep(benefit: Benefit, at: dt.datetime, actor: Actor) -> Draw | None:
    """Publish the draw behind a benefit just published or changed, or renew the rules of one that has not begun.

    The caller holds the benefit's row and has asked `require_changeable`. None for what is no draw, or says too little
    to be one. Raises Invalid when entries would close before they open, or never.
    """
    kind = KINDS.get(benefit.kind)
    if kind is None or not kind.is_draw:
        return None
    draw = of_benefit(benefit, locked=True)
    if benefit.to_at is None or not is_disclosed(kind, benefit.settings):
        if draw is not None:  # else the benefit would say other than what was published and is held
            raise Invalid.on("to_at", _("Say when entries close: a draw is published with its times."))
        return None
    opens_at = max(benefit.from_at or at, at)
    if benefit.to_at <= opens_at:
        text = _("Entries would close before they open. Choose a later end.")
        raise Invalid.on("to_at", text)
    if draw is None:
        return _published(benefit, opens_at, at, actor)
    _set(draw, benefit, opens_at, draw.rules["salt"])
    draw.changed_at = at
    draw.save(update_fields=["opens_at", "closes_at", "rules", "rules_hash", "changed_at"])
    _audit(benefit, draw, at, actor, "draw.rules_changed")
    return draw


def _published(benefit: Benefit, opens_at: dt.datetime, at: dt.datetime, actor: Actor) -> Draw:
    """Write the draw with its commitment, and its seed sealed beside it."""
    seed = secrets.token_hex(rule.SEED_BYTES)
    draw = Draw(
        merchant_id=benefit.merchant_id,
        public_id=opaque_id(),
        benefit=benefit,
        published_at=at,
        changed_at=at,
        commitment=rule.commitment_of(seed),
    )
    _set(draw, benefit, opens_at, secrets.token_hex(SALT_BYTES))
    draw.save(force_insert=True)
    with connection.cursor() as cursor:  # by hand: Django would read the row back, which the role may not
        cursor.execute(
            "insert into benefits_drawseed (merchant_id, draw_id, seed) values (%s, %s, %s)",
            [draw.merchant_id, draw.pk, keyring().seal(draw.merchant_id, seed)],
        )
    _audit(benefit, draw, at, actor, "draw.committed")
    return draw


def _set(draw: Draw, benefit: Benefit, opens_at: dt.datetime, salt: str) -> None:
    assert benefit.to_at is not None
    draw.opens_at, draw.closes_at = opens_at, benefit.to_at
    currency = Merchant.objects.values_list("currency", flat=True).get(pk=benefit.merchant_id)
    draw.rules = rules_of(benefit, draw, salt, currency)
    draw.rules_hash = rule.sha(rule.canonical(draw.rules))


def rules_of(benefit: Benefit, draw: Draw, salt: str, currency: str) -> dict[str, Any]:
    """What is published of a draw and bound by its formula. Instants in UTC, money in minor units; None is no limit.

    points: of an entry; entries: most of a member; places: most of all members; claim_days: to claim a prize.
    """
    said = benefit.settings
    return {
        "draw": draw.public_id,
        "kind": benefit.kind,
        "name": str(benefit),
        "currency": currency,
        "opens_at": draw.opens_at.astimezone(dt.UTC).isoformat(),
        "closes_at": draw.closes_at.astimezone(dt.UTC).isoformat(),
        "terms": said["terms"],
        "claim_days": said.get("claim_days"),
        "points": said.get("points") or 0,
        "entries": said.get("entries") or 1,
        "places": benefit.stock,
        "price_minor": said.get("price_minor"),
        "salt": salt,
        "prizes": [
            {
                "name": prize["name"],
                "value_minor": prize["value_minor"],
                "count": prize.get("count"),
                "one_in": prize.get("one_in"),
            }
            for prize in said["prizes"]
        ],
    }


def require_changeable(benefit: Benefit, at: dt.datetime) -> None:
    """Raises DrawBegun once entries are open, and Conflict for a draw that would become something else."""
    draw = of_benefit(benefit, locked=True)
    if draw is None:
        return
    _require_not_begun(draw, at)
    if benefit.kind != draw.rules["kind"]:
        raise Conflict(_("A published draw stays one. End it, and publish another benefit."))


def require_movable(benefit: Benefit, at: dt.datetime, action: Action) -> None:
    """Before a benefit is paused or ended: a draw that has begun is held as it was published; one that has not is
    withdrawn with its benefit. Raises DrawBegun."""
    draw = of_benefit(benefit, locked=True)
    if draw is None or draw.state != DrawState.OPEN or action is Action.RESUME:
        return
    _require_not_begun(draw, at)
    if action is Action.END:
        draw.state = DrawState.WITHDRAWN
        draw.save(update_fields=["state"])


def _require_not_begun(draw: Draw, at: dt.datetime) -> None:
    """By the clock, or since somebody entered: who asks may have waited for an entry that was made meanwhile."""
    entered = DrawEntry.objects.of(draw.merchant_id).filter(draw_id=draw.pk)
    if at >= draw.opens_at or entered.exists():
        raise DrawBegun(
            _("This draw has begun: its prizes, times and rules stay as they were published, and it is held.")
        )


def _audit(benefit: Benefit, draw: Draw, at: dt.datetime, actor: Actor, action: str) -> None:
    audit.record(
        merchant_id=benefit.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("benefit", benefit.public_id),
        label=str(benefit),
        after={"draw": draw.public_id, "commitment": draw.commitment, "rules_hash": draw.rules_hash},
    )
