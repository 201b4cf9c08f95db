"""Runs at the platform's pages: previewed without a trace, started on a typed word, approved by a second admin."""

from __future__ import annotations

import csv
import datetime as dt
import io

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from compliance.lib.runs import Run as RuleRun
from compliance.models import Decision, Notice, Policy, Preview, Run, Standing
from compliance.services import clearance
from compliance.tasks.previews import foresee
from members.lib import tenant as tenancy
from members.models import AuditRow, Closure, OutboxRow, PlatformAuditRow, Program, User
from tests.conftest import ScopedClient
from tests.platform_admin import enter

TRACES = (Run, Decision, Notice, Standing, Program, Closure, OutboxRow, AuditRow)


def contents() -> list:
    with tenancy.platform(), transaction.atomic():
        return [list(model.objects.order_by("pk").values()) for model in TRACES]


def press(client, run: str = "now") -> Preview:
    """Press a preview button and have a worker do it; the preview that it leads to."""
    preview = asked(client, run)
    foresee()
    with tenancy.platform(), transaction.atomic():
        preview.refresh_from_db()
    return preview


def prepared(run: str = "now") -> Preview:
    """A preview that another admin had made: who makes one does not start the run."""
    with tenancy.platform(), transaction.atomic():
        who = User.objects.filter(email="preparer@example.com").first() or User.objects.create_superuser(
            "preparer@example.com", "correct horse battery", name="Preparer"
        )
    return press(enter(ScopedClient(), who), run)


def asked(client, run: str = "now") -> Preview:
    """Press a preview button while no worker works."""
    response = client.post("/platform/compliance/run/preview/", {"run": run})
    assert response.status_code == 302, response.content
    with tenancy.platform(), transaction.atomic():
        return Preview.objects.get(pk=response.url.rstrip("/").split("/")[-2])


def confirm(client, preview: Preview, typed: str):
    """Type the words and press the button while no worker works."""
    return client.post(
        "/platform/compliance/run/now/", {"preview": preview.pk, "confirm": typed}, follow=True
    )


def run_now(client, preview: Preview, typed: str):
    """The same, then have a worker do it and look again."""
    response = confirm(client, preview, typed)
    foresee()
    at = response.redirect_chain[-1][0]
    return client.get(at.replace("change/", "progress/"), follow=True) if "/preview/" in at else response


def drain(run_id: int) -> None:
    with tenancy.platform():
        assert clearance.drain(run_id=run_id, at=timezone.now())


@pytest.fixture
def done(admin_client, shops) -> Run:
    """A run started by the admin and worked to its end."""
    run_now(admin_client, prepared(), "清退 2")
    with tenancy.platform(), transaction.atomic():
        row = Run.objects.get()
    drain(row.pk)
    with tenancy.platform(), transaction.atomic():
        row.refresh_from_db()
    return row


def test_a_preview_shows_counts_and_leaves_no_trace(admin_client, shops):
    before = contents()

    preview = press(admin_client)
    page = admin_client.get(f"/platform/compliance/preview/{preview.pk}/change/").content.decode()

    assert contents() == before
    assert (preview.eligible, preview.cleared, preview.kept) == (4, 2, 2)
    assert preview.digest in page and "first preview of the period" in page
    assert sorted(preview.would_clear) == [shops.bare.pk, shops.empty.pk]


def test_a_second_preview_says_what_differs(admin_client, shops, platform):
    press(admin_client)
    same = press(admin_client)
    platform.coupon(shops.bare, timezone.now().strftime("%Y-%m-%d 00:00"))
    other = press(admin_client)

    first = admin_client.get(f"/platform/compliance/preview/{same.pk}/change/").content.decode()
    second = admin_client.get(f"/platform/compliance/preview/{other.pk}/change/").content.decode()

    assert "every decision and its evidence is the same" in first
    assert "Would have been cleared then, not now" in second and other.cleared == 1


def test_pressing_preview_judges_nothing_and_shows_how_far_the_work_is(admin_client, shops):
    admin_client.get("/platform/")
    with CaptureQueriesContext(connection) as found:
        preview = asked(admin_client)
    page = admin_client.get(f"/platform/compliance/preview/{preview.pk}/change/").content.decode()
    piece = admin_client.get(
        f"/platform/compliance/preview/{preview.pk}/progress/", headers={"hx-request": "true"}
    )

    assert (preview.state, preview.eligible) == ("queued", 0)
    assert not [query for query in found if "compliance_standing" in query["sql"]]
    assert "Waits for a worker" in page and "0 of 1 parts are done" in page and "Run now" not in page
    assert 'data-hx-trigger="every 2s"' in piece.content.decode() and "HX-Redirect" not in piece


