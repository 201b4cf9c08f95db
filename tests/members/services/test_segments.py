"""Segments are made, changed and deleted by rules, and a snapshot changes no more."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from members.lib import set_based
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, NotFound, ProgramNotOpen
from members.lib.segments import MOST_CONDITIONS, MOST_DEPTH, MOST_LEVELS
from members.models import AuditRow, Member, MemberStatus, MemberTag, Segment, SegmentMember
from members.selectors import segments as selectors
from members.services import programs, segment_counts, segments, tags, tier_rules
from members.services.audit import Actor
from tests.conftest import NOON
from tests.factories import ledger

JOB = Actor.job("test")
BUYERS = {"all": [{"fact": "orders", "op": "at_least", "value": 1}]}
LATER = NOON + dt.timedelta(hours=1)


@pytest.fixture
def shop(cast):
    """Two members, of whom one has bought."""
    ledger.open_shop(cast.shop, NOON)
    buyer = ledger.join(cast.shop, NOON, "u1")
    ledger.join(cast.shop, NOON, "u2")
    ledger.buy(cast.shop, buyer, "o1", NOON, 5_000)
    return cast.shop


def act(verb: str, shop: Any, *, at: dt.datetime = LATER, service: Any = segments, **arguments: Any) -> Any:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return getattr(service, verb)(merchant_id=shop.pk, at=at, actor=JOB, **arguments)


def state(shop: Any) -> list[Any]:
    """All that a refusal must leave as it is."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = [
            list(model.objects.of(shop).order_by("pk").values())
            for model in (Segment, SegmentMember, MemberTag)
        ]
        return [*rows, AuditRow.objects.of(shop).count()]


def count(shop: Any, segment: Segment) -> int:
    with tenancy.tenant(shop.pk), transaction.atomic():
        known = selectors.shop(merchant=shop, at=LATER)
        return selectors.counts(shop=known, segments=[segment])[segment.pk]


def test_a_segment_follows_its_rule_and_a_snapshot_does_not(shop):
    segment = act("create", shop, name=" Buyers ", rule=BUYERS)
    taken, number = act("snapshot", shop, public_id=segment.public_id, name="Buyers then")
    third = ledger.join(shop, LATER, "u3")
    ledger.buy(shop, third, "o2", LATER, 5_000)

    assert (segment.name, number) == ("Buyers", 1)
    assert (count(shop, segment), count(shop, taken)) == (2, 1)


def test_a_repeated_request_makes_one_segment(shop):
    first = act("create", shop, name="Buyers", rule=BUYERS, public_id="a" * 16)
    before = state(shop)
    again = act("create", shop, name="Buyers", rule=BUYERS, public_id="a" * 16)

    assert again.pk == first.pk and state(shop) == before


def test_a_change_is_audited_and_the_same_again_changes_nothing(shop):
    segment = act("create", shop, name="Buyers", rule=BUYERS)
    rule = {"any": [*BUYERS["all"], {"fact": "points", "op": "at_least", "value": 100_000}]}
    about = {"public_id": segment.public_id, "version": 1, "name": "Buyers", "rule": rule}
    changed = act("change", shop, **about)
    before = state(shop)
    act("change", shop, **about)

    assert (changed.version, changed.rule) == (2, rule) and state(shop) == before
    with tenancy.tenant(shop.pk), transaction.atomic():
        row = AuditRow.objects.of(shop).get(action="segment.changed")
    assert row.before["rule"] == BUYERS and row.after["rule"] == rule


def refused(shop: Any, error: type[Exception], verb: str, **arguments: Any) -> Any:
    before = state(shop)
    with pytest.raises(error) as caught:
        act(verb, shop, **arguments)
    assert state(shop) == before
    return caught.value


def test_two_people_do_not_overwrite_each_other(shop):
    segment = act("create", shop, name="Buyers", rule=BUYERS)
    about = {"public_id": segment.public_id, "version": 1, "rule": BUYERS}
    act("change", shop, name="One", **about)

    refused(shop, Conflict, "change", name="Other", **about)


def test_a_name_is_taken_once(shop):
    act("create", shop, name="Buyers", rule=BUYERS)

    assert "name" in refused(shop, Invalid, "create", name="Buyers", rule=BUYERS).errors
    assert "name" in refused(shop, Invalid, "create", name=" ", rule=BUYERS).errors


def test_a_rule_for_everybody_is_asked_about_first(shop):
    everybody = {"all": [{"fact": "joined", "op": "at_least", "value": 0}]}

    refused(shop, segments.FitsEverybody, "create", name="All", rule=everybody)
    made = act("create", shop, name="All", rule=everybody, everybody=True)

    assert count(shop, made) == 2


