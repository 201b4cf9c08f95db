"""Each kind is one file named by its code; codes and places are its own; what one use is worth (docs/kinds.md)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benefits.lib import kinds
from benefits.lib.kinds import GROUPS, KINDS, LIMITS
from members.lib.refusals import Invalid


def test_every_file_beside_the_shared_ones_is_a_kind_of_that_code():
    files = {path.stem for path in Path(kinds.__file__).parent.glob("*.py")} - {"__init__", "base", "checks"}

    assert files == set(KINDS)
    assert all(code == kind.code for code, kind in KINDS.items())


def test_kinds_stand_in_their_groups_each_in_a_place_of_its_own():
    assert Counter((kind.group, kind.place) for kind in KINDS.values()).most_common(1)[0][1] == 1
    assert {kind.group for kind in KINDS.values()} == set(GROUPS)
    assert [GROUPS.index(kind.group) for kind in KINDS.values()] == sorted(
        GROUPS.index(kind.group) for kind in KINDS.values()
    )


@pytest.mark.parametrize("code", KINDS)
def test_only_what_is_redeemed_knows_limits(code):
    kind = KINDS[code]
    for name in LIMITS:
        settings = {name: 1, "off_minor": 5, "value_minor": 5, "cap_minor": 5}
        wanted = {key: value for key, value in settings.items() if key == name or key in kind.names}
        if kind.is_redeemed and name == "budget_minor" and kind.worth_minor(wanted) is None:
            with pytest.raises(Invalid) as caught:  # a budget of what nobody can price
                kind.check(wanted)
            assert "budget_minor" in caught.value.errors
        elif kind.is_redeemed:
            assert kind.check(wanted) == wanted
        elif name not in kind.names:
            with pytest.raises(Invalid) as caught:
                kind.check(wanted)
            assert f"settings.{name}" in caught.value.errors


@pytest.mark.parametrize(
    ("code", "settings", "worth", "saved"),
    [
        ("coupon", {"off_minor": 1000}, 1000, 1000),
        ("coupon", {"off_percent": 10, "max_off_minor": 500}, 500, None),
        ("coupon", {"off_percent": 10}, None, None),
        ("free_returns", {"cap_minor": 2500}, 2500, None),
        ("welcome_gift", {"gift": "Tea", "value_minor": 3000}, 3000, 3000),
        ("welcome_gift", {"gift": "Tea"}, None, None),
        ("community_access", {"group": "Tea"}, None, None),
    ],
)
def test_what_one_use_saves_at_most_and_where_nobody_says_it(code, settings, worth, saved):
    kind = KINDS[code]

    assert (kind.worth_minor(settings), kind.saved_minor(settings)) == (worth, saved)
