"""Many at once on one draw: one entry a member, places and pieces exact, drawn once (domain 8)."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable

import pytest

from benefits.services import drawing
from members.lib import tenant as tenancy
from members.lib.refusals import Refusal
from tests.benefits.draws import CLOSE, DrawShop
from tests.concurrency.test_points_races import at_once
from tests.members.services.till import at

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
CLIENTS = 8


def outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except Refusal as refusal:
        return refusal.slug
    return "done"


@pytest.fixture
def shop(transactional_db) -> DrawShop:
    made = DrawShop()
    for n in range(CLIENTS):
        made.join(f"c{n}")
    return made


def test_a_member_who_enters_from_many_places_at_once_is_in_once_and_pays_once(shop):
    benefit, same = shop.draw(points=5), shop.draw(points=5)
    shop.adjust("2024-01-20", 100, "a")

    many = [lambda n=n: outcome(lambda: shop.enter(benefit, key=f"k{n}")) for n in range(CLIENTS)]
    one = [lambda: outcome(lambda: shop.enter(same, key="k")) for _n in range(CLIENTS)]

    assert Tally(at_once(many)) == {"done": 1, "limit-reached": CLIENTS - 1}
    assert Tally(at_once(one)) == {"done": CLIENTS}
    assert len(shop.entered(benefit)) == len(shop.entered(same)) == 1
    assert shop.balance()[0] == 90
    shop.prove()


def test_places_are_never_oversold(shop):
    benefit = shop.draw(stock=5, entries=3)

    def client(n: int) -> Callable[[], list[str]]:
        return lambda: [
            outcome(lambda k=k: shop.enter(benefit, member=f"c{n}", key=f"{n}-{k}")) for k in range(2)
        ]

    told = Tally(each for found in at_once([client(n) for n in range(CLIENTS)]) for each in found)

    assert told == {"done": 5, "out-of-stock": 2 * CLIENTS - 5}
    assert len(shop.entered(benefit)) == 5 and shop.stock(benefit) == 0


def test_many_who_draw_at_once_while_others_enter_hold_it_once_with_exactly_those_who_were_in(shop):
    benefit = shop.draw(prizes=[{"name": "Tea", "count": 3, "value_minor": 100}])
    for n in range(4):
        shop.enter(benefit, member=f"c{n}")
    draw = shop.behind(benefit)

    def hold() -> str:
        with tenancy.platform():
            return str(drawing.draw(merchant_id=shop.id, draw_id=draw.pk, at=at(CLOSE)))

    late = [
        lambda n=n: outcome(lambda: shop.enter(benefit, "2024-02-09", member=f"c{n}")) for n in range(4, 8)
    ]
    told = Tally(at_once([hold, hold, *late, hold, hold]))

    assert told["True"] == 1 and told["False"] == 3
    assert told["done"] + told["entries-closed"] == 4
    proof, entries, wins = shop.proof(benefit), shop.entered(benefit), shop.wins(benefit)
    assert len(entries) == 4 + told["done"]
    assert proof["entrants"] == sorted(each.entrant for each in entries)
    assert proof["digest"] == shop.behind(benefit).digest
    assert [each.place for each in wins] == [1, 2, 3]
    assert sum(len(shop.of(f"c{n}")) for n in range(CLIENTS)) == 3
