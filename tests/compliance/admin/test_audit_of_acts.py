"""Every act of a platform admin leaves an audit row that says who, when, what and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from compliance.models import AppealFile, Grade
from compliance.services import grades
from compliance.tasks.clearance import seal
from members.lib import tenant as tenancy
from members.models import AuditRow, PlatformAuditRow
from tests.compliance.admin import (
    test_appeal_work,
    test_appeals,
    test_drafts,
    test_grades,
    test_policies,
    test_price_guard,
)
from tests.compliance.admin.test_reviewing import hold
from tests.compliance.admin.test_runs import (  # noqa: F401 - fixtures
    approve,
    asked,
    braked,
    done,
    drain,
    prepared,
    press,
    run_now,
)
from tests.platform_admin import enter

WHY = "Ticket 4711"
# Acts that follow from figures: a run is started and let go on by typing what its preview came to, which the row keeps.
BY_FIGURES = {"run.previewed", "run.started", "run.approved", "run.paused", "run.resumed", "run.checked"}
# Acts that change nothing, or say what they say by themselves: what was written and read stands beside them.
BY_THINGS = {"appeal.message", "appeal.file_read", "run.preview_stopped"}
ON_RUNS = {
    "run.undone",
    "run.stopped",
    "run.held_out",
    "run.let_in",
    "run.preview_stopped",
    "program.held_out",
    "program.let_in",
}
# Acts on people are said by the row itself: nobody is asked why a right was given.
BY_THEMSELVES = {"admin.granted", "admin.withdrawn", "user.shut_out", "user.let_in"}
ACTS = {
    "policy.published",
    "policy.drafted",
    "policy.draft_withdrawn",
    "grade_policy.published",
    "guard_policy.published",
    "grade.category_set",
    "program.exempted",
    "program.exemption_lifted",
    "appeal.decided",
    *ON_RUNS,
    "support.begun",
    "support.viewed",
    "support.refused",
    "support.ended",
    *BY_FIGURES,
    *BY_THEMSELVES,
    *BY_THINGS,
}


class Acts:
    """What the logs came to have since each act."""

    def __init__(self, user) -> None:
        self.user, self.seen = user, set()

    def rows(self) -> list[AuditRow | PlatformAuditRow]:
        with tenancy.platform(), transaction.atomic():
            kinds = (AuditRow.objects.filter(actor_kind="platform"), PlatformAuditRow.objects.all())
            return [row for rows in kinds for row in rows.order_by("id")]

    @contextmanager
    def act(self, *actions: str) -> Iterator[None]:
        """The block leaves a row of each action, by this admin, now, with its reason."""
        before = {(type(row), row.pk) for row in self.rows()}
        began = timezone.now()
        yield
        new = [row for row in self.rows() if (type(row), row.pk) not in before]
        assert {row.action for row in new} >= set(actions), (actions, [row.action for row in new])
        for row in new:
            if row.action not in actions:
                continue
            assert row.actor_id == self.user.pk and row.actor_label == str(self.user), row.action
            assert began - dt.timedelta(seconds=1) <= row.at <= timezone.now(), row.action
            assert row.subject_kind and row.subject_id, row.action
            if row.action in BY_FIGURES:
                assert row.after, row.action
            elif row.action not in BY_THEMSELVES | BY_THINGS:
                assert row.reason == WHY, row.action
        self.seen |= set(actions)


@pytest.mark.django_db
def test_every_act_on_rules_programs_and_people_says_who_when_what_and_why(admin_client, cleared, cast):
    acts = Acts(cast.admin)
    bare = cleared.bare
    with tenancy.platform():
        grades.grade_month(due_at=test_grades.DUE, at=test_grades.DUE)
        row = Grade.objects.order_by("id").first()

    with acts.act("policy.published"):
        form = test_policies.filled(window_days="60", reason=WHY, publish="1", confirm="publish")
        admin_client.post(test_policies.URL, form)
    with acts.act("policy.drafted"):
        test_drafts.open_draft(admin_client, window_days="45", warn_days="30, 14, 7, 3, 1", reason=WHY)
    (draft,) = test_drafts.opened()
    with acts.act("policy.draft_withdrawn"):
        admin_client.post(reverse("admin:compliance_policydraft_withdraw", args=[draft.pk]))
    with acts.act("grade_policy.published"):
        form = test_grades.filled(protection_days="30", reason=WHY, publish="1", confirm="publish")
        admin_client.post(test_grades.URL, form)
    with acts.act("guard_policy.published"):
        form = test_price_guard.filled(floor="block", reason=WHY, publish="1", confirm="publish")
        admin_client.post(test_price_guard.URL, form)
    with acts.act("grade.category_set"):
        url = reverse("admin:compliance_grade_category", args=[row.pk])
        admin_client.post(url, {"category": "dining", "reason": WHY})
    with acts.act("program.exempted"):
        url = reverse("admin:compliance_program_exempt", args=[cleared.covered.pk])
        admin_client.post(url, {"until_on": "2099-01-01", "reason": WHY})
    with acts.act("program.exemption_lifted"):
        admin_client.post(reverse("admin:compliance_program_lift", args=[cleared.covered.pk]))
    appeal = test_appeals.file(bare)
    with acts.act("appeal.decided"):
        test_appeals.decide(admin_client, appeal, "refuse", WHY)
    for act, action in (
        ("grant", "admin.granted"),
        ("withdraw", "admin.withdrawn"),
        ("shut-out", "user.shut_out"),
        ("let-in", "user.let_in"),
    ):
        with acts.act(action):
            admin_client.post(reverse("admin:members_user_act", args=[cast.outsider.pk, act]))
    with acts.act("support.begun"):
        admin_client.post(reverse("admin:members_supportvisit_begin", args=[bare.pk]), {"reason": WHY})
    with acts.act("support.viewed"):
        admin_client.get("/compliance/grade")
    with acts.act("support.refused"):
        admin_client.post("/program/open", {})
    with acts.act("support.ended"):
        admin_client.post(reverse("admin:members_supportvisit_end"))

    assert acts.seen | BY_FIGURES | BY_THINGS | ON_RUNS == ACTS


@pytest.mark.django_db
def test_every_act_on_a_run_says_who_when_what_and_on_which_ground(
    admin_client,
    client,
    second,
    shops,
    cast,
):
    acts, other = Acts(cast.admin), Acts(second)
    with acts.act("run.previewed"):
        preview = press(admin_client)
    with acts.act("run.held_out", "program.held_out"):
        hold(admin_client, preview, shops.bare, reason=WHY)
    with acts.act("run.let_in", "program.let_in"):
        who = {"period": preview.period, "merchant": shops.bare.pk}
        admin_client.post("/platform/compliance/run/let-in/", who)
    waiting = asked(admin_client)
    with acts.act("run.preview_stopped"):
        admin_client.post(f"/platform/compliance/preview/{waiting.pk}/stop/")
    preview = prepared()
    with acts.act("run.started"):
        run_now(admin_client, preview, "清退 2")
    url = "/platform/compliance/run/{}/{}/"
    row = the_run()
    with acts.act("run.paused"):
        admin_client.post(url.format(row.pk, "pause"))
    with acts.act("run.resumed"):
        admin_client.post(url.format(row.pk, "resume"))
    drain(row.pk)
    seal()
    with acts.act("run.checked"):
        admin_client.post(url.format(row.pk, "check"))
        seal()
    with acts.act("run.undone"):
        admin_client.post(url.format(row.pk, "undo"), {"reason": WHY, "confirm": "undo 2"})

    assert acts.seen | other.seen | {"run.approved", "run.stopped"} >= BY_FIGURES | ON_RUNS


@pytest.mark.django_db
@pytest.mark.usefixtures("shops")
def test_stopping_a_run_says_who_when_and_why(admin_client, cast):
    run_now(admin_client, prepared(), "clear 2")
    with Acts(cast.admin).act("run.stopped"):
        url = f"/platform/compliance/run/{the_run().pk}/stop/"
        admin_client.post(url, {"reason": WHY, "confirm": "stop"})


@pytest.mark.django_db
def test_writing_to_a_merchant_and_reading_its_files_leave_a_row(
    admin_client, cleared, cast, settings, tmp_path
):
    settings.UPLOADS_DIR = tmp_path
    acts = Acts(cast.admin)
    row = test_appeal_work.with_file(cleared.bare)
    (paper,) = test_appeal_work.rows(cleared.bare, AppealFile)
    with acts.act("appeal.message"):
        admin_client.post(f"{test_appeal_work.QUEUE}{row.pk}/ask/", {"text": "Which day was it?"})
    with acts.act("appeal.file_read"):
        admin_client.get(f"{test_appeal_work.QUEUE}{row.pk}/files/{paper.public_id}/")

    assert acts.seen | {"run.preview_stopped"} == BY_THINGS


def the_run():
    from compliance.models import Run

    with tenancy.platform(), transaction.atomic():
        return Run.objects.get()


@pytest.mark.django_db
def test_letting_a_run_go_on_names_who_did(admin_client, client, second, braked):  # noqa: F811
    preview = press(admin_client, str(braked.pk))
    other, acts = enter(client, second), Acts(second)

    with acts.act("run.approved"):
        approve(other, braked, f"clear {preview.cleared}")
