"""Shops with a life behind them: told through the play's own verbs up to now, then staffed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from compliance.lib.calendar import PLATFORM_ZONE, platform_date
from compliance.play.player import Player
from members.lib import tenant as tenancy
from members.models import Merchant, Role, Staff, User
from members.services import people
from members.services.audit import Actor

PASSWORD = "correct horse battery"
JOB = Actor.job("test")
Line = dict[str, Any]

# What each state needs, in days relative to now: (the next run, when cover ended, when the program was opened).
# The policy wants 2 months of age, counts 90 days, warns 30, 14, 7, 3 and 1 days before, last notice from 7 days on.
STATES = {
    "open": (25, None, 110),
    "observing": (200, 40, 110),
    "at_risk": (12, 80, 110),
    "final_notice": (5, 88, 110),
    "due": (5, 95, 110),  # the rule fails already and notice was given: a run by hand would clear it
    "cleared": (-3, 95, 110),
}


def now() -> dt.datetime:
    """This very moment in the platform's zone: the site reads the real clock."""
    return dt.datetime.now(PLATFORM_ZONE).replace(microsecond=0)


def told(lines: Iterable[Line], *, since: dt.datetime | None = None) -> dict[str, int]:
    """Tell a script to the database in place, with every job up to now; the ids of its merchants by name.

    `since` is how far the database was told before. No line may be refused.
    """
    printed: list[Line] = []
    player = Player(printed.append)
    moments = [{"at": at.isoformat(), "do": "clock.advance"} for at in (since, now()) if at is not None]
    player.tell(json.dumps(line) for line in [*moments[:-1], *lines, moments[-1]])
    refused = [row for row in printed if "refused" in row and "done" not in row]
    assert not refused, refused
    return player.handles.merchants


def policy(state: str, at: dt.datetime, **values: Any) -> list[Line]:
    """The policy under which a shop's life leads to a state; it begins with the installation.

    A first version had a run in an earlier month, which everybody survived; the second says when the next one is.
    """
    run_in, _ended, _opened = STATES[state]
    values = {"min_age_months": 2, **values}
    today = platform_date(at)
    coming = today + dt.timedelta(days=run_in)
    month_before = min(today, coming).replace(day=1) - dt.timedelta(days=1)
    past = min(today - dt.timedelta(days=20), month_before)

    def version(begins: dt.date, first_run: dt.date) -> Line:
        moment = dt.datetime.combine(begins, dt.time(1), PLATFORM_ZONE).isoformat()
        return {"at": moment, "do": "policy.set", "first_run_on": first_run.isoformat(), **values}

    one = dt.timedelta(days=1)
    return [version(today - 120 * one, past), version(past + one, coming)]


def life(name: str, state: str, at: dt.datetime, *, orders: int = 3, phone_tail: int = 0) -> list[Line]:
    """The life of one shop under `policy(state)`: a ladder, a coupon that ended in time, a draw, members, orders."""
    _run, ended, opened = STATES[state]

    def ago(days: float) -> str:
        return (at - dt.timedelta(days=days)).isoformat()

    lines: list[Line] = [
        {"at": ago(opened + 1), "do": "merchant.create"},
        {
            "at": ago(opened + 1),
            "do": "program.configure",
            "tiers": {
                "ladder": [
                    {"code": "base", "name": f"{name} base"},
                    {"code": "gold", "name": f"{name} gold", "any": {"spend_minor": 20_000, "orders": 50}},
                ]
            },
            "points": {"per_major": "1", "tier_multipliers": {"gold": "1.5"}},
        },
        {"at": ago(opened), "do": "program.open"},
        {
            "at": ago(opened),
            "do": "benefit.publish",
            "benefit": f"{name} coupon",
            "kind": "coupon",
            "to": None if ended is None else ago(ended),
            "settings": {"off_minor": 1000},
        },
        {"at": ago(20), "do": "benefit.publish", "benefit": f"{name} draw", "kind": "lucky_draw"},
    ]
    lines += _people(name, at, orders, phone_tail)
    return [{**line, "merchant": name} for line in lines]


def _people(name: str, at: dt.datetime, orders: int, phone_tail: int) -> list[Line]:
    lines: list[Line] = []
    for number in range(1, orders + 1):
        person, order = f"{name}-u{number}", f"{name}-o{number}"
        moment = at - dt.timedelta(days=15) + dt.timedelta(minutes=10 * number)
        goods = [
            {"sku": f"{name}-tea", "quantity": 1, "amount_minor": 12_000},
            {"sku": f"{name}-cup", "quantity": 2, "amount_minor": 6_600},
        ]
        phone = f"+861391234{phone_tail + number:04d}"
        lines += [
            {"at": moment.isoformat(), "do": "member.join", "member": person, "phone": phone},
            {"at": moment.isoformat(), "do": "order.put", "order": order, "member": person, "lines": goods},
        ]
    late = (at - dt.timedelta(days=14)).isoformat()
    refunded = [{"line": 2, "amount_minor": 600}]
    lines.append(
        {"at": late, "do": "order.refund", "order": f"{name}-o1", "refund": f"{name}-r1", "lines": refunded}
    )
    return lines


def in_order(*lives: list[Line]) -> list[Line]:
    """Several lives as one script, in order of time."""
    return sorted((line for each in lives for line in each), key=lambda line: line["at"])


def person(email: str, *, name: str = "", language: str = "en", is_admin: bool = False) -> User:
    """Somebody who can sign in with PASSWORD."""
    with tenancy.platform(), transaction.atomic():
        return people.create_person(
            email=email, password=PASSWORD, name=name, language=language, is_admin=is_admin
        )


def staff(
    merchant_id: int, user: User, role: str = Role.OWNER, *, left_at: dt.datetime | None = None
) -> Staff:
    """Somebody's role in a shop."""
    with tenancy.platform(), transaction.atomic():
        return Staff.objects.create(
            merchant_id=merchant_id,
            user=user,
            role=role,
            joined_at=now() - dt.timedelta(days=100),
            left_at=left_at,
        )


def merchant(merchant_id: int) -> Merchant:
    """The shop's row."""
    with tenancy.platform(), transaction.atomic():
        return Merchant.objects.get(pk=merchant_id)
