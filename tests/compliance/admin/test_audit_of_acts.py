"""Every act of a platform admin leaves an audit row that says who, when, what and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from compliance.models import Grade
from compliance.services import grades
from members.lib import tenant as tenancy
from members.models import AuditRow, PlatformAuditRow
from tests.compliance.admin import test_appeals, test_grades, test_policies, test_price_guard
from tests.compliance.admin.test_runs import approve, braked, done, drain, press, run_now  # noqa: F401 - fixtures
from tests.platform_admin import enter

WHY = "Ticket 4711"
# Acts that follow from figures: a run is started and let go on by typing what its preview came to, which the row keeps.
BY_FIGURES = {"run.previewed", "run.started", "run.approved", "run.paused", "run.resumed"}
# Acts on people are said by the row itself: nobody is asked why a right was given.
BY_THEMSELVES = {"admin.granted", "admin.withdrawn", "user.shut_out", "user.let_in"}
ACTS = {
    "policy.published",
    "grade_policy.published",
    "guard_policy.published",
    "grade.category_set",
    "program.exempted",
    "program.exemption_lifted",
    "appeal.decided",
    "run.undone",
    "support.begun",
    "support.viewed",
    "support.refused",
    "support.ended",
    *BY_FIGURES,
    *BY_THEMSELVES,
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
            elif row.action not in BY_THEMSELVES:
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

    assert acts.seen | BY_FIGURES | {"run.undone"} == ACTS


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
    with acts.act("run.started"):
        run_now(admin_client, preview, "清退 2")
    url = "/platform/compliance/run/{}/{}/"
    row = the_run()
    with acts.act("run.paused"):
        admin_client.post(url.format(row.pk, "pause"))
    with acts.act("run.resumed"):
        admin_client.post(url.format(row.pk, "resume"))
    drain(row.pk)
    with acts.act("run.undone"):
        admin_client.post(url.format(row.pk, "undo"), {"reason": WHY, "confirm": "undo 2"})

    assert acts.seen | other.seen | {"run.approved"} >= BY_FIGURES


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
