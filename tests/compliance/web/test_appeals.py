"""The page of appeals: what can be appealed, filing, taking back, the way to it, and who may do what."""

from __future__ import annotations

import pytest
from django.db import transaction

from compliance.models import Appeal, AppealState
from compliance.services import appeals, exemptions, policies
from members.lib import tenant as tenancy
from members.models import AuditRow
from tests.compliance.web.conftest import JOB, Shop, staff, when
from tests.compliance.web.test_pages import in_state

PAGE = "/compliance/appeals/"
ONCE = "abcdefghjkmnpqrs"
WORDS = "The member price was live all along."
STATES = ["draft", "open", "observing", "at_risk", "final_notice", "closed", "restored", "cleared"]


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


@pytest.fixture
def cleared(shop, clock):
    in_state(shop, clock, "cleared")
    return shop


def text(client, path=PAGE):
    return client.get(path).content.decode().replace("&#x27;", "'")


def filed(shop: Shop) -> list[Appeal]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(Appeal.objects.of(shop.pk).order_by("id"))


def file(shop: Shop) -> Appeal:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return appeals.file(merchant_id=shop.pk, at=when("2026-07-02 09:00"), actor=JOB, text=WORDS)


def decide(shop: Shop, *, upheld: bool, answer: str = "") -> None:
    with tenancy.platform(), transaction.atomic():
        appeals.decide(
            merchant_id=shop.pk,
            appeal_id=filed(shop)[0].pk,
            upheld=upheld,
            answer=answer,
            at=when("2026-07-02 09:30"),
            actor=JOB,
        )


def test_the_form_says_how_soon_the_policy_in_force_has_it_decided(owner, cleared):
    assert "within 5 working days" in text(owner)
    with tenancy.platform():
        policies.set_policy(
            at=when("2026-07-01 00:00"),
            effective_at=when("2026-07-01 00:00"),
            actor=JOB,
            values={"appeal_decision_days": 1},
            early_reason="a test",
        )

    assert "within 1 working day." in text(owner)


@pytest.mark.parametrize("state", STATES)
def test_the_page_is_reachable_in_every_state(owner, shop, clock, state):
    in_state(shop, clock, state)

    page = owner.get(PAGE)

    assert page.status_code == 200
    assert "No appeals yet" in page.content.decode()


def test_a_cleared_shop_is_led_from_the_banner_to_the_form_and_files(owner, cleared):
    assert f'href="{PAGE}"' in text(owner, "/")
    assert f'href="{PAGE}"' in text(owner, "/compliance/")
    assert f'href="{PAGE}"' in text(owner, "/members/")  # locked by the clearance
    page = text(owner)
    assert "Clearance of 2026-06" in page and "2026-07-20 23:00" in page

    answered = owner.post(PAGE, {"text": f"  {WORDS}\r\nSee the list.", "once": ONCE}, follow=True)

    (made,) = filed(cleared)
    assert (made.text, made.state, made.public_id) == (f"{WORDS}\nSee the list.", "open", ONCE)
    assert f"Appeal {ONCE} accepted; decision by 2026-07-09." in answered.content.decode()
    shown = text(owner)
    assert "Being reviewed" in shown and 'name="text"' not in shown
    assert "The program is still closed." in shown
    assert "See the appeal" in text(owner, "/")
    assert "Closed" in text(owner, "/compliance/")


def test_a_warning_can_be_appealed(owner, shop, clock):
    in_state(shop, clock, "at_risk")
    shop.assess("2026-05-31")
    page = text(owner)
    assert "Warning 30 days before the run of 2026-06-30" in page and "2026-06-20 04:00" in page

    owner.post(PAGE, {"text": WORDS, "once": ONCE})

    assert [row.notice_id is not None for row in filed(shop)] == [True]
    assert "No clearance meanwhile." in text(owner, "/")


def test_an_appeal_that_holds_no_run_says_so_and_offers_the_cure(owner, shop, clock):
    in_state(shop, clock, "at_risk")
    shop.assess("2026-05-31")
    with tenancy.tenant(shop.pk), transaction.atomic():
        first = appeals.file(merchant_id=shop.pk, at=when("2026-06-02"), actor=JOB, text=WORDS)
        appeals.withdraw(merchant_id=shop.pk, appeal_id=first.pk, at=when("2026-06-03"), actor=JOB)
        appeals.file(merchant_id=shop.pk, at=when("2026-06-04"), actor=JOB, text=WORDS)

    shown = text(owner, "/")

    assert "It holds no run" in shown and "No clearance meanwhile." not in shown
    assert "Publish now" in shown


def test_pressing_twice_files_one_appeal(owner, cleared):
    for _press in range(2):
        assert owner.post(PAGE, {"text": WORDS, "once": ONCE}).status_code == 302

    assert len(filed(cleared)) == 1


