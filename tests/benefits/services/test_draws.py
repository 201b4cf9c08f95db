"""Draws: what is published, committed to and kept; entering; drawing once; what winners get (domain 8)."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction

from benefits.lib import draws as rule
from benefits.models import Benefit, BenefitRevision, Draw, DrawEntry, DrawSeed, DrawWin, Entitlement
from benefits.selectors import draws as selectors
from benefits.services import asking, draw_terms, draws, issuing
from members.lib import tenant as tenancy
from members.lib.refusals import (
    Conflict,
    InsufficientPoints,
    Invalid,
    NotCancellable,
    NotFound,
    ProgramCleared,
    ProgramNotOpen,
)
from members.models import AuditRow, PointsRequest
from members.services import programs, segments
from tests.benefits.draws import AFTER, CLOSE, DAY, DrawShop
from tests.factories.benefits import DRAW
from tests.members.services.till import JOB, at

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(db) -> DrawShop:
    return DrawShop()


def written(shop: DrawShop) -> tuple[int, ...]:
    models = (Benefit, BenefitRevision, Draw, DrawEntry, DrawWin, Entitlement, PointsRequest, AuditRow)
    with tenancy.platform(), transaction.atomic():
        return tuple(model.objects.filter(merchant_id=shop.id).count() for model in models)


def stored(shop: DrawShop) -> list[dict]:
    with tenancy.platform(), transaction.atomic():
        return list(Draw.objects.filter(merchant_id=shop.id).values())


def execute(statement: str) -> None:
    """Whatever service asks: straight to the database, as the platform."""
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


# ---- what is published ----------------------------------------------------------------------------------------------


def test_a_published_draw_has_a_commitment_and_its_rules_and_no_seed_to_read(shop):
    benefit = shop.draw(points=30, entries=2, claim_days=14)

    draw = shop.behind(benefit)
    assert (draw.opens_at, draw.closes_at, draw.state) == (at(DAY), at(CLOSE), "open")
    assert draw.rules["prizes"] == [{"name": "Tea", "count": 3, "value_minor": 8_800, "one_in": None}]
    assert (draw.rules["points"], draw.rules["entries"], draw.rules["claim_days"]) == (30, 2, 14)
    assert draw.rules_hash == rule.sha(rule.canonical(draw.rules))
    assert (draw.seed, draw.root, draw.digest, shop.proof(benefit)) == ("", "", "", None)
    with tenancy.platform(), transaction.atomic():
        sealed = DrawSeed.objects.get(draw_id=draw.pk)
        assert rule.commitment_of(sealed.seed) == draw.commitment
        raw = bytes(DrawSeed.objects.values_list("seed", flat=True).get(draw_id=draw.pk))
    assert sealed.seed.encode() not in raw and bytes.fromhex(sealed.seed) not in raw


def test_a_merchants_process_cannot_read_a_seed_even_sealed(shop):
    shop.draw()

    with (
        tenancy.tenant(shop.id),
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
    ):
        DrawSeed.objects.of(shop.id).first()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prizes": None}, "prizes"),
        ({"prizes": []}, "prizes"),
        ({"prizes": [{"name": "Tea", "count": 1}]}, "prizes"),
        ({"prizes": [{"name": "Tea", "value_minor": 100}]}, "prizes"),
        ({"prizes": [{"name": "Tea", "value_minor": 100, "one_in": 0}]}, "prizes"),
        ({"prizes": [{"name": "Car", "value_minor": 5_000_001, "count": 1}]}, "prizes"),
        ({"terms": None}, "terms"),
        ({"terms": " "}, "terms"),
        ({"entries": 0}, "entries"),
        ({"entries": 101}, "entries"),
        ({"points": -1}, "points"),
        ({"claim_days": 0}, "claim_days"),
    ],
)
def test_a_draw_that_does_not_say_what_the_law_wants_is_not_published(shop, change, field):
    before = written(shop)

    with pytest.raises(Invalid) as refused:
        shop.draw(**change)

    assert field in refused.value.errors and written(shop) == before


def test_a_draw_without_times_or_a_price_to_buy_at_is_not_published(shop):
    before = written(shop)

    with pytest.raises(Invalid) as endless:
        shop.publish("lucky_draw", settings=DRAW)
    with pytest.raises(Invalid) as over:
        shop.publish("lucky_draw", DAY, settings=DRAW, from_at=at("2024-01-01"), to_at=at("2024-01-20"))
    with pytest.raises(Invalid) as unpriced:
        shop.draw("draw_purchase", price_minor=None)

    assert [list(each.value.errors) for each in (endless, over, unpriced)] == [
        ["to_at"],
        ["to_at"],
        ["price_minor"],
    ]
    assert written(shop) == before


@pytest.mark.parametrize(("currency", "most"), [("CNY", 5_000_000), ("USD", 5_000_000), ("JPY", 50_000)])
def test_the_top_prize_is_fifty_thousand_of_the_shops_currency_and_not_a_cent_more(db, currency, most):
    shop = DrawShop(name=currency, currency=currency)
    prize = {"name": "Trip", "count": 1}

    with pytest.raises(Invalid, match="50,000"):
        shop.draw(prizes=[prize | {"value_minor": most + 1}])

    assert (
        shop.behind(shop.draw(prizes=[prize | {"value_minor": most}])).rules["prizes"][0]["value_minor"]
        == most
    )


def test_a_play_publishes_draws_without_saying_anything_and_has_no_draw_behind_them(shop):
    benefit = shop.publish("lucky_draw", settings={}, as_scripted=True)

    shop.move(benefit, "pause")
    shop.move(benefit, "resume")
    shop.move(benefit, "change", name="Other", as_scripted=True)
    shop.move(benefit, "end")

    assert stored(shop) == []
    with pytest.raises(NotFound):
        shop.enter(benefit)


# ---- immutable after the start --------------------------------------------------------------------------------------


def test_before_the_start_the_rules_follow_the_benefit_and_the_commitment_stays(shop):
    benefit = shop.draw()
    before = shop.behind(benefit)

    shop.move(benefit, "change", "2024-01-20", settings=DRAW | {"points": 10}, to_at=at("2024-02-20"))

    draw = shop.behind(benefit)
    assert (draw.rules["points"], draw.closes_at) == (10, at("2024-02-20"))
    assert draw.rules_hash != before.rules_hash and draw.rules["salt"] == before.rules["salt"]
    assert draw.commitment == before.commitment


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        ("change", {"name": "Other"}),
        ("change", {"settings": DRAW | {"terms": "Other terms."}}),
        ("change", {"to_at": at("2024-03-01")}),
        ("change", {"audience": {"tiers": ["base"]}}),
        ("stock", {"stock": 5}),
        ("pause", {}),
        ("end", {}),
    ],
)
def test_nothing_of_a_draw_that_has_begun_is_changed(shop, verb, more):
    benefit = shop.draw()
    shop.enter(benefit)
    before = (written(shop), stored(shop))

    with pytest.raises(draw_terms.DrawBegun):
        shop.move(benefit, verb, "2024-02-03", **more)

    assert (written(shop), stored(shop)) == before


@pytest.mark.parametrize(("verb", "more"), [("change", {"name": "Other"}), ("end", {}), ("pause", {})])
def test_whoever_waited_for_the_first_entry_finds_the_draw_begun(shop, verb, more):
    """Asked a moment before the start, and let in after somebody had entered."""
    benefit = shop.draw()
    shop.enter(benefit)
    before = (written(shop), stored(shop))

    with pytest.raises(draw_terms.DrawBegun):
        shop.move(benefit, verb, "2024-01-31", **more)

    assert (written(shop), stored(shop)) == before


def test_a_published_draw_does_not_lose_its_end(shop):
    benefit = shop.draw()
    before = (written(shop), stored(shop))

    with pytest.raises(Invalid) as refused:
        shop.move(benefit, "change", "2024-01-20", to_at=None)

    assert list(refused.value.errors) == ["to_at"] and (written(shop), stored(shop)) == before


def test_a_draw_that_was_paused_before_it_began_takes_no_entry_and_offers_none(shop):
    benefit = shop.draw()
    shop.move(benefit, "pause", "2024-01-20")

    with tenancy.tenant(shop.id), transaction.atomic():
        draw = selectors.of_benefit(merchant_id=shop.id, benefit_id=benefit.pk)
        mine = selectors.in_draw(draw=draw, member_id=shop.members["m"], at=at("2024-02-02"))
    assert (mine.is_open, mine.left) == (False, 0)
    with pytest.raises(draws.NotInForce):
        shop.enter(benefit)


def test_a_change_that_alters_nothing_is_no_change(shop):
    benefit = shop.draw()

    shop.move(benefit, "change", "2024-02-03", name="Spring")

    assert written(shop)[1] == 1


def test_a_draw_does_not_become_another_kind_of_benefit(shop):
    benefit = shop.draw()

    with pytest.raises(Conflict):
        shop.move(benefit, "change", "2024-01-20", kind="coupon", settings={"off_minor": 100})

    assert shop.behind(benefit).rules["kind"] == "lucky_draw"


def test_a_draw_ended_before_it_began_is_withdrawn_and_never_held(shop):
    benefit = shop.draw()
    shop.move(benefit, "end", "2024-01-20")

    assert shop.behind(benefit).state == "withdrawn"
    assert shop.hold_draws() == 0
    with pytest.raises(draws.EntriesClosed):
        shop.enter(benefit)


@pytest.mark.parametrize(
    "change",
    [
        "rules = rules || '{\"points\": 1}'",
        "closes_at = closes_at + interval '1 day'",
        "opens_at = opens_at - interval '1 day'",
        "rules_hash = repeat('0', 64)",
        "commitment = repeat('0', 64)",
        'rules = rules || \'{"salt": "00"}\', changed_at = published_at',
        "rules = rules || '{\"points\": 1}', changed_at = opens_at",
        "public_id = 'other'",
    ],
)
def test_the_database_itself_keeps_a_draw_that_has_begun(shop, change):
    benefit = shop.draw()
    shop.enter(benefit)
    before = stored(shop)

    with pytest.raises(DatabaseError, match=r"commitment|rules"):
        execute(f"update benefits_draw set {change}")

    assert stored(shop) == before


def test_the_database_keeps_a_draw_that_was_held_and_its_file(shop):
    benefit = shop.held()
    before = stored(shop)

    for statement in (
        "update benefits_draw set digest = repeat('0', 64)",
        "delete from benefits_draw",
        "delete from benefits_drawentry",
        "update benefits_drawwin set place = 9",
        "delete from benefits_drawseed",
    ):
        with pytest.raises(DatabaseError):
            execute(statement)

    assert stored(shop) == before and len(shop.wins(benefit)) == 3


# ---- entering -------------------------------------------------------------------------------------------------------


def test_an_entry_is_a_pseudonym_that_the_member_can_work_out(shop):
    benefit = shop.draw()
    entry = shop.enter(benefit, key="k")

    assert shop.enter(benefit, key="k").pk == entry.pk
    (stored_entry,) = shop.entered(benefit)
    salt, member = shop.behind(benefit).rules["salt"], stored_entry.member
    assert stored_entry.entrant == rule.entrant_of(salt, member.public_id, 1)
    assert member.public_id not in stored_entry.entrant


def test_a_member_enters_once_or_as_often_as_the_rules_say(shop):
    once, twice = shop.draw(), shop.draw(entries=2)
    shop.enter(once)
    shop.enter(twice)
    shop.enter(twice)
    before = written(shop)

    for benefit in (once, twice):
        with pytest.raises(draws.LimitReached):
            shop.enter(benefit)

    assert written(shop) == before
    assert [each.number for each in shop.entered(twice)] == [1, 2]


def test_the_points_of_an_entry_are_spent_with_it_or_nothing_happens(shop):
    benefit = shop.draw(points=30, entries=3)
    shop.adjust("2024-01-20", 50, "a")
    shop.enter(benefit, key="k")
    shop.enter(benefit, key="k")
    before = written(shop)

    with pytest.raises(InsufficientPoints):
        shop.enter(benefit)

    assert shop.balance()[0] == 20 and written(shop) == before
    assert [each.points for each in shop.entered(benefit)] == [30]


def test_what_an_entry_cost_is_not_cancelled_on_its_own(shop):
    benefit = shop.draw(points=30)
    shop.adjust("2024-01-20", 50, "a")
    shop.enter(benefit)
    with tenancy.tenant(shop.id), transaction.atomic():
        key = PointsRequest.objects.of(shop.id).get(verb="redeem").key

    with pytest.raises(NotCancellable):
        shop.act("cancel", "2024-02-03", key=key)

    assert shop.balance()[0] == 20


def test_places_are_the_stock_and_the_points_of_who_comes_too_late_stay(shop):
    benefit = shop.draw(stock=1, points=5)
    shop.join("n")
    for name in "mn":
        shop.adjust("2024-01-20", 5, name, name)
    shop.enter(benefit)
    before = written(shop)

    with pytest.raises(issuing.OutOfStock):
        shop.enter(benefit, member="n")

    assert written(shop) == before and shop.balance("n")[0] == 5


@pytest.mark.parametrize(
    ("when", "refusal"),
    [("2024-01-31", draws.NotInForce), (CLOSE, draws.EntriesClosed), (AFTER, draws.EntriesClosed)],
)
def test_nobody_enters_before_or_after_the_time(shop, when, refusal):
    benefit = shop.draw(points=5)
    shop.adjust("2024-01-20", 5, "a")
    before = written(shop)

    with pytest.raises(refusal):
        shop.enter(benefit, when)

    assert written(shop) == before


def test_a_draw_of_another_shop_and_a_benefit_that_is_none_are_not_found(shop):
    other = DrawShop(name="other")
    theirs, coupon = other.draw(), shop.publish()
    before = written(shop)

    for benefit in (theirs, coupon):
        with pytest.raises(NotFound):
            shop.enter(benefit)

    assert written(shop) == before and other.entered(theirs) == []


def test_a_draw_for_others_is_not_entered_and_costs_nothing(shop):
    with tenancy.tenant(shop.id), transaction.atomic():
        rule_of_buyers = {"all": [{"fact": "orders", "op": "at_least", "value": 1}]}
        buyers = segments.create(
            merchant_id=shop.id, at=at("2024-01-10"), actor=JOB, name="Buyers", rule=rule_of_buyers
        )
    benefit = shop.draw(points=5, audience={"segments": [buyers.public_id]})
    shop.adjust("2024-01-20", 5, "a")
    before = written(shop)

    with pytest.raises(asking.NotInAudience):
        shop.enter(benefit)

    assert written(shop) == before and shop.balance()[0] == 5


@pytest.mark.parametrize(("status", "refusal"), [("closed", ProgramNotOpen), ("cleared", ProgramCleared)])
def test_a_program_that_is_not_open_takes_no_entries_and_still_holds_the_draw(shop, status, refusal):
    benefit = shop.draw()
    shop.enter(benefit)
    with tenancy.tenant(shop.id), transaction.atomic():
        program = programs.lock_for_close(merchant_id=shop.id)
        programs.begin_closure(program=program, at=at("2024-02-03"), kind=status, actor=JOB)
    shop_before = written(shop)

    with pytest.raises(refusal):
        shop.enter(benefit, "2024-02-04")

    assert written(shop) == shop_before
    assert shop.hold_draws() == 1 and len(shop.wins(benefit)) == 1


# ---- drawing --------------------------------------------------------------------------------------------------------


def test_winners_follow_from_the_published_file_by_the_formula(shop):
    prizes = [
        {"name": "Pot", "count": 1, "value_minor": 30_000},
        {"name": "Tea", "count": 2, "value_minor": 8_800, "one_in": 2},
        {"name": "Cup", "value_minor": 900, "one_in": 1},
    ]
    benefit = shop.held(9, prizes=prizes)

    proof, draw = shop.proof(benefit), shop.behind(benefit)
    assert draw.digest == proof["digest"] and draw.entrants == 9
    assert rule.commitment_of(draw.seed) == draw.commitment == proof["commitment"]
    assert proof["entrants"] == sorted(each.entrant for each in shop.entered(benefit))
    won = [[each.prize, each.place, each.entry.entrant] for each in shop.wins(benefit)]
    assert won == proof["winners"] and len(won) == 9
    assert len({entrant for _prize, _place, entrant in won}) == 9


def test_a_draw_is_held_once_and_not_before_its_close(shop):
    benefit = shop.draw()
    shop.enter(benefit)

    told = [
        shop.hold_draws("2024-02-09"),
        shop.hold_draws(CLOSE),
        shop.hold_draws(CLOSE),
        shop.hold_draws(AFTER),
    ]

    assert told == [0, 1, 0, 0]
    assert len(shop.wins(benefit)) == 1 and len(shop.of()) == 1
    assert shop.behind(benefit).drawn_at == at(CLOSE)


def test_a_draw_that_nobody_entered_ends_with_no_winner(shop):
    benefit = shop.held(0)

    draw = shop.behind(benefit)
    assert (draw.state, draw.entrants, shop.wins(benefit)) == ("drawn", 0, [])
    assert shop.proof(benefit)["winners"] == []


def test_a_winner_has_a_code_with_the_days_to_claim_it_which_a_till_honours_though_the_draw_is_over(shop):
    benefit = shop.draw(claim_days=7)
    shop.enter(benefit)
    shop.hold_draws()

    (mine,) = shop.of()
    assert (mine.source, mine.worth_minor, mine.uses_total) == ("draw", 8_800, 1)
    assert mine.valid_until == at("2024-02-18 00:00")
    done = shop.do("redeem", mine.code, AFTER)
    assert done.use.saved_minor == 8_800


def test_a_right_to_buy_is_worth_what_it_saves(shop):
    benefit = shop.draw("draw_purchase", prizes=[{"name": "Shoe", "count": 1, "value_minor": 90_000}])
    shop.enter(benefit)
    shop.hold_draws()

    (mine,) = shop.of()
    assert (mine.worth_minor, mine.valid_until) == (40_100, None)


def test_a_member_with_several_entries_wins_with_each(shop):
    benefit = shop.draw(entries=3, prizes=[{"name": "Tea", "count": 5, "value_minor": 100}])
    for _n in range(3):
        shop.enter(benefit)
    shop.hold_draws()

    assert [each.place for each in shop.wins(benefit)] == [1, 2, 3] and len(shop.of()) == 3


def test_a_prize_is_not_taken_back(shop):
    benefit = shop.draw()
    shop.enter(benefit)
    shop.hold_draws()

    with pytest.raises(NotCancellable):
        shop.revoke(shop.of()[0].code, AFTER)
    with pytest.raises(Invalid):
        shop.claim(benefit, AFTER, how="give", reason="a friend")

    assert [each.state for each in shop.of()] == ["issued"]


def test_what_is_published_entered_and_drawn_stands_in_the_audit_log(shop):
    shop.held(2)

    with tenancy.platform(), transaction.atomic():
        rows = AuditRow.objects.filter(merchant_id=shop.id, action__startswith="draw.").order_by("id")
        told = [(row.action, row.after) for row in rows]
    assert [action for action, _after in told] == ["draw.committed", "draw.drawn"]
    assert set(told[0][1]) == {"draw", "commitment", "rules_hash"}
    assert (told[1][1]["entrants"], told[1][1]["winners"]) == (2, 2)


def test_members_draws_are_those_open_and_those_entered(shop):
    entered, open_one = shop.draw(), shop.draw(entries=2)
    shop.draw(opens="2024-02-05")
    shop.enter(entered)

    with tenancy.tenant(shop.id), transaction.atomic():
        found = selectors.of_member(merchant_id=shop.id, member_id=shop.members["m"], at=at("2024-02-03"))
        assert {each.draw.benefit_id: each.left for each in found} == {entered.pk: 0, open_one.pk: 2}
    shop.hold_draws()
    with tenancy.tenant(shop.id), transaction.atomic():
        (mine,) = selectors.of_member(merchant_id=shop.id, member_id=shop.members["m"], at=at(AFTER))
        assert mine.draw.benefit_id == entered.pk and len(mine.wins) == 1
