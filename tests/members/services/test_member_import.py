"""Files of members: who becomes a member, what is filled in and never overwritten, tiers, and an import taken back."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from benefits.services import benefits, claims, draws
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, ProgramNotOpen
from members.models import (
    AuditRow,
    Identity,
    ImportedMember,
    ImportJob,
    ImportKind,
    ImportState,
    Member,
    MemberStatus,
    MemberTag,
    PointsEntry,
    Segment,
    SegmentKind,
    SegmentMember,
    TierMove,
    TierStanding,
    TierValidity,
)
from members.selectors import members as members_selector
from members.selectors import tier_counts
from members.services import leases, member_emails, merchants, orders, programs, tier_hand, tier_rules
from members.services import members as joining
from members.services.audit import Actor
from members.services.imports import jobs, kinds, rejects, undo, work
from members.services.imports.members import checking
from members.services.orders import LineIn, OrderIn
from tests.conftest import NOON
from tests.factories.benefits import DRAW

JOB = Actor.job("test")
SOURCE = "paper forms of the store"
HEAD = "member_key,phone,name,joined_at,tier,tier_valid_until,birthday"
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path / "uploads"
    with translation.override("en"):
        yield


@pytest.fixture
def shop(db):
    with tenancy.platform():
        made = merchants.create_merchant(name="Shop", owner=None, at=NOON, actor=JOB)
    with tenancy.tenant(made.pk):
        tier_rules.configure(
            merchant_id=made.pk,
            at=NOON,
            actor=JOB,
            ladder=[
                {"code": "base", "name": "Member"},
                {"code": "silver", "name": "Silver", "all": {"spend_minor": 10_000}},
                {"code": "gold", "name": "金卡", "all": {"spend_minor": 50_000}},
            ],
        )
        programs.open_program(merchant_id=made.pk, at=NOON, actor=JOB)
        yield made


def text(*rows: str, head: str = HEAD) -> bytes:
    return ("\n".join([head, *rows]) + "\n").encode()


def hand_in(shop, content: bytes, *, at=NOON, source=SOURCE, starts=True, **options) -> ImportJob:
    job, _made = jobs.create(
        merchant_id=shop.pk,
        at=at,
        actor=JOB,
        content=io.BytesIO(content),
        file_name="members.csv",
        channel="pos",
        kind=ImportKind.MEMBERS,
        declared_source=source,
        starts_itself=starts,
        **options,
    )
    return job


def take(shop, content: bytes, *, at=NOON, chunk=2, **options) -> ImportJob:
    """Import a file as the command does."""
    job = hand_in(shop, content, at=at, **options)
    return work.work(merchant_id=shop.pk, import_id=job.pk, at=at, chunk=chunk)


def undone(shop, job: ImportJob, *, at=NOON + HOUR, chunk=2) -> ImportJob:
    undo.start(merchant_id=shop.pk, public_id=job.public_id, at=at, actor=JOB)
    return work.work(merchant_id=shop.pk, import_id=job.pk, at=at, chunk=chunk)


def reasons(job: ImportJob) -> dict[int, str]:
    return {int(line): reason for line, reason, _row in rejects.first(job, 100)}


def remarks(job: ImportJob) -> dict[int, list[str]]:
    rows = ImportedMember.objects.of(job.merchant_id).filter(job=job).exclude(remarks=[])
    return dict(rows.values_list("line", "remarks"))


def member(shop, key: str, channel: str = "pos") -> Member:
    (found,) = members_selector.find(merchant=shop, channel=channel, external_id=key)
    return found


def join(shop, key: str, **more) -> Member:
    return joining.join(merchant_id=shop.pk, at=NOON, actor=JOB, channel="pos", external_id=key, **more)


def buys(shop, key: str, minor: int, *, number: str = "A1", at=NOON) -> None:
    order = OrderIn(number, (LineIn("s1", 1, minor),), "pos", member_key=key, paid_at=at)
    orders.put_many(merchant_id=shop.pk, actor=JOB, items=[(at, order)])


def counts(job: ImportJob) -> tuple[int, int, int, int, int]:
    return job.created, job.changed, job.unchanged, job.remarks, job.rejected


class TestNewMembers:
    def test_each_row_is_a_member_with_what_it_says(self, shop):
        job = take(
            shop,
            text("c1,13800138000,李四,2020-05-01,gold,2024-12-31,05-17", "c2,,,,,,", "c3,,Wu,,Member,,"),
        )

        assert (job.state, counts(job)) == (ImportState.DONE, (3, 0, 0, 0, 0))
        first = member(shop, "c1")
        assert (first.phone, first.name, first.birth_month, first.birth_day) == (
            "+8613800138000",
            "李四",
            5,
            17,
        )
        assert (first.source, first.consent_source, first.phone_verified) == ("list", SOURCE, False)
        assert first.joined_on == dt.date(2020, 5, 1)
        assert member(shop, "c2").joined_at == NOON
        held = TierStanding.objects.of(shop).get(member=first)
        assert (held.tier.code, held.since, held.valid_until) == ("gold", NOON, dt.date(2024, 12, 31))
        assert TierStanding.objects.of(shop).count() == 1
        assert not PointsEntry.objects.of(shop).exists()

    def test_a_tier_by_hand_is_a_move_of_the_staff(self, shop):
        take(shop, text("c1,,,,SILVER,,"))

        move = TierMove.objects.of(shop).get()
        assert (move.cause, move.from_tier.code, move.to_tier.code, move.at) == (
            "staff",
            "base",
            "silver",
            NOON,
        )
        assert move.reason and move.reason == ImportJob.objects.of(shop).get().file_name
        until = TierValidity.objects.of(shop).get().valid_until
        assert until == dt.date(NOON.year + 1, NOON.month, NOON.day)  # the usual validity

    def test_a_row_may_name_its_channel_and_its_own_source(self, shop):
        head = "会员卡号,渠道,授权来源,等级,生日"
        take(shop, text("c1,淘宝,authorised on Taobao,金卡,1990年5月7日", "c2,,,,", head=head))

        first, second = member(shop, "c1", "taobao"), member(shop, "c2")
        assert (first.consent_source, second.consent_source) == ("authorised on Taobao", SOURCE)
        assert (first.birth_month, first.birth_day) == (5, 7)
        assert TierStanding.objects.of(shop).get().tier.code == "gold"

    def test_a_buyers_past_orders_become_the_members_and_may_lift_higher_than_the_file(self, shop):
        buys(shop, "c1", 60_000)
        job = take(shop, text("c1,,,,silver,,"), at=NOON + HOUR)

        assert remarks(job) == {2: ["tier: the member keeps “金卡” as it is"]}
        assert TierStanding.objects.of(shop).get().tier.code == "gold"
        assert [move.cause for move in TierMove.objects.of(shop)] == ["order"]

    def test_the_same_file_again_changes_nothing(self, shop):
        content = text("c1,13800138000,李四,2020-05-01,gold,2024-12-31,05-17", "c2,,,,,,")
        take(shop, content)
        moves = TierMove.objects.of(shop).count()

        again = take(shop, content, at=NOON + HOUR)

        assert counts(again) == (0, 0, 2, 0, 0)
        assert (Member.objects.of(shop).count(), TierMove.objects.of(shop).count()) == (2, moves)


class TestMembersWhoAreHere:
    def test_what_is_missing_is_filled_in(self, shop):
        known = join(shop, "c1")
        job = take(shop, text("c1,13800138000,李四,,silver,,0517"))

        assert counts(job) == (0, 1, 0, 0, 0)
        known.refresh_from_db()
        assert (known.phone, known.name, known.birth_month, known.birth_day) == (
            "+8613800138000",
            "李四",
            5,
            17,
        )
        assert known.consent_source == SOURCE
        assert [row.name for row in members_selector.find(merchant=shop, phone="13800138000")] == ["李四"]
        row = ImportedMember.objects.of(shop).get()
        assert (row.made, sorted(row.filled)) == (
            False,
            ["birthday", "consent_source", "name", "phone", "tier"],
        )
        assert TierStanding.objects.of(shop).get().tier.code == "silver"

    def test_what_is_stored_stays_and_each_row_says_so(self, shop):
        known = join(
            shop, "c1", phone="13900139000", name="王五", birthday="01-02", consent_source="join page"
        )
        buys(shop, "c1", 20_000)
        job = take(shop, text("c1,13800138000,李四,2020-01-01,gold,2030-01-01,05-17"))

        assert counts(job) == (0, 0, 1, 1, 0)
        before = (known.phone, known.name, known.birth_month, known.joined_at, known.consent_source)
        known.refresh_from_db()
        assert (known.phone, known.name, known.birth_month, known.joined_at, known.consent_source) == before
        assert TierStanding.objects.of(shop).get().tier.code == "silver"
        (said,) = remarks(job).values()
        assert [each.partition(":")[0] for each in said] == ["phone", "name", "birthday", "joined_at", "tier"]
        assert not any("13900139000" in each or "王五" in each for each in said)

    def test_a_member_named_by_two_keys_is_one_in_the_whole_file(self, shop, monkeypatch):
        known = join(shop, "c1")
        rows = ("c1,,李四,,,,", "c2,,,,,,", "c3,,,,,,", f"{known.public_id},,王五,,,,05-17")
        monkeypatch.setattr("members.services.imports.members.preview.BATCH", 2)
        looked = hand_in(shop, text(*rows), starts=False)
        checked = work.work(merchant_id=shop.pk, import_id=looked.pk, at=NOON, chunk=2)
        foreseen = (checked.rejected, reasons(checked))
        jobs.start(merchant_id=shop.pk, public_id=looked.public_id, at=NOON, actor=JOB)
        done = work.work(merchant_id=shop.pk, import_id=looked.pk, at=NOON, chunk=2)

        assert foreseen == (1, {5: "The member stands in line 2 already."})
        assert (done.rejected, reasons(done)) == foreseen
        known.refresh_from_db()
        assert (known.name, known.birth_month) == ("李四", None)

    def test_a_member_is_found_by_the_id_this_shop_shows(self, shop):
        known = join(shop, "c1")
        job = take(shop, text(f"{known.public_id},,李四,,,,"))

        assert counts(job) == (0, 1, 0, 0, 0)
        assert Member.objects.of(shop).count() == 1

    def test_who_has_left_is_not_brought_back(self, shop):
        known = join(shop, "c1")
        Member.objects.of(shop).filter(pk=known.pk).update(status=MemberStatus.LEFT)
        job = take(shop, text("c1,,李四,,,,"))

        assert "has left" in reasons(job)[2]
        known.refresh_from_db()
        assert (known.status, known.name) == (MemberStatus.LEFT, "")


class TestRowsLeftOut:
    @pytest.mark.parametrize(
        ("row", "why"),
        [
            (",,,,,,", "names no member"),
            ("x" * 129 + ",,,,,,", "more than 128"),
            ("1.38E+10,,,,,,", "shortened by a spreadsheet"),
            ("c1,,,2100-01-01,,,", "joined_at lies in the future"),
            ("c1,,,tomorrow,,,", "not a time"),
            ("c1,,,,platinum,,", "no tier “platinum”"),
            ("c1,,,,gold,2020-01-01,", "last valid day, 2020-01-01, is over"),
            ("c1,,,,gold,soon,", "not a day"),
            ("c1,,,,,2030-01-01,", "names no tier"),
            ("c1,,,,,,02-30", "not a birthday"),
            ("c1,,,,,,someday", "not a birthday"),
            ("c1,,,,,", "6 cells"),
        ],
    )
    def test_a_bad_row_is_left_out_with_its_reason_and_the_rest_goes_on(self, shop, row, why):
        job = take(shop, text("ok,,,,,,", row))

        assert why in reasons(job)[3], reasons(job)
        assert counts(job) == (1, 0, 0, 0, 1)
        assert Member.objects.of(shop).count() == 1

    def test_a_member_who_stands_in_the_file_twice_is_taken_once(self, shop):
        known = join(shop, "c1")
        job = take(shop, text("c1,,,,,,", "c2,,,,,,", f"{known.public_id},,,,,,", "c2,,x,,,,"), chunk=9)

        assert set(reasons(job)) == {4, 5}
        assert all("already" in reason for reason in reasons(job).values())

    def test_a_masked_phone_is_left_out_and_its_row_is_taken(self, shop):
        job = take(shop, text("c1,138****8000,李四,,,,"))

        assert counts(job) == (1, 0, 0, 1, 0)
        assert member(shop, "c1").phone == ""
        assert "left out" in remarks(job)[2][0]

    def test_a_list_without_a_source_is_refused(self, shop):
        with pytest.raises(Invalid, match="consent"):
            hand_in(shop, text("c1,,,,,,"), source=" ")
        assert not ImportJob.objects.of(shop).exists()

    def test_a_program_that_is_not_open_takes_no_members(self, db, settings):
        with tenancy.platform():
            made = merchants.create_merchant(name="Draft", owner=None, at=NOON, actor=JOB)
        with tenancy.tenant(made.pk):
            with pytest.raises(ProgramNotOpen):
                hand_in(made, text("c1,,,,,,"))
            assert not ImportJob.objects.of(made).exists()

    def test_a_program_closed_meanwhile_ends_the_import_and_keeps_what_was_taken(self, shop):
        job = hand_in(shop, text("c1,,,,,,", "c2,,,,,,"))

        def close(at_work: ImportJob) -> None:
            if at_work.position == 1:
                programs.close_program(merchant_id=shop.pk, at=NOON, actor=JOB)

        done = work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON, chunk=1, tell=close)
        assert (done.state, done.created, Member.objects.of(shop).count()) == (ImportState.FAILED, 1, 1)


class TestLookFirst:
    def test_a_check_foresees_what_the_run_does_and_changes_nothing(self, shop):
        join(shop, "c1", name="王五")
        join(shop, "c2")
        rows = ("c1,,李四,,,,", "c2,13800138000,,,silver,,", "c3,,,,gold,,", "c4,,,,lead,,")
        job = hand_in(shop, text(*rows), starts=False)
        checked = work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON)

        assert checked.state == ImportState.CHECKED
        seen = checked.preview
        assert (seen["new"], seen["filled"], seen["unchanged"], seen["remarks"]) == (1, 2, 0, 1)
        assert seen["tiers"] == [["Silver", 1], ["金卡", 1]]
        assert seen["first"][0][0] == 2
        assert (checked.rejected, Member.objects.of(shop).count(), TierMove.objects.of(shop).count()) == (
            1,
            2,
            0,
        )

        jobs.start(merchant_id=shop.pk, public_id=job.public_id, at=NOON, actor=JOB)
        done = work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON)
        assert counts(done) == (1, 2, 0, 1, 1)

    def test_an_import_that_broke_off_goes_on_and_doubles_nothing(self, shop):
        job = hand_in(shop, text(*(f"c{n},,,,silver,," for n in range(7))))

        def breaks(at_work: ImportJob) -> None:
            if at_work.position == 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON, chunk=2, tell=breaks)
        done = work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON, chunk=2)

        assert (done.state, done.created, Member.objects.of(shop).count()) == (ImportState.DONE, 7, 7)
        assert TierMove.objects.of(shop).count() == 7


class TestEmails:
    head = "member_key,email,email_consent,consent_source"

    def test_an_address_comes_with_its_own_consent_or_without(self, shop):
        job = take(
            shop,
            text(
                "c1,Li@Example.com,yes,", "c2,wu@example.com,,", "c3,he@example.com,是,a form", head=self.head
            ),
        )

        assert counts(job) == (3, 0, 0, 0, 0)
        found = [member(shop, key) for key in ("c1", "c2", "c3")]
        assert [each.email for each in found] == ["li@example.com", "wu@example.com", "he@example.com"]
        assert [(each.email_consent_at, each.email_consent_source) for each in found] == [
            (NOON, SOURCE),
            (None, ""),
            (NOON, "a form"),
        ]

    def test_what_is_stored_stays_and_whoever_stopped_e_mails_is_not_written_to(self, shop):
        known = join(shop, "c1", email="old@example.com")
        stopped = join(shop, "c2", email="x@example.com", email_consent=True, email_consent_source="form")
        link = member_emails.StopLink(
            shop.slug, stopped.public_id, member_emails.address_mark(member(shop, "c2"))
        )
        member_emails.stop(merchant_id=shop.pk, link=link, at=NOON)
        joining.change(merchant_id=shop.pk, at=NOON, actor=JOB, public_id=stopped.public_id, email="")
        job = take(shop, text("c1,new@example.com,1,", "c2,x@example.com,1,", head=self.head))

        assert remarks(job) == {
            2: ["email: what is stored stays; the file says something else"],
            3: ["email_consent: the member stopped e-mails; that stays"],
        }
        known.refresh_from_db()
        stopped.refresh_from_db()
        assert (known.email, known.email_consent_at) == ("old@example.com", None)
        assert (stopped.email, stopped.email_consent_at) == ("x@example.com", None)

    def test_what_is_no_address_is_left_out_and_a_consent_that_is_unclear_leaves_the_row_out(self, shop):
        job = take(
            shop, text("c1,l***@example.com,yes,", "c2,,yes,", "c3,a@example.com,maybe,", head=self.head)
        )

        assert (job.created, job.rejected) == (2, 1)
        assert reasons(job) == {4: "“maybe” is neither yes nor no."}
        assert [len(said) for said in remarks(job).values()] == [1, 1]
        assert {each.email for each in Member.objects.of(shop)} == {""}

    def test_an_import_taken_back_erases_the_address(self, shop):
        job = take(shop, text("c1,li@example.com,yes,", head=self.head))
        gone = member(shop, "c1")
        undone(shop, job)

        gone.refresh_from_db()
        assert (gone.email, gone.email_index, gone.email_consent_at, gone.email_consent_source) == (
            "",
            None,
            None,
            "",
        )


class TestUndo:
    def test_members_whom_it_made_are_nobody_again(self, shop):
        job = take(shop, text("c1,13800138000,李四,,gold,,05-17", "c2,,,,,,", "c3,,,,,,"))
        gone = member(shop, "c1")
        base = tier_rules.selector.version_at(merchant_id=shop.pk, at=NOON).ladder[0]["tier"]
        assert undo.consequences(merchant_id=shop.pk, job=job).taken == 3
        MemberTag.objects.create(merchant=shop, member=gone, name="vip", at=NOON)
        everybody = Segment.objects.create(
            merchant=shop, public_id="a" * 16, name="Then", kind=SegmentKind.STATIC,
            rule={"all": [{"fact": "joined", "op": "at_least", "value": 0}]}, created_at=NOON, changed_at=NOON,
        )  # fmt: skip
        SegmentMember.objects.create(merchant=shop, member=gone, segment=everybody)

        done = undone(shop, job)

        assert (done.state, done.undo["taken"], done.undo["kept"]) == (ImportState.UNDONE, 3, 0)
        gone.refresh_from_db()
        assert (gone.status, gone.phone, gone.name, gone.phone_index, gone.birth_month) == (
            MemberStatus.ERASED, "", "", None, None,
        )  # fmt: skip
        assert not Identity.objects.of(shop).filter(member__isnull=False).exists()
        assert not MemberTag.objects.of(shop).exists() and not SegmentMember.objects.of(shop).exists()
        assert not TierStanding.objects.of(shop).exists() and not TierValidity.objects.of(shop).exists()
        assert members_selector.count(merchant_id=shop.pk) == 0
        assert not members_selector.has_any(merchant_id=shop.pk)
        assert sum(tier_counts.by_tier(merchant_id=shop.pk, base_tier_id=base).values()) == 0
        wanted = members_selector.MemberFilter()
        assert not members_selector.listed(merchant=shop, wanted=wanted).exists()

    def test_who_has_something_of_their_own_since_is_kept_and_named(self, shop):
        job = take(shop, text("buyer,,,,,,", "idle,,,,,,", "known,13800138000,,,,,"))
        buys(shop, "buyer", 1_000)
        Member.objects.of(shop).filter(pk=member(shop, "known").pk).update(phone_verified=True)
        foreseen = undo.consequences(merchant_id=shop.pk, job=job)
        assert (foreseen.taken, foreseen.kept, sorted(foreseen.reasons)) == (
            1,
            2,
            [("known", 1), ("orders", 1)],
        )

        done = undone(shop, job, chunk=1)

        assert (done.undo["taken"], done.undo["kept"]) == (1, 2)
        assert member(shop, "buyer").status == MemberStatus.ACTIVE
        why = dict(ImportedMember.objects.of(shop).values_list("line", "undone"))
        assert why == {2: "orders", 3: "taken", 4: "known"}

    def test_who_entered_a_draw_or_holds_a_code_is_kept(self, shop):
        who = {"merchant_id": shop.pk, "at": NOON, "actor": JOB}
        job = take(shop, text("lucky,,,,,,", "claims,,,,,,", "idle,,,,,,"))
        coupon = benefits.publish_benefit(kind="coupon", settings={"off_minor": 100}, **who)
        draw = benefits.publish_benefit(kind="lucky_draw", settings=DRAW, to_at=NOON + 9 * HOUR, **who)
        draws.enter(member_id=member(shop, "lucky").pk, benefit_id=draw.pk, key="e", **who)
        claims.claim(member_id=member(shop, "claims").pk, benefit_id=coupon.pk, key="c", **who)

        undone(shop, job)

        why = dict(ImportedMember.objects.of(shop).values_list("line", "undone"))
        assert why == {2: "benefits", 3: "benefits", 4: "taken"}

    def test_who_was_given_a_tier_by_hand_since_is_kept_and_who_got_it_by_the_file_is_not(self, shop):
        job = take(shop, text("c1,,,,,,", "c2,,,,gold,,"))
        tier_hand.set_tier(
            merchant_id=shop.pk,
            member_id=member(shop, "c1").pk,
            at=NOON + HOUR,
            actor=JOB,
            tier="gold",
            until=dt.date(2024, 12, 31),
            reason="a good friend",
        )

        done = undone(shop, job, at=NOON + 2 * HOUR)

        assert (done.undo["taken"], done.undo["kept"]) == (1, 1)
        why = dict(ImportedMember.objects.of(shop).values_list("line", "undone"))
        assert why == {2: "tier", 3: "taken"}
        assert TierStanding.objects.of(shop).get().member_id == member(shop, "c1").pk

    def test_members_who_were_here_stay_with_what_was_filled_in(self, shop):
        known = join(shop, "c1")
        job = take(shop, text("c1,,李四,,,,", "c2,,,,,,"))

        done = undone(shop, job)

        assert done.undo["rows"] == 1
        known.refresh_from_db()
        assert (known.status, known.name) == (MemberStatus.ACTIVE, "李四")

    def test_the_mended_file_can_be_handed_in_again(self, shop):
        undone(shop, take(shop, text("c1,,Wrong,,,,")))
        job = take(shop, text("c1,,Right,,,,"), at=NOON + 2 * HOUR)

        assert counts(job) == (1, 0, 0, 0, 0)
        assert member(shop, "c1").name == "Right"
        assert members_selector.count(merchant_id=shop.pk) == 1

    def test_after_72_hours_it_is_refused_and_nothing_changes(self, shop):
        job = take(shop, text("c1,,,,,,"))
        with pytest.raises(Conflict, match="72 hours"):
            undo.start(merchant_id=shop.pk, public_id=job.public_id, at=NOON + 73 * HOUR, actor=JOB)
        job.refresh_from_db()
        assert (job.state, member(shop, "c1").status) == (ImportState.DONE, MemberStatus.ACTIVE)

    def test_an_import_that_made_nobody_is_not_undone(self, shop):
        join(shop, "c1")
        job = take(shop, text("c1,,李四,,,,"))
        with pytest.raises(Conflict, match="made something"):
            undo.start(merchant_id=shop.pk, public_id=job.public_id, at=NOON, actor=JOB)

    def test_an_undoing_that_crashes_is_given_up_and_a_person_starts_it_again(self, shop, monkeypatch):
        job = take(shop, text(*(f"c{n},,,,,," for n in range(5))))
        undo.start(merchant_id=shop.pk, public_id=job.public_id, at=NOON + HOUR, actor=JOB)
        kind = type(kinds.of(ImportKind.MEMBERS).undoing)
        whole = kind.take_back

        def crashes(self, at_work, *arguments):
            if at_work.undo["position"]:
                raise RuntimeError("broken")
            return whole(self, at_work, *arguments)

        monkeypatch.setattr(kind, "take_back", crashes)
        for _attempt in range(leases.MOST_ATTEMPTS + 1):  # the first gets on
            with pytest.raises(RuntimeError):
                work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON + HOUR, chunk=2)
        work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON + HOUR, chunk=2)
        given_up = work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON + HOUR, chunk=2)

        assert given_up is None  # nothing left to be picked up
        job.refresh_from_db()
        assert (job.state, job.undo["taken"]) == (ImportState.UNDO_FAILED, 2)
        assert "Start the undoing again" in job.undo["failure"]
        assert AuditRow.objects.of(shop).filter(action="import.undo_failed").count() == 1

        monkeypatch.setattr(kind, "take_back", whole)
        later = NOON + 100 * HOUR  # begun in time
        assert undo.is_possible(job, later)
        undo.start(merchant_id=shop.pk, public_id=job.public_id, at=later, actor=JOB)
        done = work.work(merchant_id=shop.pk, import_id=job.pk, at=later, chunk=2)
        assert (done.state, done.undo["taken"], done.undo["was"]) == (ImportState.UNDONE, 5, ImportState.DONE)
        assert "failure" not in done.undo

    def test_an_undoing_that_broke_off_goes_on(self, shop):
        job = take(shop, text(*(f"c{n},,,,,," for n in range(5))))
        undo.start(merchant_id=shop.pk, public_id=job.public_id, at=NOON + HOUR, actor=JOB)

        def breaks(at_work: ImportJob) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON + HOUR, chunk=2, tell=breaks)
        done = work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON + HOUR, chunk=2)

        assert (done.state, done.undo["taken"], done.undo["rows"]) == (ImportState.UNDONE, 5, 5)
        assert AuditRow.objects.of(shop).filter(action="import.undone").count() == 1


@given(
    st.dates(dt.date(1900, 1, 1), dt.date(2029, 12, 31)),
    st.sampled_from(["%m-%d", "%Y-%m-%d", "%Y%m%d", "%m/%d"]),
)
def test_a_birthday_is_read_without_its_year(day, form):
    assert checking.birthday(day.strftime(form)) == day.month * 100 + day.day
