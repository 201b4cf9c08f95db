"""The nightly proof on the platform's pages: read only, with a warning on the workbench while it does not add up."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.models import LedgerProof
from tests.conftest import NOON

WARNING = "The points ledger does not add up for 1 member (night of 2024-03-02)."


@pytest.fixture
def proofs(platform, cast):
    """A sound night, then one with a difference."""
    with tenancy.platform(), transaction.atomic():
        same = {"started_at": NOON, "done_at": NOON, "merchants": 2, "members": 7, "entries": 90}
        sound = LedgerProof.objects.create(night=dt.date(2024, 3, 1), **same)
        listed = [{"merchant_id": cast.shop.pk, "member_id": 5, "what": "single lots"}]
        wrong = LedgerProof.objects.create(night=dt.date(2024, 3, 2), mismatches=1, listed=listed, **same)
    return sound, wrong


def test_every_night_is_listed_with_its_result(admin_client, proofs):
    page = admin_client.get("/platform/members/ledgerproof/").content.decode()

    assert page.count("Does not add up</span>") == 1
    assert page.count("Adds up</span>") == 1


def test_a_proof_says_whom_it_concerns_and_in_what(admin_client, proofs, cast):
    page = admin_client.get(f"/platform/members/ledgerproof/{proofs[1].pk}/change/").content.decode()

    assert cast.shop.name in page
    assert "A lot has not left what was taken of it" in page


def test_the_workbench_warns_until_a_night_adds_up(admin_client, proofs):
    assert WARNING in admin_client.get("/platform/").content.decode()

    with tenancy.platform(), transaction.atomic():
        LedgerProof.objects.create(night=dt.date(2024, 3, 3), started_at=NOON, done_at=NOON)

    assert WARNING not in admin_client.get("/platform/").content.decode()


def test_a_proof_that_is_still_under_way_takes_no_warning_back(admin_client, proofs):
    with tenancy.platform(), transaction.atomic():
        LedgerProof.objects.create(night=dt.date(2024, 3, 3), started_at=NOON)

    assert WARNING in admin_client.get("/platform/").content.decode()


@pytest.mark.parametrize("path", ["add/", "{}/delete/"])
def test_nothing_is_added_or_deleted_there(admin_client, proofs, path):
    address = f"/platform/members/ledgerproof/{path.format(proofs[0].pk)}"

    assert admin_client.get(address).status_code == 403
    assert admin_client.post(f"/platform/members/ledgerproof/{proofs[0].pk}/change/").status_code == 403


def test_a_closed_month_that_no_longer_agrees_is_named_and_warned_of(admin_client, platform, cast):
    with tenancy.platform(), transaction.atomic():
        wrong = LedgerProof.objects.create(
            night=dt.date(2024, 3, 2),
            started_at=NOON,
            done_at=NOON,
            statements=1,
            listed=[{"merchant_id": cast.shop.pk, "month": "2024-02"}],
        )

    page = admin_client.get(f"/platform/members/ledgerproof/{wrong.pk}/change/").content.decode()
    listed = admin_client.get("/platform/members/ledgerproof/?result=differs").content.decode()
    home = admin_client.get("/platform/").content.decode()

    assert "2024-02" in page and cast.shop.name in page and "Does not add up" in page
    assert "Does not add up</span>" in listed
    assert "The statement of 1 closed month no longer agrees" in home
    assert "does not add up for" not in home