def test_the_piece_leads_to_the_figures_when_they_are_there(admin_client, shops):
    preview = press(admin_client)
    url = f"/platform/compliance/preview/{preview.pk}/progress/"

    piece = admin_client.get(url, headers={"hx-request": "true"})
    without_script = admin_client.get(url)

    at = f"/platform/compliance/preview/{preview.pk}/change/"
    assert (piece["HX-Redirect"], without_script.url) == (at, at)


def test_two_presses_make_one_preview(admin_client, shops):
    first, second = asked(admin_client), asked(admin_client)

    assert first == second


def test_what_is_not_counted_to_its_end_is_not_in_the_list(admin_client, shops):
    asked(admin_client)

    page = admin_client.get("/platform/compliance/preview/").content.decode()

    assert "Waits for a worker" in page and '<td class="field-eligible">--</td>' in page


def test_a_preview_that_failed_says_so_and_starts_nothing(admin_client, shops):
    preview = asked(admin_client)
    with tenancy.platform(), transaction.atomic():
        Preview.objects.filter(pk=preview.pk).update(state="failed", failure="broke_off")

    page = admin_client.get(f"/platform/compliance/preview/{preview.pk}/change/").content.decode()
    response = confirm(admin_client, preview, "clear 0")

    assert "did not come to an end" in page and "Run now" not in page
    assert "not done yet" in response.content.decode()
    with tenancy.platform(), transaction.atomic():
        assert not Run.objects.exists()


def test_what_was_confirmed_is_looked_at_once_more_by_a_worker(admin_client, shops):
    preview = prepared()
    before = contents()

    first = confirm(admin_client, preview, "clear 2")
    second = confirm(admin_client, preview, "clear 2")
    waiting = contents()
    page = first.content.decode()
    foresee()
    piece = admin_client.get(
        first.redirect_chain[-1][0].replace("change/", "progress/"), headers={"hx-request": "true"}
    )
    third = confirm(admin_client, preview, "clear 2")

    assert "looked at once more" in page and "<progress" in page and waiting == before
    assert first.redirect_chain == second.redirect_chain
    with tenancy.platform(), transaction.atomic():
        run = Run.objects.get()
    assert piece["HX-Redirect"] == f"/platform/compliance/run/{run.pk}/change/"
    assert third.redirect_chain[-1][0] == piece["HX-Redirect"]


def test_a_preview_that_was_confirmed_leads_to_the_second_look(admin_client, shops):
    preview = prepared()
    confirm(admin_client, preview, "clear 2")

    page = admin_client.get(f"/platform/compliance/preview/{preview.pk}/change/").content.decode()

    assert "A start was confirmed on it" in page and 'name="confirm"' not in page


def test_a_preview_is_asked_for_by_post_alone(admin_client, shops):
    assert admin_client.get("/platform/compliance/run/preview/").status_code == 403


def test_the_next_run_is_previewed_at_its_own_instant(admin_client, shops):
    preview = press(admin_client, "next")

    assert preview.at > timezone.now()
    page = admin_client.get(f"/platform/compliance/preview/{preview.pk}/change/").content.decode()
    assert "Run now" not in page


@pytest.mark.parametrize("typed", ["", "2", "yes", "清退 3", "clear 3", "清退"])
def test_a_run_starts_only_on_the_exact_words(admin_client, shops, typed):
    preview = prepared()
    before = contents()

    response = confirm(admin_client, preview, typed)
    foresee()

    assert contents() == before
    assert "type exactly clear 2" in response.content.decode()


@pytest.mark.parametrize("typed", ["清退 2", "清退2", "clear 2", " Clear  2 ", "清退 ２"])
def test_run_now_closes_what_the_preview_named(admin_client, shops, typed):
    response = run_now(admin_client, prepared(), typed)
    with tenancy.platform(), transaction.atomic():
        row = Run.objects.get()
    drain(row.pk)

    assert response.redirect_chain[-1][0] == f"/platform/compliance/run/{row.pk}/change/"
    with tenancy.platform(), transaction.atomic():
        cleared = set(Program.objects.filter(status="cleared").values_list("pk", flat=True))
        assert cleared == {shops.bare.pk, shops.empty.pk}
        assert Decision.objects.filter(run=row).count() == 4
        assert Run.objects.get().is_manual and Run.objects.get().started_by.email == "admin@example.com"


