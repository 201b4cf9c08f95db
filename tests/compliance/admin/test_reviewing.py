"""Reviewing a run: its programs filtered and held out, views kept under a name, a preview stopped, a report checked."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.utils import timezone

from compliance.models import AdminView, Decision, HoldOut, Preview, ReportCheck, Run
from compliance.selectors import reviewing
from compliance.services import clearance
from compliance.tasks.clearance import seal
from compliance.tasks.previews import foresee
from members.lib import tenant as tenancy
from tests.compliance.admin.test_runs import asked, prepared, press, run_now
from tests.platform_admin import enter

HOLD = "/platform/compliance/run/hold-out/"


def rows(model, *columns):
    with tenancy.platform(), transaction.atomic():
        return list(model.objects.order_by("pk").values_list(*columns))


def programs_of(preview: Preview) -> str:
    return f"/platform/compliance/preview/{preview.pk}/programs/"


def shown(client, preview: Preview, **filters) -> set[str]:
    """The short names of the programs on the review page."""
    return {row["slug"] for row in client.get(programs_of(preview), filters).context["rows"]}


def hold(client, preview: Preview, *shops, reason="a flood", **more):
    data = {
        "period": preview.period,
        "back": preview.pk,
        "merchant": [shop.pk for shop in shops],
        "reason": reason,
    }
    return client.post(f"{HOLD}?programs=1", data | more, follow=True)


@pytest.fixture
def preview(admin_client, shops) -> Preview:
    """Of a run now, made by another admin: it would clear `bare` and `empty`."""
    return prepared()


def test_the_review_page_lists_the_programs_and_filters_them(admin_client, preview, shops):
    assert shown(admin_client, preview) == {shops.bare.slug, shops.empty.slug}
    assert shown(admin_client, preview, q=shops.empty.slug) == {shops.empty.slug}
    assert shown(admin_client, preview, size="100") == set()
    assert shown(admin_client, preview, size="0") == {shops.bare.slug, shops.empty.slug}
    assert shown(admin_client, preview, size="x", held="maybe", q="%") == set()


def test_the_review_page_goes_on_behind_the_last_one_however_rare_what_is_asked_for(
    admin_client, preview, shops, monkeypatch
):
    url, first, second = programs_of(preview), *sorted((shops.bare, shops.empty), key=lambda shop: shop.pk)
    monkeypatch.setattr(reviewing, "PAGE", 1)

    page = admin_client.get(url)
    assert [row["slug"] for row in page.context["rows"]] == [first.slug]
    page = admin_client.get(page.context["more_url"])
    assert [row["slug"] for row in page.context["rows"]] == [second.slug]
    assert page.context["more_url"] == "" and page.context["back_url"] == f"{url}?"

    monkeypatch.setattr(reviewing, "LOOKED", 1)
    monkeypatch.setattr(reviewing, "MOST_LOOKS", 1)
    page = admin_client.get(url, {"q": second.slug})
    assert page.context["rows"] == [] and "None among those looked at so far" in page.content.decode()
    page = admin_client.get(page.context["more_url"])
    assert [row["slug"] for row in page.context["rows"]] == [second.slug]
    assert shown(admin_client, preview, after="x") == {first.slug}


def test_ticked_programs_are_held_out_with_the_reason_and_the_next_preview_says_so(
    admin_client, preview, shops
):
    response = hold(admin_client, preview, shops.bare)
    again = press(admin_client)

    assert "1 program is held out of this run." in response.content.decode()
    assert rows(HoldOut, "merchant_id", "reason") == [(shops.bare.pk, "a flood")]
    assert (again.cleared, again.held) == (1, 1)
    assert shown(admin_client, preview, held="yes") == {shops.bare.slug}
    assert shown(admin_client, preview, held="no") == {shops.empty.slug}


def test_programs_are_held_out_by_their_short_names(admin_client, preview, shops):
    page = hold(admin_client, preview, programs=f"{shops.bare.slug}\n{shops.empty.slug}").content.decode()

    assert "2 programs are held out of this run." in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": ""}, "Say why"),
        ({"programs": "nobody-of-that-name"}, "There is no merchant"),
        ({"merchant": []}, "Name at least one program"),
    ],
)
def test_a_hold_out_that_lacks_something_is_refused_in_words(admin_client, preview, shops, change, said):
    page = hold(admin_client, preview, shops.bare, **change).content.decode()

    assert said in page and not rows(HoldOut, "pk")


def test_a_program_is_let_in_again(admin_client, preview, shops):
    hold(admin_client, preview, shops.bare)
    admin_client.post(
        "/platform/compliance/run/let-in/", {"period": preview.period, "merchant": shops.bare.pk}
    )

    assert press(admin_client).cleared == 2


def test_a_run_is_not_started_on_a_preview_from_before_a_hold_out(admin_client, preview, shops):
    hold(admin_client, preview, shops.bare)

    page = run_now(admin_client, preview, "clear 2").content.decode()

    assert "Other programs would be cleared by now" in page and not rows(Run, "pk")


def test_the_report_and_the_decision_say_who_was_held_out_and_why(admin_client, preview, shops):
    hold(admin_client, preview, shops.bare)
    run_now(admin_client, prepared(), "clear 1")
    ((run_id,),) = rows(Run, "pk")
    with tenancy.platform():
        clearance.drain(run_id=run_id, at=timezone.now())
    with tenancy.platform(), transaction.atomic():
        decision = Decision.objects.get(merchant_id=shops.bare.pk)

    report = admin_client.get(f"/platform/compliance/run/{run_id}/change/").content.decode()
    evidence = admin_client.get(f"/platform/compliance/decision/{decision.pk}/change/").content.decode()

    assert (decision.outcome, decision.reason) == ("held", "held_out")
    assert "Held out of this run" in report and "a flood" in report
    assert "a flood" in evidence and "held out of a run by a person" in evidence
    assert "has begun" in hold(admin_client, preview, shops.empty).content.decode()


def test_only_who_may_run_clearance_holds_anybody_out(client, admin_client, preview, shops, second):
    with tenancy.platform(), transaction.atomic():
        second.is_superuser = False
        second.save()
    other = enter(client, second)

    assert (
        other.post(HOLD, {"period": preview.period, "merchant": shops.bare.pk, "reason": "x"}).status_code
        == 403
    )
    assert admin_client.get(HOLD).status_code == 403
    assert not rows(HoldOut, "pk")


# --- saved views ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "query"),
    [
        ("/platform/compliance/decision/", "outcome__exact=held"),
        ("/platform/compliance/run/", "state__exact=done"),
        ("/platform/compliance/preview/", "q=2024"),
    ],
)
def test_filters_are_kept_under_a_name_and_removed_again(admin_client, shops, url, query):
    act = f"{url}views/"
    page = admin_client.post(act, {"name": "Large ones", "query": query}, follow=True)
    listed = admin_client.get(url).content.decode()
    ((key,),) = rows(AdminView, "pk")
    admin_client.post(act, {"remove": key})

    assert page.redirect_chain[0][0] == f"{url}?{query}"
    assert f'href="{url}?{query}"' in listed and "Large ones" in listed
    assert not rows(AdminView, "pk")


def test_the_review_page_keeps_views_too(admin_client, preview, shops):
    act = f"/platform/compliance/preview/{preview.pk}/filters/"
    admin_client.post(act, {"name": "Small", "query": "size=0"})
    admin_client.post(act, {"name": "Small", "query": "size=0&held=no"})

    page = admin_client.get(programs_of(preview), {"size": "0", "held": "no"}).content.decode()

    assert rows(AdminView, "name", "query") == [("Small", "size=0&held=no")]
    assert f'href="{programs_of(preview)}?size=0&amp;held=no" aria-current="true"' in page


def test_a_view_is_ones_own(admin_client, client, second, shops):
    admin_client.post(
        "/platform/compliance/run/views/", {"name": "Mine", "query": "state__exact=done"}, follow=True
    )
    ((key,),) = rows(AdminView, "pk")
    other = enter(client, second)

    page = other.get("/platform/compliance/run/").content.decode()
    other.post("/platform/compliance/run/views/", {"remove": key})

    assert "Mine" not in page and rows(AdminView, "pk") == [(key,)]


@pytest.mark.parametrize(("name", "query"), [(" ", "a=b"), ("x", "a" * 601)])
def test_a_view_without_a_name_or_too_long_is_refused(admin_client, shops, name, query):
    admin_client.post("/platform/compliance/run/views/", {"name": name, "query": query})

    assert not rows(AdminView, "pk")


# --- a preview is stopped, a report checked ---------------------------------------------------------------------------


def test_a_preview_being_worked_out_is_stopped(admin_client, shops):
    preview = asked(admin_client)

    page = admin_client.post(f"/platform/compliance/preview/{preview.pk}/stop/", follow=True).content.decode()
    foresee()

    assert "was stopped before its end" in page and "Run now" not in page
    assert rows(Preview, "state", "parts_done") == [("stopped", 0)]


def test_a_preview_that_is_done_is_not_stopped(admin_client, preview, shops):
    page = admin_client.post(f"/platform/compliance/preview/{preview.pk}/stop/", follow=True).content.decode()

    assert "come to its end already" in page and rows(Preview, "state") == [("done",)]


def test_a_start_that_was_stopped_starts_nothing(admin_client, preview, shops):
    admin_client.post("/platform/compliance/run/now/", {"preview": preview.pk, "confirm": "clear 2"})
    second = rows(Preview, "pk")[-1][0]

    admin_client.post(f"/platform/compliance/preview/{second}/stop/")
    foresee()

    assert not rows(Run, "pk") and rows(Preview, "state")[-1] == ("stopped",)


def test_a_report_is_checked_on_its_page(admin_client, preview, shops):
    run_now(admin_client, preview, "clear 2")
    ((run_id,),) = rows(Run, "pk")
    with tenancy.platform():
        clearance.drain(run_id=run_id, at=timezone.now())
    url = f"/platform/compliance/run/{run_id}/"
    early = admin_client.post(f"{url}check/", follow=True).content.decode()
    seal()
    waiting = admin_client.post(f"{url}check/", follow=True).content.decode()
    seal()
    done = admin_client.get(f"{url}change/").content.decode()

    ((digest,),) = rows(Run, "digest")
    assert "not written down yet" in early and digest in done
    assert "Waits for a worker" in waiting and "the decisions are those that were written down" in done
    assert rows(ReportCheck, "digest") == [(digest,)]


def test_the_page_of_tonight_lists_counts_programs_and_months(admin_client, shops):
    bench = admin_client.get("/platform/").content.decode()
    page = admin_client.get("/platform/if-tonight/")

    (months, listed) = page.context["page"].tables
    assert 'href="/platform/if-tonight/"' in bench
    assert [row[1] for row in listed.rows] == [shops.bare.slug, shops.empty.slug]
    assert len(months.rows) == 12 and sum(int(row[1]) for row in months.rows) == 3
    assert months.heads[2] == "no members" and all(row[1] == row[2] for row in months.rows)
    assert "Programs that it would close" in page.content.decode()
