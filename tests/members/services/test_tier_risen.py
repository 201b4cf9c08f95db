"""The statement that lifts thousands is the pure rule, member by member, on random histories and rules."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.posting import Changes, Rules, RulesEdit, fold
from members.lib.tiers import METRICS, Tier, TierRules, Window
from members.models import Member, MemberStatus, Merchant, TierMove, TierStanding, TierValidity
from members.services import posting, rules, tier_risen
from tests.members.services.test_tier_lifts import EDITED, happens, lived
from tests.members.services.till import ZONE, Till

LEAST = {"spend_minor": (5_000, 30_000), "orders": (1, 3), "active_days": (1, 3), "points_earned": (50, 300)}
GROWTH = {"spend_minor": Decimal("0.005"), "points_earned": Decimal("0.7")}


def some_rules(till: Till, chance: random.Random) -> Rules:
    """A ladder of three or four tiers of any kind of requirement, window and validity."""
    ids = rules.tier_ids(merchant_id=till.id, codes=["base", "silver", "gold", "black"], at=EDITED)
    ladder = [Tier(ids["base"], "base")]
    metrics = chance.sample(METRICS, 2)
    for place, code in enumerate(["silver", "gold", "black"][: chance.choice((2, 3, 3))]):
        asked = tuple((name, (place + 1) * chance.randint(*LEAST.get(name, (40, 150)))) for name in metrics)
        needs = chance.choice(("all", "any"))
        least = dict(ladder[-1].requirements) if ladder[-1].needs == needs else {}
        ladder.append(
            Tier(ids[code], code, needs, tuple((name, max(n, least.get(name, 1))) for name, n in asked))
        )
    window = chance.choice(
        [Window(), Window(days=40), Window("calendar_year"), Window("membership_year"), Window("lifetime")]
    )
    return Rules(
        version=9,
        zone=ZONE,
        tiers=TierRules(
            tuple(ladder), window, chance.choice((1, 12)), growth=GROWTH if "growth" in metrics else {}
        ),
    )


def state_of(till: Till) -> tuple[Any, ...]:
    """Everything the statement may write, but keys that sequences give."""
    return (
        set(TierStanding.objects.of(till.id).values_list("member_id", "tier_id", "since", "valid_until")),
        set(TierValidity.objects.of(till.id).values_list("member_id", "tier_id", "valid_until")),
        list(TierMove.objects.of(till.id).order_by("id").values_list(
            "member_id", "at", "from_tier_id", "to_tier_id", "cause", "rules_version", *METRICS, "reason"
        )),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_one_statement_lifts_whom_the_fold_lifts_with_the_same_rows(db, seed):
    chance = random.Random(seed)
    till = lived("shop", seed)
    for number, kind in enumerate(("hand", "refund", "hand", "again")):
        who = chance.choice(sorted(till.members))
        happens(till, (kind, number + 2, 400, who), EDITED - (9 - number) * dt.timedelta(days=1))
    lifted = 0
    with tenancy.tenant(till.id):
        merchant = Merchant.objects.get(pk=till.id)
        people = list(Member.objects.of(till.id).order_by("pk").values_list("pk", flat=True))
        Member.objects.of(till.id).filter(pk=people[seed % len(people)]).update(status=MemberStatus.LEFT)
        for _round in range(6):
            chosen = chance.sample(people, chance.randint(1, len(people)))
            shifted = chance.choice((0, 5))
            with transaction.atomic():
                proposed = some_rules(till, chance)
                states = posting.load(
                    merchant=merchant, rules=proposed, member_ids=chosen, at=EDITED, spending=()
                )
                active = set(Member.objects.of(till.id).filter(status="active").values_list("pk", flat=True))
                changes = Changes()
                for each in sorted(active & set(chosen)):
                    if states[each].standing.tier_id in proposed.tiers.rank:
                        fold(
                            states[each],
                            [RulesEdit(EDITED, proposed, shifted=shifted)],
                            proposed,
                            changes=changes,
                        )
                risers = {move.member_id for move in changes.moves}
                changes.standings = {pk: kept for pk, kept in changes.standings.items() if pk in risers}
                changes.validities = {key: day for key, day in changes.validities.items() if key[0] in risers}
                point = transaction.savepoint()
                posting.write(merchant_id=till.id, changes=changes)
                expected = state_of(till)
                transaction.savepoint_rollback(point)

                moves = tier_risen.rise(
                    merchant=merchant, rules=proposed, at=EDITED, shifted=shifted, member_ids=chosen
                )

                assert moves == changes.moves
                assert state_of(till) == expected
            lifted += len(moves)
    assert lifted


def test_nobody_rises_while_the_program_is_not_open(db):
    till = lived("shop", 1)
    with tenancy.tenant(till.id), transaction.atomic():
        before = state_of(till)
        tiers = TierRules((Tier(1, "base"), Tier(2, "silver", requirements=(("orders", 1),))))
        people = list(Member.objects.of(till.id).values_list("pk", flat=True))

        moves = tier_risen.rise(
            merchant=Merchant.objects.get(pk=till.id),
            rules=Rules(version=9, zone=ZONE, is_open=False, tiers=tiers),
            at=EDITED,
            shifted=0,
            member_ids=people,
        )

        assert moves == [] and state_of(till) == before
