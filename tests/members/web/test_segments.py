"""Segments in the console: the builder without a script, the live count, members, overlap, file; lifecycle and RFM."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from members.lib import tenant as tenancy
from members.lib.segments import MOST_LEVELS
from members.models import Member, MemberTag, Segment
from members.services import segments
from members.services.audit import Actor
from tests.factories import ledger

BUYERS = {"all": [{"fact": "orders", "op": "at_least", "value": 1}]}
RICH = {"all": [{"fact": "spend", "op": "at_least", "value": 10_000, "days": 90}]}
FORM = {
    "name": "Good customers",
    "once": "abcdefghjk234567",
    "r-match": "all",
    "node": ["c r.0", "g r.1", "c r.1.0"],
    "r.0-fact": "spend",
    "r.0-op": "at_least",
    "r.0-value": "１00.00 元",
    "r.0-days": "90",
    "r.1-match": "none",
    "r.1.0-fact": "channel",
    "r.1.0-op": "is_in",
    "r.1.0-chosen": ["jd"],
}
STORED = {
    "all": [
        {"fact": "spend", "op": "at_least", "value": 10_000, "days": 90},
        {"none": [{"fact": "channel", "op": "is_in", "value": ["jd"]}]},
    ]
}


@pytest.fixture
def owner(client, cast):
    """Three members: one spent 150.00, one 50.00, one nothing."""
    at = timezone.now() - dt.timedelta(days=2)
    ledger.open_shop(cast.shop, at)
    for name, amount in (("u1", 15_000), ("u2", 5_000), ("u3", 0)):
        member = ledger.join(cast.shop, at, name, phone=f"+86139123400{name[1]}1", name="王芳")
        if amount:
            ledger.buy(cast.shop, member, f"o-{name}", at, amount)
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def stored(shop) -> list[Segment]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(Segment.objects.of(shop).order_by("pk"))


def make(shop, name="Buyers", rule=BUYERS) -> Segment:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return segments.create(
            merchant_id=shop.pk, at=timezone.now(), actor=Actor.job("test"), name=name, rule=rule
        )


def count_of(html: str) -> str:
    found = re.search(r'<p class="big">([^<]*)</p>', html)
    assert found, html
    return found[1]


def test_an_empty_list_offers_three_ready_rules_and_each_opens_counted(owner):
    page = owner.get("/members/segments").content.decode()

    offered = re.findall(r'href="(/members/segments/new\?template=[\w-]+)"', page)
    assert len(offered) == 3
    assert [count_of(owner.get(url).content.decode()) for url in offered] == ["3", "0", "0"]


def test_a_rule_is_built_without_a_script(owner, cast):
    """Buttons alone: a condition more, a group with one, its fact changed, one taken out, and saved."""
    page = owner.post("/members/segments/new", {**FORM, "add_condition": "r.1"}).content.decode()
    assert 'value="c r.1.1"' in page and stored(cast.shop) == []

    page = owner.post("/members/segments/new", {**FORM, "add_group": "r"}).content.decode()
    assert 'value="g r.2"' in page and 'value="c r.2.0"' in page

    page = owner.post("/members/segments/new", {**FORM, "remove": "r.1"}).content.decode()
    assert 'value="g r.1"' not in page and count_of(page) == "1"

    changed = {**FORM, "r.0-fact": "tier", "refresh": "1"}
    page = owner.post("/members/segments/new", changed).content.decode()
    assert 'name="r.0-chosen" value="silver"' in page

    response = owner.post("/members/segments/new", {**FORM, "save": "1"}, follow=True)

    (segment,) = stored(cast.shop)
    assert segment.rule == STORED and response.redirect_chain
    page = response.content.decode()
    assert "Amount spent in the last 90 days: at least ¥100.00" in page
    assert "Channel of joining: one of JD" in page and count_of(page) == "1"


def test_the_same_form_sent_twice_makes_one(owner, cast):
    for _each in range(2):
        owner.post("/members/segments/new", {**FORM, "save": "1"})

    assert len(stored(cast.shop)) == 1


def test_the_count_is_answered_while_typing(owner):
    headers = {"HX-Request": "true", "HX-Target": "count"}

    piece = owner.post("/members/segments/new", {**FORM, "r.0-value": "20"}, headers=headers).content.decode()
    half = owner.post("/members/segments/new", {**FORM, "r.0-value": ""}, headers=headers).content.decode()

    assert "<form" not in piece and count_of(piece) == "2" and "66.6% of 3 members" in piece
    assert count_of(half) == "--"


def test_what_is_wrong_is_told_at_its_place(owner, cast):
    wrong = {**FORM, "save": "1", "r.0-value": "a lot", "r.1.0-chosen": []}
    response = owner.post("/members/segments/new", wrong)
    page = response.content.decode()

    assert response.status_code == 422 and stored(cast.shop) == []
    assert 'href="#id_r.0-value"' in page and "Choose at least one." in page and 'value="a lot"' in page

    response = owner.post("/members/segments/new", {"name": "x", "r-match": "any", "save": "1"})
    assert response.status_code == 422 and "This group is empty" in response.content.decode()

    response = owner.post(
        "/members/segments/new",
        {**FORM, "save": "1", "r.0-op": "between", "r.0-value": "5", "r.0-high": "4"},
    )
    assert "is more than the most" in response.content.decode() and stored(cast.shop) == []


def test_a_rule_for_everybody_asks_first(owner, cast):
    everybody = {
        "name": "All",
        "node": "c r.0",
        "r-match": "all",
        "r.0-fact": "joined",
        "r.0-op": "at_least",
        "r.0-value": "0",
        "save": "1",
    }
    asked = owner.post("/members/segments/new", everybody)
    assert asked.status_code == 422 and 'name="everybody"' in asked.content.decode()
    assert stored(cast.shop) == []

    owner.post("/members/segments/new", {**everybody, "everybody": "on"})
    assert [each.name for each in stored(cast.shop)] == ["All"]


def test_a_segment_is_changed_and_deleted_by_name(owner, cast):
    segment = make(cast.shop)
    page = owner.get(f"/members/segments/{segment.public_id}/edit").content.decode()
    assert 'name="r.0-fact"' in page and count_of(page) == "2"

    owner.post(f"/members/segments/{segment.public_id}/edit", {**FORM, "version": "1", "save": "1"})
    (changed,) = stored(cast.shop)
    assert (changed.name, changed.rule, changed.version) == ("Good customers", STORED, 2)

    late = owner.post(
        f"/members/segments/{segment.public_id}/edit", {**FORM, "name": "Late", "version": "1", "save": "1"}
    )
    assert late.status_code == 422 and "Somebody changed this segment" in late.content.decode()

    page = owner.get(f"/members/segments/{segment.public_id}").content.decode()
    assert "Delete “Good customers”?" in page
    owner.post(f"/members/segments/{segment.public_id}/delete")
    assert stored(cast.shop) == []


def test_members_overlap_file_snapshot_and_tag(owner, cast):
    buyers, rich = make(cast.shop), make(cast.shop, "Rich", RICH)
    url = f"/members/segments/{buyers.public_id}"

    page = owner.get(url, {"with": rich.public_id}).content.decode()
    assert "139****0011" in page and "13912340011" not in page
    assert re.findall(r"<dd>([^<]+)</dd>", page) == ["1", "50%", "100%"]

    response = owner.get(f"{url}/members.csv")
    lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()
    assert len(lines) == 3 and "139****0011" in lines[2] and "王*" in lines[2] and "王芳" not in lines[2]

    owner.post(f"{url}/snapshot", {"name": "Buyers then", "once": "abcdefghjk234567"})
    taken = stored(cast.shop)[-1]
    assert taken.kind == "static"
    page = owner.get(f"/members/segments/{taken.public_id}").content.decode()
    assert count_of(page) == "2" and "changes no more" in page

    owner.post(f"{url}/tag", {"tag": "buyer"})
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        assert MemberTag.objects.of(cast.shop).filter(name="buyer").count() == 2
    assert owner.post(f"{url}/tag", {"tag": ""}).status_code == 422


def test_a_tag_is_put_on_a_member_and_taken_off_on_its_page(owner, client, cast):
    (member, *_others) = ledger_members(cast.shop)
    url = f"/members/{member.public_id}"

    page = owner.post(f"{url}/tags", {"tag": " tea  lover "}, follow=True).content.decode()
    assert "The tag “tea lover” is put on." in page and 'name="untag" value="tea lover"' in page
    page = owner.post(f"{url}/tags", {"tag": "", "untag": "tea lover"}, follow=True).content.decode()
    assert "is taken off" in page and 'name="untag"' not in page
    assert "A tag has 1 to 40" in owner.post(f"{url}/tags", {"tag": ""}, follow=True).content.decode()

    client.force_login(cast.clerk)
    assert client.post(f"{url}/tags", {"tag": "x"}).status_code == 403
    assert 'name="tag"' not in client.get(url).content.decode()


def ledger_members(shop) -> list[Member]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(Member.objects.of(shop).order_by("pk"))


def test_a_rule_that_names_what_is_gone_says_so(owner, cast):
    segment = make(cast.shop)
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        rule = {"any": [*BUYERS["all"], {"fact": "tier", "op": "is_in", "value": ["gold"]}]}
        Segment.objects.of(cast.shop).update(rule=rule)

    page = owner.get(f"/members/segments/{segment.public_id}").content.decode()
    listed = owner.get("/members/segments").content.decode()

    assert "no longer there: gold" in page and count_of(page) == "2" and "Needs a change" in listed


def test_a_rule_that_names_a_tag_nobody_has_any_more_says_so(owner, cast):
    member = ledger_members(cast.shop)[0]
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        tag = MemberTag.objects.create(merchant=cast.shop, member=member, name="vip", at=timezone.now())
    segment = make(cast.shop, rule={"all": [{"fact": "tag", "op": "is_in", "value": ["vip"]}]})
    assert "Needs a change" not in owner.get("/members/segments").content.decode()
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        MemberTag.objects.of(cast.shop).filter(member=member, name=tag.name).delete()

    page = owner.get(f"/members/segments/{segment.public_id}").content.decode()

    assert "no longer there: vip" in page
    assert "Needs a change" in owner.get("/members/segments").content.decode()


def test_a_segment_that_is_too_large_says_so_and_can_be_changed(owner, cast):
    """Stored before there was a limit: its own pages stand, nothing is asked, and the builder opens."""
    below = make(cast.shop, "Level 0")
    others = [below]
    for number in range(1, MOST_LEVELS + 2):
        rule = {"all": [{"fact": "segment", "op": "is_in", "value": [others[-1].public_id]}]}
        with tenancy.tenant(cast.shop.pk), transaction.atomic():
            now = timezone.now()
            others.append(
                Segment.objects.create(
                    merchant=cast.shop, name=f"Level {number}", rule=rule, created_at=now, changed_at=now
                )
            )
    large = others[-1]
    url = f"/members/segments/{large.public_id}"
    before = [(each.name, each.rule, each.version) for each in stored(cast.shop)]

    page = owner.get(url, {"with": below.public_id}).content.decode()
    assert "more conditions or levels than can be asked" in page and f"{url}/edit" in page
    assert count_of(page) == "--" and "cannot be compared" in page
    listed = owner.get("/members/segments").content.decode()
    assert "Needs a change" in listed and "Level 0" in listed
    assert owner.get(f"{url}/members.csv").status_code == 302
    for act, data in (("snapshot", {"name": "Then", "once": ""}), ("tag", {"tag": "vip"})):
        answer = owner.post(f"{url}/{act}", data)
        assert answer.status_code == 422 and "too many conditions" in answer.content.decode()
    assert [(each.name, each.rule, each.version) for each in stored(cast.shop)] == before
    assert owner.get(f"{url}/edit").status_code == 200


def test_a_cashier_and_another_shop_see_nothing(owner, client, cast):
    segment = make(cast.shop)
    client.force_login(cast.clerk)
    assert client.get("/members/segments").status_code == 403

    client.force_login(cast.outsider)
    for path in ("", "/edit", "/members.csv"):
        assert client.get(f"/members/segments/{segment.public_id}{path}").status_code == 404
    for path in ("/delete", "/snapshot", "/tag"):
        assert client.post(f"/members/segments/{segment.public_id}{path}").status_code == 404
    assert [each.pk for each in stored(cast.shop)] == [segment.pk]


def test_the_lifecycle_page_warns_of_who_is_late(owner, cast):
    """Buys every 12 days, last 31 days ago: the allowance is 12 and a week."""
    now = timezone.now()
    member = ledger.join(cast.shop, now, "regular")
    for number in range(5):
        paid_at = now - dt.timedelta(days=31 + 12 * number)
        ledger.buy(cast.shop, member, f"r{number}", now, 2_000, paid_at=paid_at, completed_at=paid_at)

    page = owner.get("/members/lifecycle").content.decode()
    assert "Usually buys every 12 days, last 31 days ago" in page and "¥100.00" in page
    assert "template=at-risk" in page
    built = owner.get("/members/segments/new", {"template": "at-risk"}).content.decode()
    assert count_of(built) == "1"
    page = owner.get("/members/lifecycle", {"stage": "decline"}).content.decode()
    assert member.public_id in page and "template=stage-decline" in page
    built = owner.get("/members/segments/new", {"template": "stage-decline"}).content.decode()
    assert count_of(built) == "1"


def test_a_cell_of_the_grid_opens_its_members(owner):
    page = owner.get("/members/rfm", {"by": "spend"}).content.decode()

    # Two who bought on one day: equal recency, 50.00 scores 1, 150.00 scores 3.
    cells = re.findall(r'href="\?by=spend&amp;recency=(\d)&amp;score=(\d)#cell">(\d+)</a>', page)
    assert cells == [("1", "3", "1"), ("1", "1", "1")]
    opened = owner.get("/members/rfm", {"by": "spend", "recency": "1", "score": "3"}).content.decode()
    assert "139****0011" in opened and "139****0021" not in opened


@pytest.mark.parametrize("query", ["?stage=x", "?page=99", "?stage=lost&page=0"])
def test_odd_addresses_of_the_lifecycle_show_the_page(owner, query):
    assert owner.get(f"/members/lifecycle{query}").status_code == 200


@pytest.mark.parametrize("query", ["?by=x", "?recency=9&score=1", "?recency=²&score=1", "?recency=1"])
def test_odd_addresses_of_the_grid_show_the_page(owner, query):
    assert owner.get(f"/members/rfm{query}").status_code == 200


def test_pages_of_many_members_ask_as_many_queries_as_of_few(owner, cast, django_assert_max_num_queries):
    segment = make(cast.shop)
    for path in (f"segments/{segment.public_id}", "segments", "lifecycle", "rfm?recency=1&score=1"):
        with django_assert_max_num_queries(45):
            assert owner.get(f"/members/{path}").status_code == 200


@pytest.mark.parametrize("path", ["r." + "9" * 5_000, "r." + "9" * 5_000 + ".0", "r.²", "r.-1", ""])
def test_taking_out_what_is_not_there_changes_nothing(owner, path):
    response = owner.post("/members/segments/new", {**FORM, "remove": path})

    assert response.status_code in (200, 302, 422)


def test_the_list_tells_the_counts_that_are_kept_and_counts_again_when_asked(owner, client, cast):
    make(cast.shop)
    page = owner.get("/members/segments").content.decode()
    assert re.search(r'<td class="num">2<span class="sub">counted ', page)
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        third = Member.objects.of(cast.shop).order_by("pk").last()
    ledger.buy(cast.shop, third, "o-more", timezone.now(), 700)
    assert '<td class="num">2<span' in owner.get("/members/segments").content.decode()

    page = owner.post("/members/segments/recount", follow=True).content.decode()

    assert "1 segment is counted." in page and '<td class="num">3<span' in page
    assert owner.get("/members/segments/recount").status_code == 403


def test_an_estimate_says_that_it_is_about():
    page = render_to_string(
        "members/segments/_count.html", {"count": 1_200, "total": 5_000, "share": 240, "is_about": True}
    )

    assert '<p class="big">about 1,200</p>' in page and "from a sample" in page
