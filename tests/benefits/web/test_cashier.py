"""The cashier's page: look up, redeem in one act, undo, refusals in words; who may do what (ux.md)."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import transaction
from django.utils import timezone

from benefits.models import Benefit, Entitlement, EntitlementUse
from benefits.services import benefits, claims
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.lib.segments import check
from members.models import AuditRow, Member, Program, Store
from members.selectors import segments
from members.services import members, programs, tier_rules
from members.services.audit import Actor
from members.web.gates import gate_of
from tests.security.routes import routes

JOB = Actor.job("test")
PAGE = "/benefits/cashier/"


@pytest.fixture
def shop(cast):
    now = timezone.now()
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        programs.open_program(merchant_id=cast.shop.pk, at=now, actor=JOB)
        members.join(
            merchant_id=cast.shop.pk, at=now, actor=JOB, channel="web", external_id="u1", name="王小明"
        )
    return cast.shop


def coupon(shop, **settings) -> Benefit:
    with tenancy.tenant(shop.pk):
        return benefits.publish_benefit(
            merchant_id=shop.pk,
            at=timezone.now() - dt.timedelta(hours=1),
            actor=JOB,
            kind="coupon",
            name="Ten off",
            settings={"off_minor": 1000, **settings},
        )


def scoped(shop, scope) -> Benefit:
    with tenancy.tenant(shop.pk):
        return benefits.publish_benefit(
            merchant_id=shop.pk,
            at=timezone.now() - dt.timedelta(hours=1),
            actor=JOB,
            kind="coupon",
            name="Ten off",
            settings={"off_minor": 1000},
            scope=scope,
        )


def claimed(shop, benefit=None, key="k") -> Entitlement:
    with tenancy.tenant(shop.pk), transaction.atomic():
        member = Member.objects.of(shop).get()
        mine, _is_new = claims.claim(
            merchant_id=shop.pk,
            at=timezone.now(),
            actor=JOB,
            member_id=member.pk,
            benefit_id=(benefit or coupon(shop)).pk,
            key=key,
        )
    return mine


def stored(shop, model=Entitlement):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(model.objects.of(shop).order_by("id"))


def text(page) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def test_a_code_gives_what_it_gave_when_it_was_issued(clerk, owner, shop):
    benefit = coupon(shop)
    mine = claimed(shop, benefit)
    with tenancy.tenant(shop.pk), transaction.atomic():
        benefits.change_benefit(
            merchant_id=shop.pk,
            at=timezone.now(),
            actor=JOB,
            benefit_id=benefit.pk,
            settings={"off_minor": 99},
        )

    assert "¥10.00 off" in text(clerk.get(PAGE, {"code": mine.code}))
    assert "¥10.00 off" in text(owner.get(f"/benefits/entitlements/{mine.code}/"))
    done = clerk.post(PAGE, {"code": mine.code, "once": "k"}, follow=True)
    assert "¥10.00 off" in text(done) and "0.99" not in text(done)


def test_a_cashier_sees_what_a_masked_member_gets_and_redeems_it_in_one_act(clerk, shop, cast):
    mine = claimed(shop)

    looked = text(clerk.get(PAGE, {"code": mine.code.lower()}))
    once = "abcdefgh23456789"
    done = clerk.post(PAGE, {"code": mine.code, "once": once}, follow=True)
    again = clerk.post(PAGE, {"code": mine.code, "once": once}, follow=True)

    assert "¥10.00 off" in looked and "王*" in looked and "王小明" not in looked
    assert "Redeemed" in text(done) and "Undo redemption" in text(done) and again.status_code == 200
    assert [row.state for row in stored(shop)] == ["redeemed"]
    (use,) = stored(shop, EntitlementUse)
    assert (use.by_id, use.actor_kind) == (cast.clerk.pk, "user")
    assert "code" not in done.redirect_chain[0][0], "a code stands in no address that is kept"


def test_of_the_member_a_cashier_sees_the_masked_name_and_the_tier(clerk, shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        member = Member.objects.of(shop).get()
        tier_rules.configure(
            merchant_id=shop.pk, at=timezone.now(), actor=JOB, ladder=[{"code": "base", "name": "Bronze"}]
        )
    page = clerk.get(PAGE, {"code": claimed(shop).code}).content.decode()

    assert "王*" in page and "Bronze" in page
    for told in ("王小明", "u1<", member.public_id, 'id="find"', "/members/"):
        assert told not in page


def test_a_redemption_is_undone_from_the_page(clerk, shop):
    mine = claimed(shop)
    clerk.post(PAGE, {"code": mine.code})
    (use,) = stored(shop, EntitlementUse)

    page = clerk.post(f"{PAGE}undo", {"use": use.public_id}, follow=True)

    assert "The redemption is taken back." in text(page)
    assert stored(shop)[0].state == "issued"
    assert clerk.post(f"{PAGE}undo", {"use": "nobody"}).status_code == 404


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("unknown", "There is no such code here"),
        ("foreign", "There is no such code here"),
        ("used", "This code was used already."),
        ("expired", "The time to use this code is over."),
        ("revoked", "This code was taken back"),
        ("paused", "This benefit is paused at the moment."),
        ("ended", "This benefit has ended"),
        ("cleared", "The member program of this shop is closed"),
        ("empty", "Type the member&#x27;s code, or scan it."),
    ],
)
def test_what_cannot_be_redeemed_is_told_in_words_a_cashier_can_say(clerk, shop, cast, what, says):
    benefit = coupon(shop)
    mine = claimed(shop, benefit)
    code = spoil(what, shop, cast, benefit, mine)
    uses = len(stored(shop, EntitlementUse))

    looked, posted = clerk.get(PAGE, {"code": code}), clerk.post(PAGE, {"code": code})

    assert says in looked.content.decode()
    assert (posted.status_code, says in posted.content.decode()) == (422, True)
    assert "Redeem code</button>" not in looked.content.decode()
    assert len(stored(shop, EntitlementUse)) == uses


def spoil(what, shop, cast, benefit, mine) -> str:
    """Make a code one that cannot be redeemed; the code."""
    now, who = timezone.now(), {"merchant_id": shop.pk, "actor": JOB}
    if what in ("unknown", "empty"):
        return "0000000001" if what == "unknown" else ""
    with tenancy.tenant(cast.other.pk if what == "foreign" else shop.pk), transaction.atomic():
        rows = Entitlement.objects.of(shop)
        if what == "foreign":
            programs.open_program(merchant_id=cast.other.pk, at=now, actor=JOB)
            members.join(merchant_id=cast.other.pk, at=now, actor=JOB, channel="web", external_id="u2")
        elif what == "used":
            rows.update(state="redeemed", uses_left=0)
        elif what == "expired":
            rows.update(valid_from=now - dt.timedelta(2), valid_until=now - dt.timedelta(1))
        elif what == "revoked":
            claims.revoke(at=now, code=mine.code, reason="a test", **who)
        elif what == "paused":
            benefits.pause_benefit(benefit_id=benefit.pk, at=now, **who)
        elif what == "ended":
            benefits.end_benefit(benefit_id=benefit.pk, at=now, **who)
        elif what == "cleared":
            program = Program.objects.get(merchant_id=shop.pk)
            programs.begin_closure(program=program, at=now, kind="cleared", actor=JOB)
    return claimed(cast.other).code if what == "foreign" else mine.code


def test_what_was_paid_for_is_redeemed_after_a_clearance(clerk, shop):
    mine = claimed(shop)
    with tenancy.tenant(shop.pk), transaction.atomic():
        Entitlement.objects.of(shop).update(paid_with="money", paid_amount=500)
        program = Program.objects.get(merchant_id=shop.pk)
        programs.begin_closure(program=program, at=timezone.now(), kind="cleared", actor=JOB)

    assert "Redeem code</button>" in clerk.get(PAGE, {"code": mine.code}).content.decode()
    clerk.post(PAGE, {"code": mine.code})

    assert stored(shop)[0].state == "redeemed"


def test_a_cashier_redeems_codes_and_enters_no_other_page(clerk, shop):
    mine = claimed(shop)
    member = mine.member.public_id
    gates_of = {route.name: gate_of(route.view, route.template) for route in routes()}
    entered = {
        name
        for name, gate in gates_of.items()
        if gate and gate.kind == "staff" and "cashier" in gate.read | gate.write
    }

    assert entered == {
        "benefits:cashier_page",
        "benefits:cashier_member",
        "benefits:cashier_place",
        "benefits:cashier_undo",
        "benefits:cashier_queue",
        "compliance:home",  # which leads to the cashier's page
        "members:profile_edit",  # the person's own name and language
    }
    assert clerk.get("/")["Location"] == PAGE
    for path in (
        "/members/",
        f"/members/{member}",
        f"/members/{member}/timeline",
        "/compliance/",
        f"/benefits/entitlements/{mine.code}/",
        f"/benefits/entitlements/give/{member}/",
        "/benefits/",
    ):
        assert clerk.get(path).status_code == 403
    assert clerk.post(f"/benefits/entitlements/{mine.code}/revoke", {"reason": "x"}).status_code == 403
    assert clerk.post(f"/members/{member}/phone", {"reason": "x"}).status_code == 403
    assert stored(shop)[0].state == "issued"


# ---- the console ----------------------------------------------------------------------------------------------------


def test_the_members_page_lists_them_and_one_shows_its_qr_code_and_history(owner, clerk, shop):
    mine = claimed(shop)
    clerk.post(PAGE, {"code": mine.code})

    listed = owner.get(f"/members/{mine.member.public_id}").content.decode()
    page = owner.get(f"/benefits/entitlements/{mine.code}/").content.decode()

    assert f"/benefits/entitlements/{mine.code}/" in listed and "Used" in listed
    assert "<svg" in page and "Redeemed" in page and "Clerk" in page and mine.code in page


def test_staff_give_and_take_back_with_a_reason(owner, shop, cast):
    benefit = coupon(shop)
    with tenancy.tenant(shop.pk), transaction.atomic():
        member = Member.objects.of(shop).get().public_id
    path = f"/benefits/entitlements/give/{member}/"

    missing = owner.post(path, {"benefit": benefit.public_id, "reason": ""})
    given = owner.post(path, {"benefit": benefit.public_id, "reason": "late parcel"}, follow=True)
    (mine,) = stored(shop)
    taken = owner.post(f"/benefits/entitlements/{mine.code}/revoke", {"reason": "mistake"}, follow=True)

    assert missing.status_code == 422 and "is given. Show the member the code." in text(given)
    assert "Its code is no longer valid." in text(taken)
    assert [row.state for row in stored(shop)] == ["revoked"]
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = AuditRow.objects.of(shop).filter(action__startswith="entitlement.").order_by("id")
        assert list(rows.values_list("action", "reason")) == [
            ("entitlement.given", "late parcel"),
            ("entitlement.revoked", "mistake"),
        ]


def test_a_change_of_something_else_does_not_put_taken_pieces_back(owner, shop):
    benefit = coupon(shop)
    path = f"/benefits/{benefit.public_id}/change/"
    with tenancy.tenant(shop.pk):
        benefits.change_benefit(
            merchant_id=shop.pk, benefit_id=benefit.pk, at=timezone.now(), actor=JOB, stock=5
        )
    body = {"name": "Other", "sort": "amount", "off_minor": "10", "stock": "5", "stock_seen": "5"}
    claimed(shop, benefit)

    owner.post(path, body)
    assert (stored(shop, Benefit)[0].name, stored(shop, Benefit)[0].stock) == ("Other", 4)
    owner.post(path, body | {"stock": "9"})
    assert stored(shop, Benefit)[0].stock == 9


@pytest.mark.parametrize(
    ("kind", "own", "settings"),
    [
        ("coupon", {"sort": "amount", "off_minor": "10"}, {"off_minor": 1000}),
        ("welcome_gift", {"gift": "Tea", "value_minor": "20"}, {"gift": "Tea", "value_minor": 2000}),
        ("birthday_gift", {"gift": "Cake"}, {"gift": "Cake"}),
        ("points_exchange", {"gift": "Tea", "points": "200"}, {"item": "Tea", "points": 200}),
    ],
)
def test_limits_are_set_in_the_form_and_kept_by_a_change(owner, shop, kind, own, settings):
    limits = {"uses": "2", "valid_days": "30", "per_member_month": "1"}
    owner.post(f"/benefits/new/{kind}/", {"name": "X", **own, **limits})
    (made,) = stored(shop, Benefit)

    assert made.settings == settings | {"uses": 2, "valid_days": 30, "per_member_month": 1}
    page = owner.get(f"/benefits/{made.public_id}/change/").content.decode()
    assert 'value="30"' in page
    wrong = owner.post(f"/benefits/new/{kind}/", {"name": "X", **own, "uses": "0"})
    assert wrong.status_code == 422


# ---- segments -------------------------------------------------------------------------------------------------------


def test_a_segment_means_who_used_a_benefit_until_it_is_undone(owner, clerk, shop):
    benefit = coupon(shop)
    mine = claimed(shop, benefit)
    rules = [
        {"all": [{"fact": "benefit", "op": "is_in", "value": [benefit.public_id], "days": 30}]},
        {"all": [{"fact": "benefit_uses", "op": "at_least", "value": 1}]},
    ]

    def counted() -> list[int]:
        with tenancy.tenant(shop.pk), transaction.atomic():
            known = segments.shop(merchant=shop, at=timezone.now())
            return [segments.count(shop=known, rule=check(rule, known.known)) for rule in rules]

    assert counted() == [0, 0]
    clerk.post(PAGE, {"code": mine.code})
    assert counted() == [1, 1]
    clerk.post(f"{PAGE}undo", {"use": stored(shop, EntitlementUse)[0].public_id})
    assert counted() == [0, 0]
    assert "Benefit used" in owner.get("/members/segments/new").content.decode()
    gone = {"all": [{"fact": "benefit", "op": "is_in", "value": ["nothing"]}]}
    with tenancy.tenant(shop.pk), transaction.atomic():
        known = segments.shop(merchant=shop, at=timezone.now()).known
    with pytest.raises(Invalid):
        check(gone, known)


def test_a_till_that_says_where_it_stands_takes_the_codes_of_that_place(shop, owner):
    with tenancy.tenant(shop.pk), transaction.atomic():
        store = Store.objects.create(merchant=shop, channel="pos", code="009", name="West Lake")
    key = f"pos:{store.code}"
    mine = claimed(shop, scoped(shop, {"stores": [key], "scenes": ["dinner"]}))
    before = owner.get(f"{PAGE}?code={mine.code}").content.decode()
    owner.post(PAGE, {"code": mine.code, "once": "abcdefgh23456789"})
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert not EntitlementUse.objects.of(shop).exists()

    kept = owner.post(f"{PAGE}place", {"store": key, "scene": "dinner", "code": mine.code})
    after = owner.get(kept.url).content.decode()
    done = owner.post(PAGE, {"code": mine.code, "once": "abcdefgh23456780"})
    foreign = owner.post(f"{PAGE}place", {"store": "pos:404"}, follow=True).content.decode()

    assert f"only at: {store.name}, for: dinner" in before and ">Redeem code<" not in before
    assert f"{store.name} (Point of sale), dinner" in after and ">Redeem code<" in after
    assert "done=" in done.url
    assert "Choose a store of the list" in foreign
