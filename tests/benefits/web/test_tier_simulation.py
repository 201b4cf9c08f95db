"""The simulator of tiers tells which benefits change hands."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.utils import timezone

from benefits.services import benefits
from members.lib import tenant as tenancy
from members.services.audit import Actor
from tests.factories import ledger
from tests.factories.benefits import OFF

FORM = {
    "simulate": "1", "window_kind": "rolling", "window_days": "365", "validity_months": "12", "grace_days": "0",
    "downgrade": "to_qualified", "t0-code": "base", "t0-name": "Member", "t1-code": "silver", "t1-name": "Silver",
    "t1-needs": "all", "t1-spend_minor": "500",
}  # fmt: skip


@pytest.mark.django_db
def test_a_benefit_of_a_tier_is_named_with_how_many_members_more_would_have_it(owner, cast):
    at = timezone.now() - dt.timedelta(days=10)
    ledger.open_shop(cast.shop, at)
    ledger.buy(cast.shop, ledger.join(cast.shop, at), "o", at, 60_000)
    with tenancy.tenant(cast.shop.pk):
        for name, audience, ends in (
            ("Silver days", {"tiers": ["silver"]}, None),
            ("For all", "everyone", None),
            ("Long over", {"tiers": ["silver"]}, at + dt.timedelta(days=1)),
        ):
            benefits.publish_benefit(
                merchant_id=cast.shop.pk, at=at, actor=Actor.job("test"), kind="coupon", name=name, settings=OFF,
                audience=audience, to_at=ends,
            )  # fmt: skip

    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", owner.post("/program/tiers", FORM).content.decode()))

    assert "Silver days +1 0" in page
    assert "For all" not in page and "Long over" not in page
