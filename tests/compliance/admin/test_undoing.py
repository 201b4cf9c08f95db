"""Undo at the page of a run: on a reason and the typed words, for all or some; and what the page then says."""

from __future__ import annotations

import pytest
from django.utils import timezone

from compliance.models import Decision, Run, Undo
from compliance.services import undoing
from members.lib import tenant as tenancy
from members.models import Program
from tests.compliance.admin.test_runs import done  # noqa: F401 - a fixture


def post(client, row: Run, **typed: str) -> str:
    return client.post(f"/platform/compliance/run/{row.pk}/undo/", typed, follow=True).content.decode()


def work(row: Run) -> None:
    with tenancy.platform():
        undoing.work(run_id=row.pk, now=timezone.now)


def statuses(*shops) -> list[str]:
    with tenancy.platform():
        return [Program.objects.get(merchant=shop).status for shop in shops]


def test_all_are_given_back_on_the_typed_words(admin_client, shops, done):  # noqa: F811
    asked = post(admin_client, done, reason="a wrong policy", confirm="撤销 2")
    work(done)
    page = admin_client.get(f"/platform/compliance/run/{done.pk}/change/").content.decode()

    assert "2 programs are being given back." in asked
    assert statuses(shops.bare, shops.empty) == ["open", "open"]
    assert "Undone" in page and "a wrong policy" in page and "decisions.csv" in page
    assert "undo-programs" not in page


def test_one_is_given_back_from_its_decision(admin_client, shops, done):  # noqa: F811
    with tenancy.platform():
        decision = Decision.objects.get(run_id=done.pk, merchant_id=shops.bare.pk)
    page = admin_client.get(f"/platform/compliance/decision/{decision.pk}/change/").content.decode()
    form = admin_client.get(
        f"/platform/compliance/run/{done.pk}/change/?undo={shops.bare.slug}"
    ).content.decode()
    post(admin_client, done, programs=shops.bare.slug, reason="a wrong policy", confirm="undo 1")
    work(done)

    assert f"?undo={shops.bare.slug}" in page and f">{shops.bare.slug}</textarea>" in form
    assert statuses(shops.bare, shops.empty) == ["open", "cleared"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"reason": "x", "confirm": "undo 3"}, "Type the number of programs"),
        ({"reason": "x", "confirm": "yes"}, "Type the number of programs"),
        ({"reason": "", "confirm": "undo 2"}, "Say why"),
        ({"reason": "x", "confirm": "undo 1", "programs": "nobody-here"}, "There is no merchant"),
    ],
)
def test_otherwise_nothing_is_undone(admin_client, shops, done, typed, said):  # noqa: F811
    page = post(admin_client, done, **typed)

    assert said in page
    with tenancy.platform():
        assert not Undo.objects.exists()


def test_it_is_asked_for_by_post_alone(admin_client, shops, done):  # noqa: F811
    assert admin_client.get(f"/platform/compliance/run/{done.pk}/undo/").status_code == 403
