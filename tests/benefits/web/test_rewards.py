"""The rewards shop: a member orders on their own page, staff follow the order in the console; files, who may act."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.utils import timezone

from benefits.models import Benefit, Entitlement, RewardOrder
from benefits.services import benefits
from members.lib import tenant as tenancy
from tests.api import close, join, open_shop
from tests.benefits.web.test_own import JOB, give, own, publish, reader, stored, text

CUP = {"item": "Cup", "points": 200, "delivery": "order", "money_minor": 990}
SENT_TO = "Ann 13800138000 Road 1"
ORDERS = "/benefits/rewards/orders/"


@pytest.fixture
def shop(cast):
    open_shop(cast.shop)
    return cast.shop


@pytest.fixture
def member(shop):
    made = join(shop, "u1", name="王小明")
    give(shop, made, 250)
    return made


def cup(shop, **more) -> Benefit:
    settings = CUP | more.pop("settings", {})
    return publish(shop, "points_exchange", name="A cup", settings=settings, **{"stock": 5, **more})


def ordered(shop, member, benefit, **form) -> RewardOrder:
    page = reader().post(
        f"{own(shop, member)}rewards/{benefit.public_id}/", {"send_to": SENT_TO, **form}, follow=True
    )
    assert page.status_code == 200, text(page)
    return stored(shop, RewardOrder)[-1]


def test_a_member_orders_a_reward_on_their_page_and_sees_what_becomes_of_it(shop, member, owner):
    benefit, path, client = cup(shop), own(shop, member), reader()
    looked = text(client.get(path))
    form = {"send_to": SENT_TO, "once": "abcdefgh23456789"}

    for _twice in range(2):
        done = client.post(f"{path}rewards/{benefit.public_id}/", form, follow=True)

    (order,) = stored(shop, RewardOrder)
    assert "A cup" in looked and "200 points" in looked and "¥9.90" in looked
    assert "Ordered. You see here when it is sent." in text(done) and "Placed" in text(done)
    assert (order.member_id, order.send_to, stored(shop, Benefit)[0].stock) == (member.pk, SENT_TO, 4)
    for act, form in (("pay", {}), ("ship", {"tracking": "SF 1"}), ("receive", {})):
        assert owner.post(f"{ORDERS}{order.public_id}/{act}", form, follow=True).status_code == 200
    said = text(client.get(path))
    assert "Received" in said and "SF 1" in said and "50 available" in said


def test_a_reward_as_a_code_is_exchanged_on_the_page(shop, member):
    benefit = publish(shop, "points_exchange", name="Tea", settings={"item": "Tea", "points": 200})

    done = reader().post(f"{own(shop, member)}rewards/{benefit.public_id}/", {}, follow=True)

    (mine,) = stored(shop, Entitlement)
    assert mine.paid_amount == 200 and mine.code[:5] in text(done)


def test_what_cannot_be_ordered_says_why_and_nothing_is_spent(shop, member):
    client, path = reader(), own(shop, member)
    dear, gone = cup(shop, settings={"points": 251}), cup(shop, stock=0)
    there = cup(shop)

    short = client.post(f"{path}rewards/{dear.public_id}/", {"send_to": SENT_TO})
    out = client.post(f"{path}rewards/{gone.public_id}/", {"send_to": SENT_TO})
    nowhere = client.post(f"{path}rewards/{there.public_id}/", {"send_to": " "})

    assert short.status_code == out.status_code == nowhere.status_code == 422
    assert "1 points missing" in text(client.get(path)) or "250" in text(short)
    assert "Nothing is left" in text(out) and "Write name, phone and address" in text(nowhere)
    assert "Spend 251 points" not in text(client.get(f"{path}rewards/{dear.public_id}/"))
    assert client.get(f"{path}rewards/nobody/").status_code == 404
    assert stored(shop, RewardOrder) == []


@pytest.mark.parametrize("kind", ["closed", "cleared"])
def test_a_paused_program_offers_no_rewards_and_its_orders_are_still_sent(shop, member, owner, kind):
    benefit = cup(shop)
    order = ordered(shop, member, benefit)
    close(shop, kind)
    client, path = reader(), own(shop, member)

    said = text(client.get(path))
    refused = client.post(f"{path}rewards/{benefit.public_id}/", {"send_to": SENT_TO})
    for act in ("pay", "ship"):
        owner.post(f"{ORDERS}{order.public_id}/{act}", {})
    cancel = owner.post(f"{ORDERS}{order.public_id}/cancel", {"reason": "late"}, follow=True)

    assert "Rewards for points" not in said and "Your orders of rewards" in said
    assert refused.status_code == 422 and len(stored(shop, RewardOrder)) == 1
    assert stored(shop, RewardOrder)[0].state == "shipped" and cancel.status_code == 200
    assert owner.get(ORDERS).status_code == 200


def test_staff_find_an_order_see_its_address_logged_and_cancel_it_with_a_reason(shop, member, owner):
    order = ordered(shop, member, cup(shop))
    path = f"{ORDERS}{order.public_id}/"

    page, shown = owner.get(path), owner.post(f"{path}address", {"reason": "to send it"})
    unsaid = owner.post(f"{path}address", {"reason": " "})
    without = owner.post(f"{path}cancel", {"reason": ""})
    done = owner.post(f"{path}cancel", {"reason": "sold out"}, follow=True)

    assert SENT_TO not in text(page) and SENT_TO in text(shown) and "¥9.90 is due" in text(page)
    ids = re.findall(r' id="([^"]+)"', page.content.decode())
    assert len(ids) == len(set(ids))
    assert unsaid.status_code == 422 and SENT_TO not in text(unsaid) and "Say why you need" in text(unsaid)
    assert without.status_code == 422 and "Say why it is cancelled" in text(without)
    assert "its points are given back" in text(done) and "sold out" in text(done)
    assert stored(shop, RewardOrder)[0].state == "cancelled"


def test_the_list_is_filtered_and_is_a_file_without_addresses(shop, member, owner):
    benefit = cup(shop, settings={"points": 100})
    first = ordered(shop, member, benefit, once="abcdefgh23456789")
    second = ordered(shop, member, benefit, once="abcdefgh23456788")
    owner.post(f"{ORDERS}{first.public_id}/cancel", {"reason": "late"})

    narrowed = text(owner.get(ORDERS, {"state": "placed"}))
    found = text(owner.get(ORDERS, {"q": first.public_id}))
    file = owner.get(f"{ORDERS.rstrip('/')}.csv", {"state": "cancelled"})

    assert second.public_id in narrowed and first.public_id not in narrowed
    assert first.public_id in found and second.public_id not in found
    content = b"".join(file.streaming_content).decode()
    rows = list(csv.reader(io.StringIO(content.lstrip("\ufeff"))))
    assert [row[0] for row in rows[1:]] == [first.public_id] and "王*" in content and "Road" not in content
    rewards = owner.get("/benefits/rewards.csv").content.decode()
    assert "A cup" in rewards and "¥9.90" in rewards
    assert "A cup" in text(owner.get("/benefits/rewards/"))


def test_a_reward_is_published_from_the_form_and_changed(shop, owner):
    form = {
        "name": "A cup", "gift": "Cup", "points": "200", "delivery": "order", "money_minor": "9.90", "stock": "5",
        "audience": "everyone", "once": "abcdefgh23456789",
    }  # fmt: skip
    wrong = owner.post("/benefits/new/points_exchange/", form | {"valid_days": "3"})
    done = owner.post("/benefits/new/points_exchange/", form, follow=True)

    assert wrong.status_code == 422 and "has a stock and limits" in text(wrong)
    assert "is published" in text(done) and "Cup for 200 points and ¥9.90" in text(done)
    (benefit,) = stored(shop, Benefit)
    assert benefit.settings == {"item": "Cup", "points": 200, "delivery": "order", "money_minor": 990}
    assert 'value="order"' in owner.get(f"/benefits/{benefit.public_id}/change/").content.decode()


def test_another_shops_orders_are_not_there_and_a_cashier_does_not_send(shop, member, outsider, clerk):
    order = ordered(shop, member, cup(shop))
    path = f"{ORDERS}{order.public_id}/"

    assert outsider.get(path).status_code == 404
    assert outsider.post(f"{path}ship", {}).status_code == 404
    assert clerk.get(path).status_code == 403 and clerk.post(f"{path}ship", {}).status_code == 403
    assert stored(shop, RewardOrder)[0].state == "placed"


@pytest.mark.parametrize("settings", [{"points": 250}, {"money_minor": 9_990}])
def test_nothing_is_spent_at_another_price_than_the_page_showed(shop, member, owner, settings):
    benefit, path, client = cup(shop), own(shop, member), reader()
    there = f"{path}rewards/{benefit.public_id}/"
    shown = client.get(there).context["reward"]["seen"]
    with tenancy.tenant(shop.pk):
        benefits.change_benefit(
            merchant_id=shop.pk, benefit_id=benefit.pk, at=timezone.now(), actor=JOB, settings=CUP | settings
        )

    page = client.post(there, {"send_to": SENT_TO, "seen": shown})

    assert page.status_code == 422 and "was changed at this very moment" in text(page)
    assert stored(shop, RewardOrder) == []
    form = {"send_to": SENT_TO, "seen": page.context["reward"]["seen"]}
    assert client.post(there, form).status_code == 302 and len(stored(shop, RewardOrder)) == 1


def test_no_code_is_exchanged_at_another_price_than_the_page_showed(shop, member):
    benefit = publish(shop, "points_exchange", name="Tea", settings={"item": "Tea", "points": 200})
    path = f"{own(shop, member)}rewards/{benefit.public_id}/"

    page = reader().post(path, {"seen": "100-0"})

    assert page.status_code == 422 and stored(shop, Entitlement) == []
    assert reader().post(path, {"seen": "200-0"}).status_code == 302


def test_staff_are_told_that_the_member_reads_why_an_order_was_cancelled(shop, member, owner):
    order = ordered(shop, member, cup(shop))

    assert "The member sees it" in text(owner.get(f"{ORDERS}{order.public_id}/"))
    owner.post(f"{ORDERS}{order.public_id}/cancel", {"reason": "sold out"})
    assert "sold out" in text(reader().get(own(shop, member)))
