"""A till finds a member's codes by the whole number alone, and shows whose they are masked."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.utils import timezone

from benefits.services import claims
from members.lib import tenant as tenancy
from members.models import Member
from members.services import members, programs
from tests.benefits.web.test_cashier import JOB, PAGE, coupon, shop

__all__ = ["shop"]  # a fixture


def test_a_member_without_the_code_is_found_by_the_whole_number_and_shown_masked(clerk, shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        members.join(
            merchant_id=shop.pk, at=timezone.now(), actor=JOB, channel="pos", external_id="card-7", phone="13800138000",
            name="李小红",
        )  # fmt: skip
        member = Member.objects.of(shop).order_by("pk").last()
        made = coupon(shop)
        mine, _new = claims.claim(
            merchant_id=shop.pk,
            at=timezone.now(),
            actor=JOB,
            member_id=member.pk,
            benefit_id=made.pk,
            key="k",
        )

    pages = [
        clerk.post(f"{PAGE}member", {"who": who}).content.decode()
        for who in ("13800138000", "138 0013 8000", "card-7", member.public_id)
    ]

    for page in pages:
        assert f'href="{PAGE}?code={mine.code}"' in page and "Ten off" in page
        assert "李小红" not in page and "13800138000" not in page.split("<main")[1].split("who-title")[0]
    assert clerk.get(f"{PAGE}member").status_code == 405


@pytest.mark.parametrize("who", ["", "8000", "1380013800", "王小明", "nobody", "x" * 129, "1\x00"])
def test_a_part_of_a_number_a_name_and_another_shops_member_find_nobody(clerk, shop, cast, who):
    with tenancy.tenant(cast.other.pk), transaction.atomic():
        programs.open_program(merchant_id=cast.other.pk, at=timezone.now(), actor=JOB)
        members.join(
            merchant_id=cast.other.pk, at=timezone.now(), actor=JOB, channel="web", external_id="nobody",
            phone="13800138000",
        )  # fmt: skip

    answer = clerk.post(f"{PAGE}member", {"who": who})

    assert answer.status_code == 422 and "?code=" not in answer.content.decode()
