"""The price guard at the platform's pages: versions of its policy, and what it found everywhere."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from benefits.lib.price_guard import GuardRules
from benefits.models import GuardPolicy, PriceFinding
from benefits.services.guard_policies import SETTINGS
from compliance.lib.calendar import PLATFORM_ZONE
from members.lib import tenant as tenancy
from members.models import PlatformAuditRow

URL = "/platform/benefits/guardpolicy/add/"


def filled(**changed):
    """The form as it is first shown, with some fields changed."""
    return {name: getattr(GuardRules(), name) for name in SETTINGS} | {"reason": "tested"} | changed


def found(model, **where):
    with tenancy.platform(), transaction.atomic():
        return list(model.objects.filter(**where).order_by("pk"))


def test_checking_shows_the_difference_and_publishes_nothing(admin_client, platform):
    response = admin_client.post(URL, filled(comparison="block", check="1"))

    assert response.status_code == 200
    assert [tuple(map(str, row)) for row in response.context["review"]["table"].rows] == [
        ("Dishonest comparison", "Warn", "Block")
    ]
    assert found(GuardPolicy) == []


def test_a_version_is_published_on_the_typed_word(admin_client, platform, cast):
    response = admin_client.post(URL, filled(comparison="block", days="10", publish="1", confirm="publish"))

    assert response.url == "/platform/benefits/guardpolicy/1/change/"
    (row,) = found(GuardPolicy)
    assert (row.comparison, row.days, row.floor, row.by_id) == ("block", 10, "warn", cast.admin.pk)
    (audited,) = found(PlatformAuditRow, action="guard_policy.published")
    assert (audited.after["comparison"], audited.reason) == ("block", "tested")
    assert "Block" in admin_client.get(response.url).content.decode()
    assert "tested" in admin_client.get("/platform/benefits/guardpolicy/").content.decode()


def test_the_list_of_versions_says_which_is_in_force_and_what_each_changed(admin_client, platform):
    admin_client.post(URL, filled(publish="1", confirm="publish"))
    later = timezone.now().astimezone(PLATFORM_ZONE) + dt.timedelta(days=3)
    starts = {"effective_at": f"{later:%Y-%m-%d} 00:00"}
    response = admin_client.post(URL, filled(comparison="block", publish="1", confirm="publish") | starts)

    page = admin_client.get("/platform/benefits/guardpolicy/").content.decode()

    assert "The first version" in page and "Dishonest comparison: Warn → Block" in page
    assert page.index("To come") < page.index("In force</")
    own = admin_client.get(response.url).content.decode()
    assert "What changed" in own and "Every setting" in own


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"far_percent": "101"}, "less than or equal to 100"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"floor": "shout"}, "Select a valid choice"),
        ({"reason": ""}, "This field is required."),
        ({"effective_at": "2024-01-01 00:00"}, "A policy cannot start in the past"),
        ({"confirm": "yes"}, "Type publish to publish this version."),
    ],
)
def test_a_bad_version_is_refused_in_words_and_nothing_is_published(admin_client, platform, changed, words):
    response = admin_client.post(URL, filled(comparison="block", publish="1", confirm="publish") | changed)

    assert response.status_code == 422
    assert words in response.content.decode()
    assert found(GuardPolicy) == []


def test_findings_of_every_merchant_are_listed_in_words(admin_client, platform, cast):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        PriceFinding.objects.create(
            merchant=cast.shop, at=timezone.now(), source="change", source_id="x", sku="A", kind="floor",
            is_blocked=True, numbers={"price": 300, "floor": 500, "who": "sale"}, policy=1,
        )  # fmt: skip

    page = admin_client.get("/platform/benefits/pricefinding/").content.decode()

    assert "A: the sale price of ¥3.00 lies under the floor of ¥5.00" in page and "Blocked" in page
