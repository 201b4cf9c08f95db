"""Edits of the ladder told through the fold: who is lifted, who is moved, that nobody falls."""

from __future__ import annotations

from datetime import date

import pytest

from members.lib.refusals import Invalid
from members.lib.tiers import Tier, Window
from tests.members.lib.posting_cast import BASE, BLACK, GOLD, LADDER, SILVER, Shop, noon, shop


def test_an_edit_lifts_at_its_instant_and_changes_no_other_validity():
    life = Shop()
    life.put("a", "2024-03-01", 1_200_00)
    lower = (
        LADDER[0],
        LADDER[1],
        Tier(GOLD, "gold", "all", (("spend_minor", 1_100_00),)),
    )

    life.edit("2024-06-01", shop(ladder=lower))

    assert life.moves[-1] == (SILVER, GOLD, "rules")
    assert life.state.standing.validity == {SILVER: date(2025, 3, 1), GOLD: date(2025, 6, 1)}
    assert life.state.standing.since == noon("2024-06-01")


def test_an_edit_lets_nobody_fall():
    life = Shop()
    life.put("a", "2024-03-01", 1_200_00)
    higher = (LADDER[0], Tier(SILVER, "silver", "all", (("spend_minor", 2_000_00),)), LADDER[2])

    changes = life.edit("2024-06-01", shop(ladder=higher))

    assert (life.tier, life.valid_until) == (SILVER, "2025-03-01")
    assert not changes.standings


def test_an_edit_may_widen_the_window():
    life = Shop(shop(window=Window("rolling", 10)))
    life.put("a", "2024-03-01", 600_00)
    life.put("b", "2024-04-01", 600_00)

    life.edit("2024-04-02", shop(window=Window("rolling", 60)))

    assert life.moves == [(BASE, SILVER, "rules")]


def test_members_of_a_deleted_tier_move_to_its_target_with_their_validity():
    life = Shop()
    life.put("a", "2024-03-01", 5_000_00)
    plain = shop(ladder=(LADDER[0], Tier(BLACK, "black", "all", (("spend_minor", 9_000_00),))))

    life.edit("2024-06-01", plain, targets={GOLD: BLACK})

    assert (life.tier, life.valid_until) == (BLACK, "2025-03-01")
    assert life.moves[-1] == (GOLD, BLACK, "rules")


def test_deleting_a_tier_that_is_held_needs_a_target():
    life = Shop()
    life.put("a", "2024-03-01", 1_000_00)

    with pytest.raises(Invalid):
        life.edit("2024-06-01", shop(ladder=(LADDER[0], LADDER[2])))

    assert (life.tier, life.valid_until) == (SILVER, "2025-03-01")


def test_a_tier_that_stops_being_the_lowest_is_held_for_a_full_validity():
    life = Shop()
    newcomer = Tier(BLACK, "newcomer")
    ladder = (newcomer, Tier(BASE, "base", "all", (("orders", 1),)), *LADDER[1:])

    life.edit("2024-06-01", shop(ladder=ladder))

    assert (life.tier, life.valid_until, life.moves) == (BASE, "2025-06-01", [])
