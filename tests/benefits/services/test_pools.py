"""Pools of a partner's codes: each given once, as the stock of its benefit; uploads confirmed once and taken back."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from openpyxl import Workbook

from benefits.lib.pools import read
from benefits.models import Benefit, CodeUpload, Entitlement, PoolCode
from benefits.selectors import pools as selectors
from benefits.services import benefit_acts, benefits, looks, pool_uploads
from benefits.services.arguments import Arguments
from benefits.services.price_files import with_lines
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, NotFound, ProgramNotOpen, Refusal
from members.models import AuditRow
from tests.benefits.counter import DAY, Counter
from tests.members.services.till import JOB, at

pytestmark = pytest.mark.django_db
CODES = ["AAAA-1111-XY", "BBBB-2222-XY", "CCCC-3333-XY"]


@pytest.fixture
def shop() -> Counter:
    made = Counter()
    for name in "abcd":
        made.join(name)
    return made


def pooled(shop: Counter, **more) -> Benefit:
    settings = {"partner": "Music, one month", "pool": True, **more.pop("settings", {})}
    return shop.publish("partner_benefit", settings=settings, **more)


def keep(shop: Counter, benefit: Benefit, codes: list[str] | str = CODES) -> CodeUpload:
    content = (codes if isinstance(codes, str) else "\n".join(codes)).encode()
    with tenancy.tenant(shop.id):
        return pool_uploads.keep(
            merchant_id=shop.id, at=at(DAY), actor=JOB, benefit_id=benefit.pk,
            sheet=with_lines(content, read), file_name="codes.txt",
        )  # fmt: skip


def act(shop: Counter, verb: str, upload: CodeUpload, when: str = DAY) -> CodeUpload:
    with tenancy.tenant(shop.id):
        return getattr(pool_uploads, verb)(
            merchant_id=shop.id, public_id=upload.public_id, at=at(when), actor=JOB
        )


def fill(shop: Counter, benefit: Benefit, codes: list[str] = CODES) -> CodeUpload:
    return act(shop, "confirm", keep(shop, benefit, codes))


def counts(shop: Counter, benefit: Benefit) -> tuple[int, int, int]:
    with tenancy.tenant(shop.id), transaction.atomic():
        pool = selectors.pool_of(benefit)
    return pool.free, pool.given, pool.withdrawn


def code_of(shop: Counter, entitlement: Entitlement) -> str | None:
    with tenancy.tenant(shop.id), transaction.atomic():
        stored = Entitlement.objects.of(shop.id).get(pk=entitlement.pk)
        return selectors.codes_of([stored]).get(entitlement.pk)


def test_a_dry_look_tells_new_known_and_repeated_and_puts_nothing_into_the_pool(shop):
    benefit = pooled(shop)
    fill(shop, benefit, CODES[:1])

    upload = keep(shop, benefit, "code\nAAAA-1111-XY\nBBBB-2222-XY\nBBBB-2222-XY\n1E+12\n")

    assert (upload.found, upload.known, upload.repeated, upload.rejected) == (2, 1, 1, 2)
    assert counts(shop, benefit) == (1, 0, 0) and shop.stock(benefit) == 1
    assert b"BBBB" not in bytes(upload.__dict__["codes"]), "sealed"


def test_a_confirmed_upload_is_the_stock_and_is_confirmed_once(shop):
    benefit = pooled(shop)
    assert shop.stock(benefit) == 0
    upload = fill(shop, benefit)

    act(shop, "confirm", upload)

    assert counts(shop, benefit) == (3, 0, 0) and shop.stock(benefit) == 3
    with tenancy.tenant(shop.id), transaction.atomic():
        assert CodeUpload.objects.of(shop.id).get().codes == "", "kept in the pool alone"
        assert all(b"-XY" not in bytes(row.__dict__["code"]) for row in PoolCode.objects.of(shop.id))


def test_a_benefit_with_an_empty_pool_is_out_of_stock_and_covers_nothing_until_it_is_filled(shop):
    benefit = pooled(shop)
    with pytest.raises(Refusal) as caught:
        shop.claim(benefit, member="a")
    assert caught.value.slug == "out-of-stock" and "codes" in caught.value.detail
    assert list(shop.covered(benefit)) == [] and shop.of("a") == []

    fill(shop, benefit, CODES[:2])

    assert code_of(shop, shop.claim(benefit, member="a")) == CODES[0]
    assert [(span.start, span.end) for span in shop.covered(benefit)] == [(at(DAY), None)]


def test_each_member_gets_a_code_of_their_own_by_every_way_of_issuing(shop):
    benefit = pooled(shop)
    fill(shop, benefit)

    given = [
        shop.claim(benefit, member="a"),
        shop.claim(benefit, member="b", how="give", reason="sorry"),
        shop.claim(benefit, member="c"),
    ]

    assert sorted(str(code_of(shop, each)) for each in given) == CODES
    assert counts(shop, benefit) == (0, 3, 0) and shop.stock(benefit) == 0
    with pytest.raises(Refusal):
        shop.claim(benefit, member="d")
    assert shop.of("d") == []


def test_the_same_request_shows_the_same_code(shop):
    benefit = pooled(shop)
    fill(shop, benefit)
    first, again = (shop.claim(benefit, member="a", key="k") for _n in range(2))
    assert first.pk == again.pk and code_of(shop, first) == CODES[0]
    assert counts(shop, benefit) == (2, 1, 0)


def test_a_code_that_was_given_never_comes_back(shop):
    benefit = pooled(shop)
    fill(shop, benefit)
    mine = shop.claim(benefit, member="a")

    shop.revoke(mine.code)

    assert code_of(shop, mine) is None, "taken back: the member sees it no more"
    assert counts(shop, benefit) == (2, 1, 0) and shop.stock(benefit) == 2
    assert code_of(shop, shop.claim(benefit, member="b")) == CODES[1]


def test_undoing_an_upload_takes_out_what_nobody_has_and_the_file_may_come_again(shop):
    benefit = pooled(shop)
    upload = fill(shop, benefit)
    mine = shop.claim(benefit, member="a")

    undone = act(shop, "undo", upload)
    again = act(shop, "undo", upload, "2024-03-01")

    assert undone.withdrawn == again.withdrawn == 2 and again.undone_at == at(DAY)
    assert counts(shop, benefit) == (0, 1, 2) and shop.stock(benefit) == 0
    assert code_of(shop, mine) == CODES[0]
    more = keep(shop, benefit)
    assert (more.found, more.known) == (3, 1)
    assert act(shop, "confirm", more).added == 2
    assert counts(shop, benefit) == (2, 1, 0) and shop.stock(benefit) == 2


def test_a_code_is_in_one_pool_of_a_shop_and_another_shop_knows_nothing_of_it(shop):
    first, second = pooled(shop), pooled(shop, name="second")
    fill(shop, first)
    assert act(shop, "confirm", keep(shop, second, [*CODES, "NEW-CODE-1"])).added == 1

    other = Counter("other")
    assert fill(other, pooled(other)).added == 3
    with tenancy.tenant(other.id), pytest.raises(NotFound):
        pool_uploads.keep(
            merchant_id=other.id, at=at(DAY), actor=JOB, benefit_id=first.pk,
            sheet=with_lines(b"X", read), file_name="x",
        )  # fmt: skip


def test_a_sheet_is_read_as_text_is(shop):
    benefit, book, file = pooled(shop), Workbook(), io.BytesIO()
    for row in (["no", "券码"], ["1", "S-1"], ["2", "S-2"]):
        book.active.append(row)
    book.save(file)
    with tenancy.tenant(shop.id):
        sheet = with_lines(file.getvalue(), read)
    assert sheet.codes == ["S-1", "S-2"]
    assert act(shop, "confirm", keep(shop, benefit, sheet.codes)).added == 2


def test_what_cannot_be_is_refused_and_nothing_changes(shop):
    benefit, plain = pooled(shop), shop.publish("partner_benefit", settings={"partner": "Cinema"})
    upload = keep(shop, benefit)
    for wrong in (lambda: keep(shop, plain), lambda: keep(shop, benefit, "1E+12")):
        with pytest.raises(Invalid):
            wrong()
    with pytest.raises(Conflict):
        act(shop, "undo", upload)
    with pytest.raises(Invalid, match="codes"):
        shop.move(benefit, "stock", stock=9)
    for settings, stock in ({"uses": 2}, None), ({}, 7), ({"pool": "yes"}, None):
        with pytest.raises(Invalid):
            pooled(shop, settings=settings, stock=stock)
    shop.close(DAY)
    with pytest.raises(ProgramNotOpen):
        act(shop, "confirm", upload)
    assert counts(shop, benefit) == (0, 0, 0) and shop.stock(benefit) == 0


def test_a_benefit_that_gets_a_pool_has_its_codes_as_stock_from_then_on(shop):
    benefit = shop.publish("trial", settings={"item": "Tea"}, stock=50)
    shop.move(benefit, "change", settings={"item": "Tea", "pool": True})
    assert shop.stock(benefit) == 0
    fill(shop, benefit)
    assert shop.stock(benefit) == 3
    shop.move(benefit, "change", name="Tea now")
    assert shop.stock(benefit) == 3 and counts(shop, benefit) == (3, 0, 0)


def test_a_draft_is_filled_before_it_is_published_and_takes_its_codes_with_it(shop):
    said = Arguments(kind="partner_benefit", name="Music", settings={"partner": "Music", "pool": True})
    who = {"merchant_id": shop.id, "at": at(DAY), "actor": JOB}
    drafts = []
    for _n in range(2):
        with tenancy.tenant(shop.id):
            drafts.append(benefits.save_draft(arguments=said, **who))
    fill(shop, drafts[0])
    keep(shop, drafts[1], ["OTHER-CODE-1"])
    fill(shop, drafts[1], ["OTHER-CODE-2"])

    with tenancy.tenant(shop.id):
        made = benefits.publish_benefit(
            kind=said.kind, settings=said.settings, public_id=drafts[0].public_id, **who
        )
    with tenancy.tenant(shop.id):
        benefits.discard_draft(benefit_id=drafts[1].pk, **who)

    assert made.pk == drafts[0].pk and shop.stock(made) == 3
    assert code_of(shop, shop.claim(made, member="a")) == CODES[0]
    with tenancy.tenant(shop.id), transaction.atomic():
        assert CodeUpload.objects.of(shop.id).count() == 1 and PoolCode.objects.of(shop.id).count() == 3


def test_staff_see_a_code_whole_with_a_reason_and_not_all_of_them(shop, monkeypatch):
    benefit = pooled(shop)
    fill(shop, benefit)
    mine = shop.claim(benefit, member="a")
    monkeypatch.setattr(looks, "AN_HOUR", 1)

    def look(reason: str) -> str | None:
        with tenancy.tenant(shop.id):
            return pool_uploads.reveal(
                merchant_id=shop.id, at=at(DAY), actor=JOB, entitlement_id=mine.pk, reason=reason
            )

    with pytest.raises(Invalid):
        look(" ")
    assert look("she lost it") == CODES[0]
    with pytest.raises(looks.TooManyLooks):
        look("again")
    with tenancy.tenant(shop.id), transaction.atomic():
        assert AuditRow.objects.of(shop.id).get(action="entitlement.code_shown").reason == "she lost it"


def test_what_nobody_confirmed_is_forgotten_after_a_week(shop):
    upload = keep(shop, pooled(shop))
    with tenancy.platform():
        assert pool_uploads.forget_unconfirmed(at=upload.uploaded_at + timedelta(days=6)) == 0
        assert pool_uploads.forget_unconfirmed(at=upload.uploaded_at + timedelta(days=8)) == 1


def test_the_database_itself_refuses_a_code_given_to_nobody(shop):
    fill(shop, pooled(shop))
    with tenancy.tenant(shop.id), pytest.raises(IntegrityError), transaction.atomic():
        PoolCode.objects.of(shop.id).update(state="given")


def test_a_benefit_with_a_pool_that_is_over_is_renewed_with_a_pool_of_its_own(shop):
    old = pooled(shop, to_at=at("2024-02-10"))
    fill(shop, old)

    with tenancy.tenant(shop.id):
        done = benefit_acts.act_on(
            merchant_id=shop.id, at=at("2024-02-20"), actor=JOB, act="renew", public_ids=[old.public_id]
        )
    with tenancy.tenant(shop.id), transaction.atomic():
        new = Benefit.objects.of(shop.id).exclude(pk=old.pk).first()

    assert not done.left and new is not None
    assert counts(shop, new) == (0, 0, 0) and shop.stock(new) == 0 and counts(shop, old) == (3, 0, 0)