def test_a_start_is_in_the_platforms_audit_log(done, cast):
    with tenancy.platform(), transaction.atomic():
        acts = PlatformAuditRow.objects.values_list("actor__email", "action")

        assert {("preparer@example.com", "run.previewed"), (cast.admin.email, "run.started")} <= set(acts)


def test_who_made_the_preview_does_not_start_the_run(admin_client, shops):
    preview = press(admin_client)
    page = admin_client.get(f"/platform/compliance/preview/{preview.pk}/change/").content.decode()
    before = contents()

    refused = confirm(admin_client, preview, "clear 2").content.decode()
    foresee()

    assert "another admin starts the run" in page and 'name="confirm"' not in page
    assert "another admin starts the run" in refused and contents() == before


def test_a_run_is_not_started_when_other_programs_would_be_cleared_by_now(admin_client, shops, platform):
    preview = prepared()
    platform.coupon(shops.bare, timezone.now().strftime("%Y-%m-%d 00:00"))

    response = run_now(admin_client, preview, "clear 2")

    with tenancy.platform(), transaction.atomic():
        assert not Run.objects.exists() and not Program.objects.filter(status="cleared").exists()
        newest = Preview.objects.order_by("-id").first()
    assert newest.cleared == 1 and response.redirect_chain[-1][0].endswith(f"/{newest.pk}/change/")
    page = response.content.decode()
    assert "Other programs would be cleared by now" in page and "another admin starts the run" in page
    assert "Would have been cleared then, not now" in page


def test_an_old_preview_starts_nothing(admin_client, shops):
    preview = prepared()
    with tenancy.platform(), transaction.atomic():
        earlier = preview.made_at - dt.timedelta(hours=2)
        Preview.objects.filter(pk=preview.pk).update(made_at=earlier, at=earlier, done_at=earlier)

    response = confirm(admin_client, preview, "clear 2")

    assert "too old" in response.content.decode()
    with tenancy.platform(), transaction.atomic():
        assert not Run.objects.exists()


def test_a_period_has_one_run(admin_client, done):
    again = press(admin_client)
    response = confirm(admin_client, again, f"clear {again.cleared}")

    assert "exists already" in response.content.decode()
    with tenancy.platform(), transaction.atomic():
        assert Run.objects.count() == 1


def test_the_page_of_a_running_run_shows_its_progress(admin_client, shops):
    run_now(admin_client, prepared(), "clear 2")
    with tenancy.platform(), transaction.atomic():
        row = Run.objects.get()

    page = admin_client.get(f"/platform/compliance/run/{row.pk}/change/").content.decode()
    piece = admin_client.get(f"/platform/compliance/run/{row.pk}/progress/")

    assert "<progress" in page and "Look again" in page and "0 of 1 parts are done" in page
    assert 'data-hx-trigger="every 2s"' in piece.content.decode() and "HX-Refresh" not in piece


def test_progress_ends_by_showing_the_report(admin_client, done):
    piece = admin_client.get(f"/platform/compliance/run/{done.pk}/progress/")
    page = admin_client.get(f"/platform/compliance/run/{done.pk}/change/").content.decode()

    assert piece["HX-Refresh"] == "true"
    assert "By reason" in page and "No qualifying benefit" in page and "<progress" not in page


def test_a_run_is_paused_and_goes_on(admin_client, shops):
    run_now(admin_client, prepared(), "clear 2")
    with tenancy.platform(), transaction.atomic():
        row = Run.objects.get()

    admin_client.post(f"/platform/compliance/run/{row.pk}/pause/")
    with tenancy.platform():
        drained = clearance.drain(run_id=row.pk, at=timezone.now())
    with tenancy.platform(), transaction.atomic():
        paused = Run.objects.get().state
    admin_client.post(f"/platform/compliance/run/{row.pk}/resume/")
    drain(row.pk)

    assert (drained, paused) == (False, "paused")


def test_the_report_as_csv_has_a_row_for_every_decision(admin_client, done, shops):
    response = admin_client.get(f"/platform/compliance/run/{done.pk}/decisions.csv")
    text = b"".join(response.streaming_content).decode("utf-8-sig")

    rows = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["merchant_id"]) for row in rows] == sorted(shop.pk for shop in vars(shops).values())
    assert {row["outcome"] for row in rows} == {"cleared", "kept"}
    assert rows[0]["merchant"] == shops.bare.slug and rows[0]["period"] == done.period


