"""`manage.py seed_demo`: one shop per compliance state, told as a play, only into an empty database."""

from __future__ import annotations

import datetime as dt
import json
import random
import secrets
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction
from django.utils.translation import gettext_noop

from compliance.play import demo
from compliance.play import demo_words as words
from compliance.play.player import Player
from compliance.services import grades, schedule
from members.lib import tenant as tenancy
from members.management.base import Command as BaseCommand
from members.models import Identity, JobTick, Merchant, Role, Staff
from members.services import members as joining
from members.services import people
from members.services.audit import Actor

DAYS_GRADED = 120
SEED = Actor.job("seed_demo")
NOTES = {
    "at_risk": (gettext_noop("at risk"), "warning"),
    "open": (gettext_noop("in good standing"), "success"),
    "observing": (gettext_noop("observed"), "info"),
    "final_notice": (gettext_noop("final notice"), "critical"),
    "cleared": (gettext_noop("closed by a clearance"), "critical"),
    "closed": (gettext_noop("closed by its owner"), "neutral"),
    "draft": (gettext_noop("not open yet"), "neutral"),
    "cashier": (gettext_noop("cashier"), "neutral"),
    "admin": (gettext_noop("platform admin"), "accent"),
}


class Command(BaseCommand):
    """Writes the demo's script, tells it to the real services, and adds the people who sign in."""

    help = "Fill an empty database with demo shops, one per compliance state."

    def work(self, *, at: dt.datetime, **options: Any) -> Mapping[str, Any]:
        """Seed and write the demo accounts. Raises CommandError unless the database is empty."""
        with tenancy.platform(), transaction.atomic():
            if Merchant.objects.exists():
                raise CommandError(
                    "the database holds merchants already: the demo is seeded into an empty one only"
                )
        script = demo.script(at)
        self.say(f"telling {len(script):,} lines of demo history")
        refused: list[dict[str, Any]] = []
        player = Player(lambda row: refused.append(row) if "line" in row else None, say=self.say)
        player.tell(json.dumps(line, ensure_ascii=False) for line in script)
        # Plays know no grades: the last months are graded each at its own instant.
        for month in schedule.grades(after=at - dt.timedelta(days=DAYS_GRADED), until=at):
            grades.grade_month(due_at=month.at, at=at)
        with tenancy.platform(), transaction.atomic():
            self.name_members(at)
            accounts = self.people(at)
            # The play worked every job up to now: the beat goes on from here.
            JobTick.objects.create(job="seeded", scope="platform", due_at=at, started_at=at, done_at=at)
        path = settings.DATA_DIR / "demo-accounts.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(accounts, ensure_ascii=False, indent=1), encoding="utf-8")
        return {
            "merchants": len(words.SHOPS),
            "lines": len(script),
            "refused": len(refused),
            "accounts": accounts,
        }

    def name_members(self, at: dt.datetime) -> None:
        """Give members the names that a play's members do not have."""
        dice = random.Random(7)
        for merchant in Merchant.objects.order_by("id"):
            with tenancy.tenant(merchant.pk):
                if merchant.program.status != "open":
                    continue
                for identity in Identity.objects.of(merchant).filter(member__isnull=False).order_by("id"):
                    name = dice.choice(words.SURNAMES) + "".join(
                        dice.sample(words.GIVEN, dice.choice([1, 2]))
                    )
                    joining.join(
                        merchant_id=merchant.pk,
                        at=at,
                        actor=SEED,
                        channel=identity.channel,
                        external_id=identity.external_id,
                        name=name,
                    )

    def people(self, at: dt.datetime) -> list[dict[str, str]]:
        """The owner of each shop, a cashier of the first, a platform admin; all sign in with one click."""
        accounts = []
        by_name = {merchant.name: merchant for merchant in Merchant.objects.all()}
        today = at.astimezone(demo.PLATFORM_ZONE).date()
        states = {shop.name: shop.state for shop in demo.shops(demo.Calendar.around(today))}
        for number, (name, owner) in enumerate(zip(words.SHOPS, words.OWNERS, strict=True), start=1):
            email = f"owner{number}@demo.liushui.example"
            self.person(email, owner, by_name[name], Role.OWNER, at)
            accounts.append(_account(email, f"{name} · {owner}", states[name]))
        email = "cashier@demo.liushui.example"
        self.person(email, words.CLERK, by_name[words.SHOPS[0]], Role.CASHIER, at)
        accounts.append(_account(email, f"{words.SHOPS[0]} · {words.CLERK}", "cashier"))
        email = "admin@demo.liushui.example"
        people.create_person(
            email=email,
            password=secrets.token_urlsafe(16),
            name=words.ADMIN,
            language="zh-hans",
            is_admin=True,
        )
        accounts.append(_account(email, words.ADMIN, "admin"))
        return accounts

    def person(self, email: str, name: str, merchant: Merchant, role: str, at: dt.datetime) -> None:
        """A user with a random password who is staff of a shop, the address verified."""
        user = people.create_person(
            email=email, password=secrets.token_urlsafe(16), name=name, language="zh-hans"
        )
        Staff.objects.create(merchant=merchant, user=user, role=role, joined_at=at)


def _account(email: str, label: str, state: str) -> dict[str, str]:
    note, level = NOTES[state]
    return {"account": email, "label": label, "note": note, "level": level, "state": state}
