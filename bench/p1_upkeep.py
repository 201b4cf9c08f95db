"""P1, what clearance costs the others: coverage kept up when a benefit is published, and the banner on a page.

Publishing is the service with its gate, checks, revision, audit row and commit; beside it the part that coverage adds,
done again within the same transaction. The page is the list of benefits of a shop with a warning, with the banner and
without it, in turns.
"""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bench.harness import Row, say, scratch, seconds
from benefits.models import Benefit
from benefits.services import benefits, coverage
from compliance.services import assessment, installation
from compliance.templatetags import compliance_banner
from members.lib import tenant as tenancy
from members.models import Merchant, User
from members.services import merchants, programs
from members.services.audit import Actor

BENCH = Actor.job("bench")
NOW = dt.datetime.now(dt.UTC)
START = NOW - dt.timedelta(days=300)
BENEFITS = 10  # of a shop, as in the other rows
ROUNDS = {"small": 200, "full": 1_000}
PAGES = 60
SETTINGS = {"off_minor": 1_000, "at_least_minor": 9_900}


def run(scale: str) -> Iterator[Row]:
    """The ratios."""
    call_command("collectstatic", interactive=False, verbosity=0)
    with scratch(), override_settings(ALLOWED_HOSTS=["*"]):
        owner, shop = fill()
        yield publishing(shop, ROUNDS[scale])
        yield from banner(owner)


def fill() -> tuple[User, Merchant]:
    """A shop with benefits that are over, so that it is warned."""
    with tenancy.platform():
        installation.install(at=START)
        with transaction.atomic():
            owner = User.objects.create_user("owner@example.com", "a long password 1", name="Owner")
            shop = merchants.create_merchant(name="Bench", owner=owner, at=START, actor=BENCH)
    with tenancy.tenant(shop.pk), transaction.atomic():
        programs.open_program(merchant_id=shop.pk, at=START, actor=BENCH)
        for number in range(BENEFITS):
            publish(shop, START + number * dt.timedelta(days=10), days=10)
    with tenancy.platform():
        assessment.assess(at=NOW)
    return owner, shop


def publish(shop: Merchant, at: dt.datetime, *, days: int = 30) -> Benefit:
    """A coupon."""
    return benefits.publish_benefit(
        merchant_id=shop.pk, at=at, actor=BENCH, kind="coupon", name="Coupon", settings=SETTINGS,
        to_at=at + dt.timedelta(days=days),
    )  # fmt: skip


def publishing(shop: Merchant, rounds: int) -> Row:
    """What coverage adds. What was published is taken back, so that the shop stays as large as it was."""
    with_it, part = [], []
    for number in range(rounds):
        at = NOW + number * dt.timedelta(seconds=1)
        with tenancy.tenant(shop.pk), transaction.atomic():
            began = time.perf_counter()
            made = publish(shop, at)
            published = time.perf_counter()
            coverage.add(merchant_id=shop.pk, at=at, published=[made])
            done = time.perf_counter()
            transaction.set_rollback(True)
        with_it.append(published - began)
        part.append(done - published)
    added, whole = statistics.median(part), statistics.median(with_it)
    say(f"P1: publishing {whole * 1000:.2f} ms, of it coverage {added * 1000:.2f} ms")
    limit = f"publishing without it, before its commit, {(whole - added) * 1000:.1f} ms"
    return Row("P1 coverage in publishing", added / (whole - added), limit, 0.25, rounds)


@contextmanager
def silent() -> Iterator[None]:
    """Pages without the banner."""
    known = compliance_banner.glance_of
    compliance_banner.glance_of = lambda _request: None
    try:
        yield
    finally:
        compliance_banner.glance_of = known


def banner(owner: User) -> Iterator[Row]:
    """What the banner adds to a page, and with how many queries."""
    client = Client(headers={"host": "127.0.0.1"})
    with tenancy.platform(), transaction.atomic():
        client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    url = reverse("benefits:benefits_list")

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            page = client.get(url)
        assert page.status_code == 200
        return len(queries)

    client.get(url)  # the popup is shown once, with its receipt
    assert b"danger" in client.get(url).content or b"banner" in client.get(url).content
    queries = asked()
    with silent():
        queries -= asked()
    shown, hidden = [], []
    for _round in range(PAGES):
        shown.append(seconds(lambda: client.get(url)))
        with silent():
            hidden.append(seconds(lambda: client.get(url)))
    mine, beside = statistics.median(shown[5:]), statistics.median(hidden[5:])
    say(f"P1: a page {mine * 1000:.1f} ms, without banner {beside * 1000:.1f} ms, {queries} queries")
    limit = f"the page without it, {beside * 1000:.1f} ms"
    yield Row("P1 banner on a page", mine / beside - 1, limit, 0.03, PAGES)
    yield Row("P1 queries of the banner", queries, "the page without it", 1.0, 1)