def condition(**more: Any) -> dict[str, Any]:
    return {"all": [{"fact": "spend", "op": "at_least", "value": 1, **more}]}


def nested(depth: int) -> dict[str, Any]:
    rule: dict[str, Any] = condition()
    for _each in range(depth):
        rule = {"any": [rule]}
    return rule


WRONG = {
    "not a rule": ([], "r", "A group says all, any or none"),
    "two groups at once": ({"all": [], "any": []}, "r", "A group says all, any or none"),
    "empty group": ({"all": [{"any": []}]}, "r.0", "This group is empty"),
    "unknown fact": (condition(fact="shoe_size"), "r.0", "There is no fact “shoe_size”"),
    "unknown comparison": (condition(op="like"), "r.0", "not compared with “like”"),
    "unknown key": (condition(currency="CNY"), "r.0", "A condition says a fact"),
    "a float": (condition(value=1.5), "r.0", "Say a whole number from 0"),
    "a truth": (condition(value=True), "r.0", "Say a whole number from 0"),
    "negative": (condition(value=-1), "r.0", "Say a whole number from 0"),
    "beyond any amount": (condition(value=10**13), "r.0", "Say a whole number from 0"),
    "bounds the wrong way round": (condition(op="between", value=[2, 1]), "r.0", "more than the most"),
    "one bound": (condition(op="between", value=[2]), "r.0", "Say the least and the most"),
    "a window of no days": (condition(days=0), "r.0", "Say a number of days from 1"),
    "a window where none is": (condition(fact="points", days=3), "r.0", "no window of days"),
    "no window where one must be": (condition(fact="expiring"), "r.0", "Say a number of days from 1"),
    "a tier that is gone": (
        condition(fact="tier", op="is_in", value=["gold"]),
        "r.0",
        "There is no tier “gold” any more",
    ),
    "a store of nobody": (condition(fact="store", op="is_in", value=["x"]), "r.0", "There is no store “x”"),
    "a segment of nobody": (condition(fact="segment", op="is_in", value=["x"]), "r.0", "no segment “x”"),
    "a stage of none": (condition(fact="lifecycle", op="is_in", value=["x"]), "r.0", "cannot be chosen"),
    "nothing chosen": (condition(fact="channel", op="is_in", value=[]), "r.0", "Choose at least one"),
    "no day": (condition(fact="joined_on", op="from", value="2024-02-30"), "r.0", "Write the day like"),
    "no such birthday": (condition(fact="birthday", op="at_most", value=400), "r.0", "from 0 to 365"),
    "too deep": (nested(MOST_DEPTH), "r" + ".0" * MOST_DEPTH, "at most 4 deep"),
    "endlessly deep": (nested(500), "r" + ".0" * MOST_DEPTH, "at most 4 deep"),
    "too many": ({"all": [condition()["all"][0]] * (MOST_CONDITIONS + 1)}, "r", "at most 30 conditions"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_rule_that_cannot_be_is_refused_where_it_is_wrong(shop, case):
    rule, path, text = WRONG[case]

    caught = refused(shop, Invalid, "create", name="Wrong", rule=rule)

    assert list(caught.errors) == [path] and text in caught.detail


def test_segments_do_not_go_round_in_a_circle(shop):
    first = act("create", shop, name="First", rule=BUYERS)
    rule = {"all": [{"fact": "segment", "op": "is_in", "value": [first.public_id]}]}
    second = act("create", shop, name="Second", rule=rule)
    back = {"any": [*BUYERS["all"], {"fact": "segment", "op": "is_in", "value": [second.public_id]}]}

    caught = refused(shop, Invalid, "change", public_id=first.public_id, version=1, name="First", rule=back)

    assert caught.errors.keys() == {"r.1"} and "circle" in caught.detail
    assert count(shop, second) == 1


def test_a_segment_that_another_is_made_of_stays(shop):
    first = act("create", shop, name="First", rule=BUYERS)
    rule = {"all": [{"fact": "segment", "op": "is_in", "value": [first.public_id]}]}
    second = act("create", shop, name="Second", rule=rule)

    assert "Second" in refused(shop, Conflict, "delete", public_id=first.public_id).detail
    act("delete", shop, public_id=second.public_id)
    act("delete", shop, public_id=first.public_id)
    refused(shop, NotFound, "delete", public_id=first.public_id)


def test_a_snapshot_is_deleted_with_its_list(shop):
    segment = act("create", shop, name="Buyers", rule=BUYERS)
    taken, _count = act("snapshot", shop, public_id=segment.public_id, name="Then")
    act("delete", shop, public_id=taken.public_id)

    with tenancy.tenant(shop.pk), transaction.atomic():
        assert not SegmentMember.objects.of(shop).exists()
        gone = AuditRow.objects.of(shop).get(action="segment.deleted")
    assert gone.before["name"] == "Then"


def test_nobody_is_no_snapshot(shop):
    rich = act("create", shop, name="Rich", rule=condition(value=10**9))

    refused(shop, Conflict, "snapshot", public_id=rich.public_id, name="Nobody")


def test_a_tier_deleted_later_leaves_the_segment_standing_and_empty(shop):
    rule = {"all": [{"fact": "tier", "op": "is_in", "value": ["silver"]}]}
    segment = act("create", shop, name="Silver", rule=rule)
    act("configure", shop, service=tier_rules, ladder=[{"code": "base"}], targets={"silver": "base"})

    assert count(shop, segment) == 0
    refused(shop, Invalid, "create", name="Again", rule=rule)


def test_a_closed_program_makes_no_segments(shop):
    act("close_program", shop, service=programs)

    refused(shop, ProgramNotOpen, "create", name="Buyers", rule=BUYERS)


def test_a_tag_on_a_segment_is_a_fact_of_its_members(shop):
    segment = act("create", shop, name="Buyers", rule=BUYERS)
    about = {"service": tags, "public_id": segment.public_id}
    tagged = {"all": [{"fact": "tag", "op": "is_in", "value": ["regular"]}]}
    made = act("create", shop, name="Regulars", rule=tagged)

    assert act("add_to_segment", shop, name=" regular ", **about) == 1
    before = state(shop)
    assert act("add_to_segment", shop, name="regular", **about) == 0
    assert state(shop) == before and count(shop, made) == 1


def test_a_tag_is_put_on_a_member_and_taken_off(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        member = shop and selectors.in_order(merchant_id=shop.pk, ids=_ids(shop))[0]
    about = {"service": tags, "member_id": member.pk, "name": "vip"}

    assert [act("add", shop, **about), act("add", shop, **about)] == [True, False]
    assert [act("remove", shop, **about), act("remove", shop, **about)] == [True, False]
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = AuditRow.objects.of(shop).filter(action__in=["member.tagged", "member.untagged"])
        assert rows.count() == 2


def test_no_member_has_more_tags_than_allowed_however_they_come(shop):
    buyer = _ids_of(shop, BUYERS)[0]
    for number in range(tags.MOST_TAGS):
        act("add", shop, service=tags, member_id=buyer, name=f"tag {number}")
    segment = act("create", shop, name="Buyers", rule=BUYERS)

    assert act("add_to_segment", shop, service=tags, public_id=segment.public_id, name="one more") == 0
    with pytest.raises(Conflict):
        act("add", shop, service=tags, member_id=buyer, name="one more")
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert MemberTag.objects.of(shop).count() == tags.MOST_TAGS


def test_an_erased_member_gets_no_tag(shop):
    buyer = _ids_of(shop, BUYERS)[0]
    with tenancy.tenant(shop.pk), transaction.atomic():
        Member.objects.of(shop).filter(pk=buyer).update(status=MemberStatus.ERASED)

    refused(shop, NotFound, "add", service=tags, member_id=buyer, name="vip")


def _ids_of(shop: Any, rule: Any) -> list[int]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return selectors.member_ids(shop=selectors.shop(merchant=shop, at=LATER), rule=rule)


def _ids(shop: Any) -> list[int]:
    everybody = {"all": [{"fact": "joined", "op": "at_least", "value": 0}]}
    return selectors.member_ids(shop=selectors.shop(merchant=shop, at=LATER), rule=everybody)


def test_another_shops_segment_is_not_there(shop, cast):
    segment = act("create", shop, name="Buyers", rule=BUYERS)
    ledger.open_shop(cast.other, NOON)
    before = state(shop)

    for verb, more in (("delete", {}), ("snapshot", {"name": "Theirs"})):
        with pytest.raises(NotFound):
            act(verb, cast.other, public_id=segment.public_id, **more)
    assert state(shop) == before


def made_of(*ids: str, times: int = 1) -> dict[str, Any]:
    """A rule that names segments, so many times over."""
    return {"any": [{"fact": "segment", "op": "is_in", "value": list(ids)}] * times + BUYERS["all"]}


def test_segments_are_made_of_one_another_only_so_deep_and_so_large(shop):
    chain = [act("create", shop, name="0", rule=BUYERS)]
    for number in range(1, MOST_LEVELS):
        rule = made_of(chain[-1].public_id, times=2)
        chain.append(act("create", shop, name=str(number), rule=rule))

    deep = refused(shop, Invalid, "create", name="Deep", rule=made_of(chain[-1].public_id))
    large = refused(shop, Invalid, "create", name="Large", rule=made_of(chain[-2].public_id, times=15))

    assert "at most 5 deep" in deep.detail and "at most 200 conditions" in large.detail
    assert count(shop, chain[-1]) == 1


def test_a_change_that_makes_a_segment_above_too_deep_or_too_large_is_refused(shop):
    first = act("create", shop, name="First", rule=BUYERS)
    second = act("create", shop, name="Second", rule=made_of(first.public_id, times=20))
    other = act("create", shop, name="Other", rule=BUYERS)
    for number in range(MOST_LEVELS - 2):
        other = act("create", shop, name=f"Other {number}", rule=made_of(other.public_id))
    change = {"public_id": first.public_id, "version": 1, "name": "First"}

    deep = refused(shop, Invalid, "change", rule=made_of(other.public_id), **change)
    large = refused(shop, Invalid, "change", rule={"any": BUYERS["all"] * 12}, **change)

    assert "at most 5 deep" in deep.detail and "at most 200 conditions" in large.detail
    act("change", shop, rule={"any": BUYERS["all"] * 2}, **change)
    assert count(shop, second) == 1


def stored(shop: Any, name: str) -> tuple[int | None, dt.datetime | None]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        row = Segment.objects.of(shop).get(name=name)
    return row.members, row.counted_at


def test_a_count_is_kept_with_its_instant_when_a_rule_is_saved_and_every_night(shop):
    made = act("create", shop, name="Buyers", rule=BUYERS)
    act("snapshot", shop, public_id=made.public_id, name="Buyers then")
    with tenancy.tenant(shop.pk), transaction.atomic():
        second = Member.objects.of(shop).order_by("pk").last()
    ledger.buy(shop, second, "o2", LATER, 5_000)
    assert (stored(shop, "Buyers"), stored(shop, "Buyers then")) == ((1, LATER), (1, LATER))

    night = LATER + dt.timedelta(hours=15)
    counted = [segment_counts.recount_due(zone=shop.timezone, at=night) for _each in range(2)]

    assert counted == [2, 0]  # whoever was counted is not counted again
    assert (stored(shop, "Buyers"), stored(shop, "Buyers then")) == ((2, night), (1, night))
    narrower = {"all": [{"fact": "orders", "op": "at_least", "value": 2}]}
    act(
        "change",
        shop,
        public_id=made.public_id,
        version=1,
        name="Buyers",
        rule=narrower,
        at=night + dt.timedelta(hours=1),
    )
    assert stored(shop, "Buyers") == (0, night + dt.timedelta(hours=1))


def test_segments_of_a_closed_program_are_not_counted(shop):
    act("create", shop, name="Buyers", rule=BUYERS)
    act("close_program", shop, service=programs)

    assert segment_counts.recount_due(zone=shop.timezone, at=LATER + dt.timedelta(days=1)) == 0
    with tenancy.tenant(shop.pk), transaction.atomic(), pytest.raises(ProgramNotOpen):
        segment_counts.recount_asked(merchant_id=shop.pk, at=LATER)
    assert stored(shop, "Buyers") == (1, LATER)


def test_a_statement_that_takes_longer_than_it_may_is_given_up_and_what_comes_after_works(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        slow = set_based.in_time(
            lambda: set_based.fetch_few("select pg_sleep(%(s)s)", {"s": 5}), milliseconds=20
        )
        quick = set_based.in_time(
            lambda: Member.objects.of(shop).count(),
            milliseconds=20_000,
        )
        limit = set_based.fetch_few("show statement_timeout", {})

    assert (slow, quick, limit) == (None, 2, [("0",)])


def test_an_estimate_of_few_members_is_exact_and_says_that_it_is_one(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        known = selectors.shop(merchant=shop, at=LATER)
        rules = [
            BUYERS,
            {"all": [{"fact": "spend", "op": "at_least", "value": 1, "days": 7}]},
            {"all": [{"fact": "lifecycle", "op": "is_in", "value": ["introduction"]}]},
            {"all": [{"fact": "tier", "op": "is_in", "value": ["base"]}]},
        ]
        estimates = [selectors.estimated(shop=known, rule=rule) for rule in rules]
        counts = [selectors.count_in_time(shop=known, rule=rule) for rule in rules]

    assert [(each.members, each.total, each.is_about) for each in estimates] == [
        (each.members, 2, True) for each in counts
    ]
    assert not any(each.is_about for each in counts) and [each.members for each in counts] == [1, 1, 2, 2]
