"""Appeals at the platform's pages: the queue by due day, the evidence, the decision; exemptions on a program's page."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from compliance.models import Appeal, AppealState, Exemption
from compliance.services import appeals, exemptions
from members.lib import tenant as tenancy
from members.models import AuditRow, Program, ProgramStatus
from tests.compliance.admin.conftest import JOB
from tests.compliance.services.conftest import SHANGHAI

QUEUE = "/platform/compliance/appeal/"
WORDS = "The member price was live all along."


def file(shop, *, days_ago: int = 4) -> Appeal:
    with tenancy.tenant(shop.pk), transaction.atomic():
        at = timezone.now() - dt.timedelta(days=days_ago)
        return appeals.file(merchant_id=shop.pk, at=at, actor=JOB, text=WORDS)


def again(row):
    with tenancy.platform(), transaction.atomic():
        row.refresh_from_db()
        return row


def status(shop) -> str:
    with tenancy.platform(), transaction.atomic():
        return Program.objects.get(pk=shop.pk).status


def actions(shop) -> list[str]:
    with tenancy.platform(), transaction.atomic():
        rows = AuditRow.objects.filter(merchant_id=shop.pk, actor_kind="platform").order_by("id")
        return list(rows.values_list("action", flat=True))


def page_of(row) -> str:
    return f"{QUEUE}{row.pk}/change/"


def decide(client, row, how, answer=""):
    return client.post(f"{QUEUE}{row.pk}/decide/", {"decide": how, "answer": answer})


def body(response) -> str:
    return response.content.decode().replace("&#x27;", "'")


def test_the_queue_shows_what_is_due_first_and_what_is_overdue(admin_client, shops):
    later, overdue = file(shops.bare), file(shops.empty, days_ago=15)

    shown = body(admin_client.get(QUEUE))

    assert shown.index(overdue.public_id) < shown.index(later.public_id)
    assert "days overdue" in shown
    with_state = body(admin_client.get(f"{QUEUE}?state=overdue"))
    assert overdue.public_id in with_state and later.public_id not in with_state
    tile = body(admin_client.get("/platform/"))
    assert "Appeals to decide" in tile and "1 overdue" in tile


def test_an_appeal_is_found_by_reference_and_by_merchant(admin_client, shops):
    one, other = file(shops.bare), file(shops.empty)

    for words in (one.public_id, shops.bare.slug):
        shown = body(admin_client.get(QUEUE, {"q": words}))
        assert one.public_id in shown and other.public_id not in shown


def test_the_page_shows_what_the_merchant_says_and_the_evidence_of_the_decision(admin_client, cleared):
    row = file(cleared.bare)

    shown = body(admin_client.get(page_of(row)))

    for words in (WORDS, "The decision", "Danger date", "Evidence: benefits of the window"):
        assert words in shown
    assert "Uphold and restore the program" in shown


def test_the_page_shows_the_warning_that_is_appealed_against(admin_client, shops):
    shown = body(admin_client.get(page_of(file(shops.bare))))

    assert "The warning" in shown and "Days before" in shown and "Uphold and protect the program" in shown


def test_upheld_it_restores_the_program_and_leaves_the_queue(admin_client, cleared):
    row = file(cleared.bare)

    answered = decide(admin_client, row, "uphold")

    assert answered.status_code == 302
    assert again(row).state == AppealState.UPHELD
    assert status(cleared.bare) == ProgramStatus.OPEN
    assert status(cleared.empty) == ProgramStatus.CLEARED
    assert actions(cleared.bare) == ["appeal.decided", "program.restored"]
    assert row.public_id not in body(admin_client.get(QUEUE))
    assert row.public_id in body(admin_client.get(f"{QUEUE}?state=upheld"))
    assert "Refuse with these reasons" not in body(admin_client.get(page_of(row)))


def test_a_refusal_needs_reasons_and_nothing_changes_without(admin_client, cleared):
    row = file(cleared.bare)

    answered = decide(admin_client, row, "refuse", "  ")

    assert answered.status_code == 422
    assert "Say why the appeal is refused" in body(answered)
    assert again(row).state == AppealState.OPEN
    assert actions(cleared.bare) == []


def test_refused_with_reasons_the_program_stays_closed(admin_client, cleared):
    row = file(cleared.bare)

    decide(admin_client, row, "refuse", "Nothing was live.")

    assert (again(row).state, row.answer) == (AppealState.REFUSED, "Nothing was live.")
    assert status(cleared.bare) == ProgramStatus.CLEARED


@pytest.mark.parametrize("how", ["", "perhaps"])
def test_a_decision_that_says_neither_is_refused(admin_client, shops, how):
    row = file(shops.bare)

    assert decide(admin_client, row, how, "Words").status_code == 422
    assert again(row).state == AppealState.OPEN


def test_what_was_decided_is_not_decided_again(admin_client, cleared):
    row = file(cleared.bare)
    decide(admin_client, row, "refuse", "Nothing was live.")

    answered = admin_client.post(f"{QUEUE}{row.pk}/decide/", {"decide": "uphold"}, follow=True)

    assert "was decided or withdrawn already" in body(answered)
    assert (again(row).state, row.answer) == (AppealState.REFUSED, "Nothing was live.")
    assert status(cleared.bare) == ProgramStatus.CLEARED


def test_pressing_twice_decides_once(admin_client, cleared):
    row = file(cleared.bare)

    for _press in range(2):
        assert decide(admin_client, row, "refuse", "Nothing was live.").status_code == 302

    assert actions(cleared.bare) == ["appeal.decided"]


def test_a_page_or_an_act_of_an_appeal_that_is_not_there(admin_client, shops):
    row = file(shops.bare)

    assert admin_client.post(f"{QUEUE}{row.pk + 1000}/decide/", {"decide": "uphold"}).status_code == 404
    assert admin_client.get(f"{QUEUE}{row.pk}/decide/").status_code == 403
    assert admin_client.post(page_of(row), {"state": "upheld"}).status_code == 403
    assert again(row).state == AppealState.OPEN


def test_a_merchants_person_does_not_come_in(client, cast, shops):
    row = file(shops.bare)
    client.force_login(cast.owner)

    assert decide(client, row, "uphold").status_code in (302, 403, 404)
    assert again(row).state == AppealState.OPEN


# ---- exemptions -----------------------------------------------------------------------------------------------------


def program(shop) -> str:
    return f"/platform/members/program/{shop.pk}/"


def exempted(shop) -> list[Exemption]:
    with tenancy.platform(), transaction.atomic():
        return list(Exemption.objects.of(shop.pk))


def test_a_program_is_exempt_until_the_end_of_a_day_and_let_in_again(admin_client, shops):
    until = timezone.now().astimezone(SHANGHAI).date() + dt.timedelta(days=90)

    answered = admin_client.post(
        f"{program(shops.bare)}exempt/", {"until_on": until.isoformat(), "reason": "Moving premises"}
    )

    assert answered.status_code == 302
    (row,) = exempted(shops.bare)
    assert row.until_at.astimezone(SHANGHAI).date() == until + dt.timedelta(days=1)
    shown = body(admin_client.get(f"{program(shops.bare)}change/"))
    assert "Moving premises" in shown and "Lift the exemption" in shown
    assert admin_client.post(f"{program(shops.bare)}lift/").status_code == 302
    assert exempted(shops.bare)[0].ended_at is not None
    assert actions(shops.bare) == ["program.exempted", "program.exemption_lifted"]
    assert "Exempt the program" in body(admin_client.get(f"{program(shops.bare)}change/"))


@pytest.mark.parametrize(
    ("until_on", "reason", "problem"),
    [
        ("2020-01-01", "Moving", "An exemption ends after it begins."),
        ("2031-01-01", " ", "Say why the program is exempt."),
        ("soon", "Moving", "Enter a valid date."),
        ("9999-12-31", "Moving", "This year cannot be meant."),
    ],
)
def test_an_exemption_without_a_day_to_come_or_a_reason_is_refused(
    admin_client, shops, until_on, reason, problem
):
    answered = admin_client.post(f"{program(shops.bare)}exempt/", {"until_on": until_on, "reason": reason})

    assert answered.status_code == 422
    assert problem in body(answered)
    assert exempted(shops.bare) == []


def test_a_program_that_is_exempt_is_not_exempted_again(admin_client, shops):
    with tenancy.platform(), transaction.atomic():
        at = timezone.now()
        exemptions.exempt(
            merchant_id=shops.bare.pk, at=at, until_at=at + dt.timedelta(days=9), reason="First", actor=JOB
        )

    answered = admin_client.post(
        f"{program(shops.bare)}exempt/", {"until_on": "2031-01-01", "reason": "Second"}
    )

    assert answered.status_code == 422
    assert "The program is exempt already." in body(answered)
    assert [row.reason for row in exempted(shops.bare)] == ["First"]
