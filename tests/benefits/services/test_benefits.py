"""Services of benefits: the gate, the rules of a form, revisions, and what a refusal leaves behind (nothing)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from benefits.lib.kinds import KINDS
from benefits.models import Benefit, BenefitRevision, BenefitStatus, Coverage, CoverageDue
from benefits.selectors.coverage import in_force, stored
from benefits.services import benefits
from benefits.services.arguments import Arguments
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, NotFound, ProgramCleared, ProgramNotOpen
from members.models import AuditRow, Program
from members.services import programs
from members.services.audit import Actor
from tests.factories.benefits import OFF, given

JOB = Actor.job("test")
DAY = dt.timedelta(days=1)


@pytest.fixture
def shop(cast):
    with tenancy.tenant(cast.shop.pk):
        yield cast.shop


def publish(shop, at, kind="coupon", **arguments: Any) -> Benefit:
    arguments.setdefault("settings", given(kind))
    if kind in KINDS and KINDS[kind].needs_end:
        arguments.setdefault("to_at", at + 900 * DAY)
    return benefits.publish_benefit(merchant_id=shop.pk, at=at, actor=JOB, kind=kind, **arguments)


def written(shop) -> tuple[int, ...]:
    """How many rows of each sort there are."""
    models = (Benefit, BenefitRevision, Coverage, CoverageDue, AuditRow)
    return tuple(model.objects.filter(merchant_id=shop.pk).count() for model in models)


def set_status(shop, status, at):
    with tenancy.platform():
        Program.objects.filter(pk=shop.pk).update(status=status, opened_at=at, closed_at=at)


def test_publishing_writes_row_revision_audit_coverage_and_due_row(shop, noon):
    benefit = publish(shop, noon, name="Ten off", settings={"off_minor": 1000}, to_at=noon + 30 * DAY)

    assert benefit.status == BenefitStatus.PUBLISHED
    assert (benefit.from_at, benefit.published_at, benefit.revision) == (noon, noon, 1)
    revision = BenefitRevision.objects.of(shop).get()
    assert (revision.action, revision.number, revision.configures, revision.actor_label) == (
        "publish", 1, True, "test",
    )  # fmt: skip
    row = Coverage.objects.of(shop).get()
    assert row.kind == "coupon"
    assert [(span.start, span.end) for span in row.in_force] == [(noon, noon + 30 * DAY)]
    assert (row.configured_at, row.force_from) == ([noon], [noon])
    assert CoverageDue.objects.of(shop).get().changed_at == noon
    audit = AuditRow.objects.of(shop).get(action="benefit.published")
    assert audit.subject_id == benefit.public_id
    assert audit.after["settings"] == {"off_minor": 1000}


def test_every_kind_can_be_published(shop, noon):
    for kind in KINDS:
        publish(shop, noon, kind)

    assert {row.kind for row in Coverage.objects.of(shop)} == set(KINDS)


def test_a_from_in_the_past_does_not_reach_back(shop, noon):
    publish(shop, noon, from_at=noon - 10 * DAY)

    assert stored(merchant_id=shop.pk)[0].in_force[0].start == noon


def test_a_draft_program_may_publish_and_so_may_an_open_one(shop, noon):
    publish(shop, noon)
    programs.open_program(merchant_id=shop.pk, at=noon + DAY, actor=JOB)
    publish(shop, noon + 2 * DAY)

    assert Benefit.objects.of(shop).count() == 2


@pytest.mark.parametrize(("status", "refusal"), [("closed", ProgramNotOpen), ("cleared", ProgramCleared)])
def test_a_closed_or_cleared_program_refuses_every_write(shop, noon, status, refusal):
    made = publish(shop, noon)
    set_status(shop, status, noon)
    before = written(shop)
    rest = {"merchant_id": shop.pk, "at": noon + DAY, "actor": JOB}

    for act in (
        lambda: benefits.publish_benefit(kind="coupon", settings=OFF, **rest),
        lambda: benefits.publish_many(benefits=[Arguments(kind="coupon", settings=OFF)], **rest),
        lambda: benefits.save_draft(arguments=Arguments(kind="coupon", settings=OFF), **rest),
        lambda: benefits.change_benefit(benefit_id=made.pk, stock=3, **rest),
        lambda: benefits.pause_benefit(benefit_id=made.pk, **rest),
        lambda: benefits.resume_benefit(benefit_id=made.pk, **rest),
        lambda: benefits.end_benefit(benefit_id=made.pk, **rest),
        lambda: benefits.set_stock(benefit_id=made.pk, stock=3, **rest),
    ):
        with pytest.raises(refusal) as refused:
            act()
        assert refused.value.slug == {"closed": "program-not-open", "cleared": "program-cleared"}[status]

    assert written(shop) == before
    assert Benefit.objects.of(shop).get().status == BenefitStatus.PUBLISHED


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"from_at": dt.timedelta(2), "to_at": dt.timedelta(1)}, "to_at"),
        ({"to_at": dt.timedelta(0)}, "to_at"),
        ({"to_at": dt.timedelta(-1)}, "to_at"),
        ({"settings": {"off_percent": 101}}, "off_percent"),
        ({"settings": {"off_percent": "100.01"}}, "off_percent"),
        ({"settings": {"percent": 150}, "kind": "discount"}, "percent"),
        ({"settings": {"off_percent": -1}}, "off_percent"),
        ({"settings": {"off_percent": "a lot"}}, "off_percent"),
        ({"settings": {"off_percent": True}}, "off_percent"),
        ({"settings": {"off_minor": 500, "off_percent": 5}}, "off_percent"),
        ({"settings": {"off_minor": 2001, "at_least_minor": 2000}}, "off_minor"),
        ({"settings": {"off_minor": -1}}, "off_minor"),
        ({"settings": {"off_minor": "12"}}, "off_minor"),
        ({"settings": {"off_minor": 1.5}}, "off_minor"),
        ({"settings": {"off_minor": [5], "at_least_minor": 9}}, "off_minor"),
        ({"settings": {"off_minor": "nul\x00"}}, "settings"),
        ({"settings": [1]}, "settings"),
        ({"stock": -1}, "stock"),
        ({"stock": 1.0}, "stock"),
        ({"stock": True}, "stock"),
        ({"name": "x" * 81}, "name"),
        ({"kind": "free_lunch"}, "kind"),
        ({"audience": {"colour": "blue"}}, "audience"),
        ({"audience": 7}, "audience"),
        ({"audience": {"segment": "sleepers"}}, "audience"),
        (
            {
                "kind": "lucky_draw",
                "settings": {"prizes": [{"name": "Car", "count": 1, "value_minor": 5_000_001}]},
            },
            "prizes",
        ),
        ({"kind": "draw_purchase", "settings": {"prizes": [{"name": "", "count": 1}]}}, "prizes"),
        (
            {"kind": "lucky_draw", "settings": {"prizes": [{"name": "Tea", "count": 1, "value_minor": [1]}]}},
            "prizes",
        ),
        ({"kind": "member_price", "settings": {"list": {"rows": "many"}}}, "list"),
        ({"kind": "lucky_draw", "settings": {"prizes": [{"name": "Tea", "count": 0}]}}, "prizes"),
    ],
)
def test_what_contradicts_the_form_is_refused_and_changes_nothing(shop, noon, arguments, field):
    before = written(shop)
    given = {k: noon + v if isinstance(v, dt.timedelta) else v for k, v in arguments.items()}

    with pytest.raises(Invalid) as refused:
        publish(shop, noon, **given)

    assert field in refused.value.errors
    assert written(shop) == before


def test_a_prize_of_exactly_fifty_thousand_yuan_is_lawful(shop, noon):
    said = {"prizes": [{"name": "Trip", "count": 1, "value_minor": 5_000_000}], "terms": "One entry each."}

    assert publish(shop, noon, "lucky_draw", settings=said, to_at=noon + DAY).settings == said


def test_fractions_are_kept_as_text_never_as_binary_numbers(shop, noon):
    assert publish(shop, noon, settings={"off_percent": 12.5}).settings == {"off_percent": "12.5"}


def test_paper_benefits_are_accepted_and_cover_nothing(shop, noon):
    publish(shop, noon, stock=0)
    publish(shop, noon, settings={"off_minor": 0})
    publish(shop, noon, audience={"tiers": []})

    assert Benefit.objects.of(shop).count() == 3
    assert stored(merchant_id=shop.pk) == ()
    assert not any(row.configures for row in BenefitRevision.objects.of(shop))


def test_a_change_of_an_argument_is_material_and_one_of_nothing_writes_nothing(shop, noon):
    made = publish(shop, noon, settings={"off_minor": 1000})
    before = written(shop)
    rest = {"merchant_id": shop.pk, "actor": JOB, "benefit_id": made.pk}

    benefits.change_benefit(at=noon + DAY, settings={"off_minor": 1000}, to_at=None, stock=None, **rest)
    assert written(shop) == before

    benefits.change_benefit(at=noon + 2 * DAY, settings={"off_minor": 2000}, **rest)
    newest = BenefitRevision.objects.of(shop).get(number=2)
    assert (newest.action, newest.configures, newest.settings) == ("change", True, {"off_minor": 2000})
    assert Coverage.objects.of(shop).get().configured_at == [noon, noon + 2 * DAY]


def test_a_new_name_is_kept_as_a_revision_and_configures_nothing(shop, noon):
    made = publish(shop, noon, name="Old")

    benefits.change_benefit(merchant_id=shop.pk, at=noon + DAY, actor=JOB, benefit_id=made.pk, name="New")

    newest = BenefitRevision.objects.of(shop).get(number=2)
    assert (newest.name, newest.configures) == ("New", False)
    assert Coverage.objects.of(shop).get().configured_at == [noon]


def test_a_change_is_checked_like_a_publication_and_refused_whole(shop, noon):
    made = publish(shop, noon, to_at=noon + 5 * DAY)
    before = written(shop)

    with pytest.raises(Invalid):
        benefits.change_benefit(
            merchant_id=shop.pk, at=noon + DAY, actor=JOB, benefit_id=made.pk, stock=5, to_at=noon - DAY
        )

    assert written(shop) == before
    assert Benefit.objects.of(shop).get().stock is None


def test_two_people_changing_one_benefit_do_not_overwrite_each_other(shop, noon):
    made = publish(shop, noon)
    rest = {"merchant_id": shop.pk, "actor": JOB, "benefit_id": made.pk, "expected_revision": 1}
    benefits.change_benefit(at=noon + DAY, stock=5, **rest)

    with pytest.raises(Conflict):
        benefits.change_benefit(at=noon + DAY, stock=9, **rest)

    assert Benefit.objects.of(shop).get().stock == 5


def test_a_pause_stops_coverage_and_a_resume_begins_it_again(shop, noon):
    made = publish(shop, noon)
    rest = {"merchant_id": shop.pk, "actor": JOB, "benefit_id": made.pk}
    benefits.pause_benefit(at=noon + DAY, **rest)
    benefits.pause_benefit(at=noon + 2 * DAY, **rest)
    benefits.resume_benefit(at=noon + 3 * DAY, **rest)
    benefits.resume_benefit(at=noon + 4 * DAY, **rest)
    benefits.end_benefit(at=noon + 5 * DAY, **rest)
    benefits.end_benefit(at=noon + 6 * DAY, **rest)

    row = Coverage.objects.of(shop).get()
    assert [(span.start, span.end) for span in row.in_force] == [
        (noon, noon + DAY),
        (noon + 3 * DAY, noon + 5 * DAY),
    ]
    assert list(BenefitRevision.objects.of(shop).order_by("number").values_list("action", flat=True)) == [
        "publish", "pause", "resume", "end",
    ]  # fmt: skip


def test_stock_that_runs_out_ends_coverage_and_stock_added_begins_it_without_configuring(shop, noon):
    made = publish(shop, noon, stock=1)
    rest = {"merchant_id": shop.pk, "actor": JOB, "benefit_id": made.pk}
    benefits.set_stock(at=noon + DAY, stock=0, **rest)
    benefits.set_stock(at=noon + 2 * DAY, stock=4, **rest)

    row = Coverage.objects.of(shop).get()
    assert [(span.start, span.end) for span in row.in_force] == [(noon, noon + DAY), (noon + 2 * DAY, None)]
    assert row.configured_at == [noon]


def test_an_ended_benefit_stays_ended(shop, noon):
    made = publish(shop, noon)
    rest = {"merchant_id": shop.pk, "actor": JOB, "benefit_id": made.pk, "at": noon + DAY}
    benefits.end_benefit(**rest)
    before = written(shop)

    for act in (benefits.pause_benefit, benefits.resume_benefit, benefits.change_benefit):
        with pytest.raises(Invalid):
            act(**rest)

    assert written(shop) == before


def test_a_benefit_never_made_is_not_found(shop, noon):
    with pytest.raises(NotFound):
        benefits.end_benefit(merchant_id=shop.pk, actor=JOB, at=noon, benefit_id=999_999)


def test_another_merchants_benefit_is_not_found(cast, noon):
    with tenancy.tenant(cast.other.pk):
        theirs = publish(cast.other, noon)

    with tenancy.tenant(cast.shop.pk), pytest.raises(NotFound):
        benefits.end_benefit(merchant_id=cast.shop.pk, actor=JOB, at=noon, benefit_id=theirs.pk)

    with tenancy.tenant(cast.other.pk):
        assert Benefit.objects.of(cast.other).get().status == BenefitStatus.PUBLISHED
        assert written(cast.shop) == (0, 0, 0, 0, 0)


def test_the_same_form_sent_twice_publishes_once(shop, noon):
    first = publish(shop, noon, public_id="abcdefgh23456789", stock=5)
    second = publish(shop, noon + DAY, public_id="abcdefgh23456789", stock=5)

    assert first.pk == second.pk
    assert BenefitRevision.objects.of(shop).count() == 1


def test_a_draft_covers_nothing_until_it_is_published(shop, noon):
    draft = benefits.save_draft(
        merchant_id=shop.pk, at=noon, actor=JOB, arguments=Arguments(kind="coupon", name="Soon")
    )
    assert (draft.status, written(shop)[1:4]) == (BenefitStatus.DRAFT, (0, 0, 0))

    published = publish(shop, noon + DAY, name="Now", public_id=draft.public_id)

    assert (published.pk, published.name) == (draft.pk, "Now")
    assert Coverage.objects.of(shop).get().configured_at == [noon + DAY]


def test_only_a_draft_can_be_discarded(shop, noon):
    draft = benefits.save_draft(
        merchant_id=shop.pk, at=noon, actor=JOB, arguments=Arguments(kind="coupon", settings=OFF)
    )
    made = publish(shop, noon)

    benefits.discard_draft(merchant_id=shop.pk, at=noon, actor=JOB, benefit_id=draft.pk)
    with pytest.raises(Invalid):
        benefits.discard_draft(merchant_id=shop.pk, at=noon, actor=JOB, benefit_id=made.pk)

    assert [row.pk for row in Benefit.objects.of(shop)] == [made.pk]


def test_a_clock_a_little_behind_does_not_turn_history_back(shop, noon):
    made = publish(shop, noon)

    benefits.pause_benefit(
        merchant_id=shop.pk, actor=JOB, benefit_id=made.pk, at=noon - dt.timedelta(seconds=1)
    )

    assert list(BenefitRevision.objects.of(shop).order_by("number").values_list("at", flat=True)) == [
        noon,
        noon,
    ]


def test_many_benefits_are_published_together_as_one_by_one(cast, noon):
    wanted = [
        Arguments(kind="coupon", settings=OFF, to_at=noon + DAY),
        Arguments(kind="coupon", settings=OFF, from_at=noon + 3 * DAY),
    ]
    with tenancy.tenant(cast.shop.pk):
        benefits.publish_many(merchant_id=cast.shop.pk, at=noon, actor=JOB, benefits=wanted)
        together = stored(merchant_id=cast.shop.pk)
    with tenancy.tenant(cast.other.pk):
        publish(cast.other, noon, to_at=noon + DAY)
        publish(cast.other, noon, from_at=noon + 3 * DAY)
        singly = stored(merchant_id=cast.other.pk)

    assert together == singly


def test_history_is_read_from_revisions_not_from_the_present_row(shop, noon):
    made = publish(shop, noon)
    benefits.change_benefit(
        merchant_id=shop.pk,
        actor=JOB,
        benefit_id=made.pk,
        at=noon + 5 * DAY,
        kind="lucky_draw",
        as_scripted=True,
    )

    assert [kind for _row, kind, _doubts in in_force(merchant_id=shop.pk, at=noon + DAY)] == ["coupon"]
    assert [kind for _row, kind, _doubts in in_force(merchant_id=shop.pk, at=noon + 6 * DAY)] == [
        "lucky_draw"
    ]
    assert in_force(merchant_id=shop.pk, at=noon - DAY) == []


def test_revisions_are_never_changed_or_deleted(shop, noon):
    publish(shop, noon)

    for act in (
        lambda: BenefitRevision.objects.of(shop).update(stock=1),
        lambda: BenefitRevision.objects.of(shop).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()

    assert BenefitRevision.objects.of(shop).get().stock is None


@pytest.mark.parametrize(
    "values",
    [
        {"stock": -1},
        {"to_at": dt.datetime(2001, 1, 1, tzinfo=dt.UTC)},
        {"status": "ended", "published_at": None},
        {"status": "draft"},
    ],
)
def test_the_database_refuses_what_no_service_may_write(shop, noon, values):
    publish(shop, noon)

    with pytest.raises(IntegrityError), transaction.atomic():
        Benefit.objects.of(shop).update(**values)