def test_a_second_appeal_against_the_same_is_refused(owner, cleared):
    file(cleared)

    answered = owner.post(PAGE, {"text": WORDS, "once": ONCE})

    assert answered.status_code == 422
    assert "An appeal against this is being reviewed already." in answered.content.decode()
    assert len(filed(cleared)) == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("x" * 2001, "An appeal has at most 2,000 characters; this one has 2,001."),
        ("  ", "Say why the decision is wrong."),
    ],
)
def test_a_text_too_long_or_empty_is_refused_and_kept_in_the_form(owner, cleared, words, problem):
    answered = owner.post(PAGE, {"text": words, "once": ONCE})

    assert answered.status_code == 422
    assert problem in answered.content.decode()
    assert words.strip() in answered.content.decode()
    assert filed(cleared) == []


def test_two_thousand_characters_with_line_ends_are_taken(owner, cleared):
    owner.post(PAGE, {"text": "\r\n".join(["x" * 999, "y" * 1000]), "once": ONCE})

    assert [len(row.text) for row in filed(cleared)] == [2000]


def test_after_twenty_days_it_is_too_late(owner, cleared, clock):
    clock("2026-07-20 23:01")

    page = text(owner)

    assert "It is too late" in page and 'name="text"' not in page
    assert "appeal until" not in text(owner, "/")
    answered = owner.post(PAGE, {"text": WORDS, "once": ONCE})
    assert answered.status_code == 422
    assert filed(cleared) == []


def test_an_appeal_is_withdrawn_after_a_question_and_again_changes_nothing(owner, cleared):
    made = file(cleared)
    assert f"Withdraw the appeal {made.public_id}?" in text(owner)

    for _press in range(2):
        assert owner.post(f"{PAGE}{made.public_id}/withdraw").status_code == 302

    assert [row.state for row in filed(cleared)] == [AppealState.WITHDRAWN]
    assert 'name="text"' in text(owner)  # it can be appealed again
    with tenancy.tenant(cleared.pk), transaction.atomic():
        assert AuditRow.objects.filter(merchant_id=cleared.pk, action="appeal.withdrawn").count() == 1
    assert "Appeal withdrawn" in text(owner, "/settings/audit-log")


def test_what_was_decided_is_not_withdrawn_and_its_answer_is_read(owner, cleared):
    made = file(cleared)
    decide(cleared, upheld=False, answer="It had ended in March.")

    answered = owner.post(f"{PAGE}{made.public_id}/withdraw")

    assert answered.status_code == 422
    assert "was decided or withdrawn already" in answered.content.decode()
    assert [row.state for row in filed(cleared)] == [AppealState.REFUSED]
    assert "It had ended in March." in text(owner)


def test_a_program_whose_appeal_was_upheld_is_restored(owner, cleared):
    file(cleared)
    decide(cleared, upheld=True)

    assert "Program restored on 2026-07-02." in text(owner, "/")
    assert "Upheld" in text(owner)
    log = text(owner, "/settings/audit-log")
    assert "Program restored" in log and "Appeal decided" in log


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        ("manager", 200, 302),
        ("operator", 200, 403),
        ("analyst", 200, 403),
        ("cashier", 403, 403),
    ],
)
def test_managers_file_and_withdraw_and_readers_read(client, cleared, role, reads, writes):
    made = file(cleared)
    client.force_login(staff(cleared, role, role))

    page = client.get(PAGE)

    assert page.status_code == reads
    if reads == 200:
        assert ("Withdraw appeal" in page.content.decode()) is (writes == 302)
    assert client.post(f"{PAGE}{made.public_id}/withdraw").status_code == writes
    assert client.post(PAGE, {"text": WORDS, "once": ONCE}).status_code == writes
    states = ["withdrawn", "open"] if writes == 302 else ["open"]
    assert [row.state for row in filed(cleared)] == states


def test_another_shops_appeal_is_not_there(client, cast, cleared):
    made = file(cleared)
    client.force_login(cast.outsider)

    assert client.post(f"{PAGE}{made.public_id}/withdraw").status_code == 404

    assert [row.state for row in filed(cleared)] == [AppealState.OPEN]


def test_an_exempt_program_reads_why(owner, shop, clock):
    in_state(shop, clock, "at_risk")
    with tenancy.platform(), transaction.atomic():
        exemptions.exempt(
            merchant_id=shop.pk,
            at=when("2026-06-08 10:00"),
            until_at=when("2026-12-31"),
            reason="Moving premises",
            actor=JOB,
        )

    assert "The platform keeps this program out of runs: Moving premises" in text(owner, "/compliance/")
    log = text(owner, "/settings/audit-log")
    assert "Program exempted from clearance" in log and "2026-12-31 00:00+08:00" in log
