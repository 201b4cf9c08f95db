"""A ladder that cannot be is refused in words, by saving and by simulating alike, and nothing moves (domain.md 5)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import translation

from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.models import AuditRow, Program, RulesVersion, TierLift
from members.services import tier_rules
from tests.members.services.test_tier_lifts import BASE, BEFORE, EDITED, edit, lived, rows_of, rung
from tests.members.services.till import Till

SILVER, GOLD = BEFORE["ladder"][1:]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"ladder": [BASE, GOLD, SILVER]}, "gold asks for less|Tier silver asks for less|reaches"),
    ({"ladder": [BASE, SILVER, rung("gold", all={"spend_minor": 20_000})]}, "exactly what Silver asks for"),
    ({"ladder": [BASE, rung("silver", all={"spend_minor": 0}), GOLD]}, "must be at least 1"),
    ({"ladder": [BASE, rung("silver", all={"spend_minor": -5}), GOLD]}, "must be at least 1"),
    ({"ladder": [BASE, SILVER, rung("gold", all={"spend_minor": 10**15 + 1})]}, "asks for more spend_minor than"),
    ({"ladder": [BASE, SILVER, rung("gold", all={"orders": 10**7 + 1})]}, "asks for more orders than"),
    ({"ladder": [BASE, SILVER, rung("gold", all={"spend_minor": "much"})]}, "requirements are whole numbers"),
    ({"ladder": [BASE, SILVER, rung("gold")]}, "needs a requirement"),
    ({"ladder": [BASE, SILVER, rung("gold", all={"luck": 7})]}, "luck is not a metric"),
    ({"ladder": [BASE, SILVER, rung("gold", all={"growth": 7})]}, "has no weights yet"),
    ({"ladder": [BASE, SILVER, GOLD], "window": {"kind": "rolling", "days": 0}}, "at least one day"),
    ({"ladder": [BASE, SILVER, GOLD], "window": {"kind": "rolling", "days": -1}}, "at least one day"),
    ({"ladder": [BASE, SILVER, GOLD], "window": {"kind": "rolling", "days": 3_651}}, "at most 3650 days"),
    ({"ladder": [BASE, SILVER, GOLD], "validity_months": 0}, "at least one month"),
    ({"ladder": [BASE, SILVER, GOLD], "grace_days": -1}, "grace is not negative"),
    ({"ladder": [SILVER, GOLD]}, "lowest tier without requirements|cannot be deleted"),
    ({"ladder": [rung("new"), SILVER, GOLD]}, "lowest tier cannot be deleted"),
    ({"ladder": [BASE, GOLD]}, "Members hold tier silver. Say which tier they move to"),
    ({"ladder": [BASE, GOLD], "targets": {"silver": "silver"}}, "Say which tier they move to"),
    ({"ladder": [BASE, GOLD], "targets": {"silver": "nowhere"}}, "Say which tier they move to"),
    ({"ladder": [BASE, SILVER, SILVER, GOLD]}, "a code of its own"),
    ({"ladder": []}, "lowest tier without requirements"),
]  # fmt: skip


def counted(till: Till) -> list[int]:
    with tenancy.tenant(till.id), transaction.atomic():
        rows = [
            model.objects.filter(merchant_id=till.id).count() for model in (RulesVersion, AuditRow, TierLift)
        ]
        return [
            *rows,
            tier_rules.Tier.objects.of(till.id).count(),
            Program.objects.get(pk=till.id).is_lifting,
        ]


def refused(till: Till, options: dict[str, Any], *, is_saved: bool) -> str:
    try:
        with translation.override("en"):
            if is_saved:
                edit(till, EDITED, **options)
            else:
                with tenancy.tenant(till.id), transaction.atomic():
                    tier_rules.draft(merchant_id=till.id, at=EDITED, **options)
    except Invalid as refusal:
        return str(refusal.detail)
    return "(not refused)"


def test_a_ladder_that_cannot_be_is_refused_in_words_and_nothing_moves(db):
    till = lived("shop", 3)
    before = rows_of(till), counted(till)

    said = [
        (words, refused(till, options, is_saved=is_saved))
        for options, words in WRONG
        for is_saved in (True, False)
    ]

    wrong = [(words, text) for words, text in said if not any(part in text for part in words.split("|"))]
    assert not wrong
    assert (rows_of(till), counted(till)) == before
