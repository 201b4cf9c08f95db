"""The control group in forms, and the page of what a benefit changed."""

from __future__ import annotations

import csv
import datetime as dt
import io

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from benefits.models import Benefit, Exposure, GiftCampaign
from benefits.services import campaign_work, exposures
from members.lib import tenant as tenancy
from members.models import DailyTotal, Member
from tests.api import join, open_shop
from tests.benefits.web.test_own import ONCE, own, publish, reader, stored, text

FORM = {"name": "Ten off", "sort": "amount", "off_minor": "10", "audience": "everyone", "once": ONCE}


@pytest.fixture
def shop(cast):
    open_shop(cast.shop)
    return cast.shop


def of(shop) -> list[Benefit]:
    return stored(shop, Benefit)


def fill(shop, members: int) -> None:
    """Copies of one member, who cost the test no joining each."""
    model = join(shop, "u1")
    named = {f.attname: getattr(model, f.attname) for f in Member._meta.concrete_fields}
    with tenancy.tenant(shop.pk), transaction.atomic():
        Member.objects.bulk_create(
            Member(**named | {"id": None, "public_id": f"copy{n}"}) for n in range(members)
        )


def buy(shop, benefit: Benefit, treated_minor: int, held_minor: int) -> None:
    """Every second member of each arm buys today."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = list(Exposure.objects.of(shop.pk).filter(benefit=benefit).order_by("is_held", "id"))[::2]
        DailyTotal.objects.bulk_create(
            DailyTotal(
                merchant_id=shop.pk, member_id=row.member_id, day=timezone.localdate(), orders=1,
                spend_minor=held_minor if row.is_held else treated_minor,
            )
            for row in rows
        )  # fmt: skip


def test_the_share_is_asked_when_it_is_published_shown_and_not_asked_again(owner, shop):
    assert "Control group (%)" in text(owner.get("/benefits/new/coupon/"))
    for kind in ("member_price", "lucky_draw", "points_exchange"):
        assert "Control group" not in text(owner.get(f"/benefits/new/{kind}/"))
    refused = owner.post("/benefits/new/coupon/", FORM | {"holdout_percent": "60"})
    assert refused.status_code == 422 and "The most is 50." in text(refused) and of(shop) == []

    owner.post("/benefits/new/coupon/", FORM | {"holdout_percent": "20"})
    (benefit,) = of(shop)
    assert benefit.holdout_percent == 20
    page = owner.get(reverse("benefits:benefits_detail", args=[benefit.public_id]))
    assert "Control group (%) 20" in text(page) and "What it changed" in text(page)
    change = reverse("benefits:benefits_change", args=[benefit.public_id])
    assert "Control group" not in text(owner.get(change))
    owner.post(change, FORM | {"name": "Other", "holdout_percent": "0"})
    assert [(each.name, each.holdout_percent) for each in of(shop)] == [("Other", 20)]


def test_who_is_held_out_is_offered_nothing_on_their_own_page(shop):
    benefit = publish(shop, holdout_percent=50)
    seen: dict[bool, bool] = {}
    for n in range(40):  # until there is one of each; 8 alone are one of a kind once in 128 times
        if len(seen) == 2:
            break
        member = join(shop, f"m{n}")
        held = exposures.is_held(benefit.public_id, 50, member.pk)
        seen[held] = "Ten off" in text(reader().get(own(shop, member), follow=True))
    assert seen == {True: False, False: True}


def test_the_page_says_what_it_changed_with_intervals_and_cost_and_so_does_the_file(owner, shop, clerk):
    fill(shop, 400)
    benefit = publish(shop, holdout_percent=50, audience={"tiers": ["base"]})
    path = reverse("benefits:effects_page", args=[benefit.public_id])
    assert "Too few to tell" in text(owner.get(path))
    with tenancy.platform():
        exposures.enrol(merchant_id=shop.pk, benefit_id=benefit.pk, at=timezone.now())
    buy(shop, benefit, 20_000, 2_000)

    page = text(owner.get(path))
    for words in (
        "It brings sales: ¥",
        "control group of 50 %",
        "30 days",
        "for 0 of 401 members",
        "Members who bought",
    ):
        assert words in page, words
    assert "Cannot tell" in page, "as many bought"
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(owner.get(path[:-1] + ".csv").text))}
    treated, held = (int(each) for each in rows["Members"][:2])
    assert treated + held == 401 and min(treated, held) > 150
    assert rows["Sales of a member"][5] == "More than by chance" and rows["What members saved"] == ["¥0.00"]
    assert "Cannot tell" in text(owner.get(path + "?days=7")) and clerk.get(path).status_code == 403


def test_without_a_control_group_there_is_no_such_page_and_another_shop_sees_none(owner, outsider, shop):
    plain, held = publish(shop), publish(shop, holdout_percent=10)
    for name in ("effects_page", "effects_csv"):
        assert owner.get(reverse(f"benefits:{name}", args=[plain.public_id])).status_code == 404
        assert owner.get(reverse(f"benefits:{name}", args=[held.public_id])).status_code == 200
        assert outsider.get(reverse(f"benefits:{name}", args=[held.public_id])).status_code == 404


def test_a_campaign_is_given_a_group_of_its_own_and_a_page(owner, shop):
    for n in range(12):
        join(shop, f"m{n}")
    benefit = publish(shop)
    new = reverse("benefits:campaigns_new", args=[benefit.public_id])
    said = {
        "audience": "everyone",
        "reason": "Ten years",
        "once": ONCE,
        "holdout_percent": "50",
        "confirm": "1",
    }
    owner.post(new, said)
    (campaign,) = stored(shop, GiftCampaign)
    at = timezone.now() + dt.timedelta(minutes=1)
    with tenancy.tenant(shop.pk):
        done = campaign_work.work(merchant_id=shop.pk, job_id=campaign.pk, now=lambda: at)

    report = text(owner.get(reverse("benefits:campaigns_page", args=[campaign.public_id])))
    assert f"Not given: In the control group {12 - done.issued}" in report and "What it changed" in report
    page = text(owner.get(reverse("benefits:effects_campaign", args=[campaign.public_id])))
    assert f"May have it {done.issued}, control group {12 - done.issued} " in page
    assert f"Members who got it {done.issued}" in page
    file = owner.get(reverse("benefits:effects_campaign_csv", args=[campaign.public_id])).text
    assert f"Members,{done.issued},{12 - done.issued}" in file
