"""The page of the rule: what is in force, versions to come with their difference, drafts to comment on."""

from __future__ import annotations

import pytest
from django.db import transaction

from compliance.models import PolicyComment, PolicyDraft
from compliance.services import drafts, hold_outs, policies
from members.lib import tenant as tenancy
from members.models import AuditRow
from tests.compliance.web.conftest import JOB, old, staff, when
from tests.compliance.web.test_pages import in_state

PAGE = "/compliance/rules/"
ONCE = "abcdefghjkmnpqrs"


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


@pytest.fixture
def draft(shop, clock) -> PolicyDraft:
    """Sixty days in place of ninety, open for comments until 2026-07-20."""
    clock("2026-07-10 09:00")
    with tenancy.platform(), transaction.atomic():
        return drafts.open_comments(
            at=when("2026-07-01 09:00"),
            starts_at=when("2026-09-01"),
            closes_on=when("2026-07-20").date(),
            values={"window_days": 60},
            reason="Members wait too long.",
            actor=JOB,
        )


def text(client, path: str) -> str:
    return client.get(path).content.decode().replace("&#x27;", "'")


def say(client, draft: PolicyDraft, words: str = "Sixty days are short.", once: str = ONCE):
    return client.post(f"{PAGE}{draft.public_id}/", {"text": words, "once": once})


def said() -> list[str]:
    with tenancy.platform(), transaction.atomic():
        return list(PolicyComment.objects.order_by("pk").values_list("text", flat=True))


def test_merchants_read_a_draft_and_its_difference_in_plain_words(owner, draft):
    listed, page = text(owner, PAGE), text(owner, f"{PAGE}{draft.public_id}/")

    for shown in (listed, page):
        assert "A program is closed after 60 days without a qualifying benefit instead of 90." in shown
    assert "Draft open for comments until 2026-07-20" in listed
    assert "Members wait too long." in page and "2026-09-01 00:00" in page


def test_merchants_comment_on_a_draft_once_however_often_the_button_is_pressed(owner, draft, shop):
    first, second = say(owner, draft), say(owner, draft)

    assert (first.status_code, second.status_code) == (302, 302) and said() == ["Sixty days are short."]
    assert "Sixty days are short." in text(owner, f"{PAGE}{draft.public_id}/")
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert AuditRow.objects.filter(action="policy.commented").count() == 1


def test_another_shop_does_not_read_a_comment(owner, draft, cast):
    say(owner, draft)

    with tenancy.tenant(cast.other.pk), transaction.atomic():
        assert not PolicyComment.objects.exists()


@pytest.mark.parametrize("words", ["", "   ", "x" * 2001])
def test_an_empty_or_too_long_comment_is_refused_and_kept_on_the_page(owner, draft, words):
    response = say(owner, draft, words)

    assert response.status_code == 422 and said() == []
    assert words.strip() in response.content.decode()


def test_comments_close_with_the_day(owner, draft, clock):
    clock("2026-07-20 23:59")
    last = say(owner, draft, "In time.")
    clock("2026-07-21 00:00")
    late = say(owner, draft, "Too late.", once="bbcdefghjkmnpqrs")

    assert (last.status_code, late.status_code) == (302, 422) and said() == ["In time."]
    assert "Comments on this draft are closed." in late.content.decode()
    assert "Draft open" not in text(owner, PAGE)


def test_a_draft_that_was_withdrawn_takes_no_comment(owner, draft):
    with tenancy.platform(), transaction.atomic():
        drafts.withdraw(draft_id=draft.pk, at=when("2026-07-05"), actor=JOB)

    assert say(owner, draft).status_code == 422 and said() == []


def test_who_does_not_manage_reads_and_does_not_comment(client, shop, draft):
    client.force_login(staff(shop, "lin", "analyst"))

    assert "60 days" in text(client, f"{PAGE}{draft.public_id}/")
    assert say(client, draft).status_code == 403 and said() == []


def test_a_version_to_come_is_public_with_its_difference_and_its_reasons(owner, shop, clock):
    clock("2026-07-10 09:00")
    with tenancy.platform(), transaction.atomic():
        policies.set_policy(
            at=when("2026-07-09 09:00"),
            effective_at=when("2026-07-12"),
            actor=JOB,
            values={"min_notice_days": 21},
            reason="More time.",
            early_reason="A court orders it.",
        )

    page = text(owner, PAGE)

    assert "delivered 21 days before the run instead of 14" in page
    assert "More time." in page and "A court orders it." in page


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("open", "would be kept: a qualifying benefit lies in the last 90 days"),
        ("at_risk", "would be kept: a qualifying benefit lies in the last 90 days"),
        ("final_notice", "left to the next run: nothing has qualified since 2026-03-23 00:00"),
        ("closed", "would pass this program over"),
    ],
)
def test_the_status_page_says_what_a_run_tonight_would_decide(owner, shop, clock, state, told):
    in_state(shop, clock, state)

    assert told in text(owner, "/compliance/")


def test_the_status_page_says_when_a_run_tonight_would_close_the_program_or_hold_it_out(owner, shop, clock):
    old(shop)
    shop.assess("2026-05-31")
    clock("2026-06-24 10:00")
    owner.post("/compliance/final-notice", {"next": "/"})
    closed = text(owner, "/compliance/")
    with tenancy.platform(), transaction.atomic():
        hold_outs.hold_out(
            period="2026-06",
            merchant_ids=[shop.pk],
            reason="A flood.",
            at=when("2026-06-24 11:00"),
            actor=JOB,
        )

    assert "would be closed: nothing has qualified since 2026-03-23 00:00" in closed
    assert "holds it out of this run. A flood." in text(owner, "/compliance/")