def test_the_csv_holds_no_formula(admin_client, done, shops):
    with tenancy.platform(), transaction.atomic():
        type(shops.bare).objects.filter(pk=shops.bare.pk).update(name="=1+1")

    response = admin_client.get(f"/platform/compliance/run/{done.pk}/decisions.csv")

    assert "'=1+1" in b"".join(response.streaming_content).decode("utf-8-sig")


@pytest.fixture
def braked(admin_client, shops, platform) -> Run:
    """An automatic run that would clear half of the programs and waits."""
    platform.policy(timezone.now().strftime("%Y-%m-%d 23:59"), max_clear_share="0.05")
    with tenancy.platform():
        by_hand = clearance.by_hand(at=timezone.now())
        with transaction.atomic():
            version = Policy.objects.order_by("-number").first().version
        run = RuleRun(by_hand.period, by_hand.on, by_hand.at, version)
        row, _made = clearance.plan(run=run)
    assert row.state == "braked"
    return row


def approve(client, row: Run, typed: str) -> str:
    url = f"/platform/compliance/run/{row.pk}/approve/"
    return client.post(url, {"confirm": typed}, follow=True).content.decode()


def test_a_braked_run_waits_on_the_workbench(admin_client, braked):
    page = admin_client.get("/platform/").content.decode()

    assert "Waits for approval" in page and f"/platform/compliance/run/{braked.pk}/change/" in page


def test_nobody_approves_what_nobody_previewed(admin_client, braked):
    assert "Nobody has previewed this run yet" in approve(admin_client, braked, "clear 2")
    with tenancy.platform(), transaction.atomic():
        assert Run.objects.get().state == "braked"


def test_the_previewer_does_not_approve(admin_client, braked):
    press(admin_client, str(braked.pk))

    assert "another admin approves" in approve(admin_client, braked, "clear 2")
    with tenancy.platform(), transaction.atomic():
        assert Run.objects.get().state == "braked"


def test_another_admin_approves_on_the_typed_words(admin_client, client, second, cast, braked):
    preview = press(admin_client, str(braked.pk))
    other = enter(client, second)

    refused = approve(other, braked, "clear 9")
    with tenancy.platform(), transaction.atomic():
        still = Run.objects.get().state
    approve(other, braked, f"clear {preview.cleared}")
    drain(braked.pk)

    assert "type exactly" in refused and still == "braked"
    with tenancy.platform(), transaction.atomic():
        row = Run.objects.get()
        assert row.state == "done" and row.approved_by == second and row.cleared == preview.cleared


def test_lists_of_decisions_filter_by_run_outcome_and_merchant(admin_client, done, shops):
    by_outcome = admin_client.get(
        f"/platform/compliance/decision/?run__id__exact={done.pk}&outcome__exact=cleared"
    ).content.decode()
    by_name = admin_client.get(f"/platform/compliance/decision/?q={shops.young.slug}").content.decode()

    assert "2 entries" in by_outcome and "1 entry" in by_name


def test_a_decision_shows_its_evidence(admin_client, done, shops):
    with tenancy.platform(), transaction.atomic():
        row = Decision.objects.get(run=done, merchant_id=shops.bare.pk)
        notice = row.notice_at

    page = admin_client.get(f"/platform/compliance/decision/{row.pk}/change/").content.decode()

    local = timezone.localtime(notice).strftime("%Y-%m-%d %H:%M")
    assert "No qualifying benefit" in page and local in page


def test_a_program_shows_state_evidence_notices_and_decisions(admin_client, done, shops):
    cleared = admin_client.get(f"/platform/members/program/{shops.bare.pk}/change/").content.decode()
    covered = admin_client.get(f"/platform/members/program/{shops.covered.pk}/change/").content.decode()

    assert "Closed by a clearance" in cleared and done.period in cleared
    assert "In good standing" in covered and "Counts" in covered and 'class="strip' in covered


def test_pages_ask_a_constant_number_of_queries(admin_client, done, shops, platform, cast):
    paths = [
        "/platform/",
        f"/platform/compliance/decision/?run__id__exact={done.pk}",
        "/platform/members/program/",
        "/platform/compliance/run/",
    ]
    for path in paths:
        admin_client.get(path)
    before = [queries(admin_client, path) for path in paths]
    for number in range(5):
        platform.shop(f"2025-01-0{number + 1}", owner=cast.owner)

    assert [queries(admin_client, path) for path in paths] == before
    assert max(before) < 30


def queries(client, path: str) -> int:
    with CaptureQueriesContext(connection) as found:
        assert client.get(path).status_code == 200
    return len(found)
