"""P8: pages beside Django admin's own list of the same rows, in one process and one database; and what they weigh.

The admin's list is plain Django admin (no skin of ours), with five columns of the members table, fifty a page, sorted
the same way. Ours brings tier, points, identity and the opened phone and name of each row besides. Both go through the
whole stack of middleware; requests alternate, so that neither meets the warmer machine.
"""

from __future__ import annotations

import datetime as dt
import gzip
import re
import statistics
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, include, path, reverse

from bench.harness import Row, say, scratch, seconds
from compliance.services import installation
from members.lib import tenant as tenancy
from members.models import Member, User
from members.services import members as joining
from members.services import merchants, programs, tier_rules
from members.services.audit import Actor

MEMBERS = {"small": 100_000, "full": 1_000_000}
ROUNDS = 15
LIST_KB, SWAP_KB = 160, 15
NOW = dt.datetime.now(dt.UTC)
START = NOW - dt.timedelta(days=400)
BENCH = Actor.job("bench")
SURNAMES, NAMES = "王李张刘陈杨黄赵吴周", "芳敏静丽强磊军洋勇艳杰娟涛明超"

# Everybody has an account and a tier, a tenth holds silver; an order each over 400 days, a third of them by members.
FILL = """
insert into members_pointsaccount (merchant_id, member_id, available, pending, deficit, earned, redeemed, expired,
    clawed_back, sequence)
select merchant_id, id, id %% 5000, 0, 0, id %% 5000, 0, 0, 0, 1 from members_member where merchant_id = {m};
insert into members_tierstanding (merchant_id, member_id, tier_id, since, valid_until)
select merchant_id, id, case when id %% 10 = 0 then {silver} else {base} end, joined_at,
    case when id %% 10 = 0 then current_date + 100 end from members_member where merchant_id = {m};
insert into members_order (merchant_id, channel, external_id, identity_id, member_id, at, status, paid_at, paid_on,
    total_minor, refunded_minor, net_minor, counts, posted, postings, revision)
select merchant_id, 'web', 'order-' || id, id, case when id %% 3 = 0 then member_id end, paid_at, 'paid', paid_at,
    (paid_at at time zone 'Asia/Shanghai')::date, id %% 9000, 0, id %% 9000, true, 0, 0, 1
from members_identity, lateral (select now() - id %% 400 * interval '1 day' as paid_at) x where merchant_id = {m};
"""


class PlainAdmin(ModelAdmin):
    """The members table as Django's admin lists it by itself."""

    list_display = ("public_id", "joined_at", "channel", "source", "status")
    list_per_page = 50
    ordering = ("-joined_at", "-id")


def plain_urls() -> ModuleType:
    """The product's addresses and those of an unskinned admin."""
    site = AdminSite(name="plain")
    site.register(Member, PlainAdmin)
    module = ModuleType("bench.urls")
    module.urlpatterns = [  # type: ignore[attr-defined]
        path("platform/plain/", site.urls),
        path("", include(import_module("config.urls").urlpatterns)),
    ]
    return module


def run(scale: str) -> Iterator[Row]:
    """Time to first byte against the admin's, queries, and page weights."""
    count = MEMBERS[scale]
    call_command(
        "collectstatic", interactive=False, verbosity=0
    )  # pages name hashed files, on a new machine too
    with scratch(), override_settings(ROOT_URLCONF=plain_urls(), ALLOWED_HOSTS=["*"]):
        owner, admin = fill(count)
        ours, plain = client_of(owner), client_of(admin)
        url, base = reverse("members:members_list"), reverse("plain:members_member_changelist")
        check(ours, url, plain, base)
        for name, address in (
            ("P8 members list", url),
            ("P8 members list, filtered", f"{url}?tier=silver&channel=web"),
            ("P8 members list, searched", f"{url}?q=8888"),
            ("P8 members list, by points", f"{url}?sort=points"),
            ("P8 members list, last page", f"{url}?page={count // 50}"),
        ):
            beside = f"{base}?p={count // 50}" if "last" in name else base
            yield compared(name, ours, address, plain, beside, goal=1.0, n=count)
        try:
            home = reverse("compliance:home")
        except NoReverseMatch:
            say("P8: there is no home page yet")
        else:
            yield compared("P8 home page", ours, home, plain, base, goal=1.5, n=count)
        yield from weights(ours, url, count)


def fill(count: int) -> tuple[User, User]:
    """A merchant with so many members; its owner and an admin."""
    say(f"P8: filling {count:,} members")
    with tenancy.platform(), transaction.atomic():
        installation.install(at=START)
        owner = User.objects.create_user("owner@example.com", "a long password 1", name="Owner")
        admin = User.objects.create_superuser("admin@example.com", "a long password 1", name="Admin")
        shop = merchants.create_merchant(name="Bench", owner=owner, at=START, actor=BENCH)
    ladder: list[dict[str, Any]] = [{"code": "base"}, {"code": "silver", "all": {"spend_minor": 100_000}}]
    with tenancy.tenant(shop.pk), transaction.atomic():
        who: dict[str, Any] = {"merchant_id": shop.pk, "at": START, "actor": BENCH}
        version = tier_rules.configure(ladder=ladder, **who)
        # Young enough for no warning, so that no full page of a final notice stands before the list.
        programs.open_program(**who | {"at": NOW - dt.timedelta(days=100)})
        took = seconds(
            lambda: joining.join_many(merchant_id=shop.pk, at=NOW, actor=BENCH, people=people(count))
        )
        base, silver = (rung["tier"] for rung in version.ladder)
        with connection.cursor() as cursor:
            cursor.execute(FILL.format(m=shop.pk, base=base, silver=silver).replace("%%", "%"))
    say(f"P8: joined in {took:.1f} s ({count / took:,.0f} a second)")
    vacuum()
    return owner, admin


def people(count: int) -> list[tuple[Any, ...]]:
    """Members with phones and names, joined over 400 days."""
    return [
        (
            ("web", "taobao", "jd", "pos")[n % 4],
            f"buyer-{n}",
            START + dt.timedelta(minutes=n * 576_000 // count),
            f"138{n:08}",
            f"{SURNAMES[n % 10]}{NAMES[n % 15]}{NAMES[n // 15 % 15]}",
            "list",
        )
        for n in range(count)
    ]


def vacuum() -> None:
    """What autovacuum does by itself within a minute."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("vacuum analyze")


def client_of(user: User) -> Client:
    """A signed-in client; the session is made under the platform's scope."""
    client = Client(headers={"host": "127.0.0.1"})
    with tenancy.platform(), transaction.atomic():
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def check(ours: Client, url: str, plain: Client, base: str) -> None:
    """Both answer with fifty rows, ours with a constant number of queries."""
    mine, theirs = ours.get(url), plain.get(base)
    assert mine.status_code == theirs.status_code == 200, (mine.status_code, theirs.status_code)
    assert mine.content.count(b'<td class="full') == 50
    assert theirs.content.count(b'class="action-checkbox"') == 50
    with CaptureQueriesContext(connection) as first:
        ours.get(url)
    with CaptureQueriesContext(connection) as narrow:
        ours.get(f"{url}?q=buyer-7")
    say(f"P8: {len(first)} queries for fifty rows, {len(narrow)} for one")
    assert len(first) == len(narrow)


def compared(name: str, ours: Client, url: str, plain: Client, base: str, *, goal: float, n: int) -> Row:
    """One page beside the admin's list: medians of alternating requests."""
    mine: list[float] = []
    theirs: list[float] = []
    for _round in range(ROUNDS + 2):
        mine.append(seconds(lambda: ours.get(url)))
        theirs.append(seconds(lambda: plain.get(base)))
    own, beside = statistics.median(mine[2:]), statistics.median(theirs[2:])
    say(f"{name}: {own * 1000:.1f} ms beside {beside * 1000:.1f} ms")
    return Row(
        name=name,
        ratio=own / beside,
        limit=f"Django admin's own list of the same rows, {beside * 1000:.0f} ms",
        goal=goal,
        n=n,
        note=f"{own * 1000:.1f} ms",
    )


def weights(client: Client, url: str, n: int) -> Iterator[Row]:
    """The list with all it loads, and one swap, gzipped."""
    page = client.get(url).content
    assets = sorted(set(re.findall(rb'(?:href|src)="/static/([^"?]+)"', page)))
    parts = {name.decode(): asset_size(name.decode()) for name in assets}
    whole = packed(page) + sum(parts.values())
    swap = packed(client.get(f"{url}?channel=web", headers={"HX-Request": "true"}).content)
    say(f"P8: page {packed(page):,} B and {sum(parts.values()):,} B of assets; a swap {swap:,} B")
    for name, size, most in (("P8 list weight", whole, LIST_KB), ("P8 swap weight", swap, SWAP_KB)):
        yield Row(
            name=name,
            ratio=size / (most * 1024),
            limit=f"{most} KB gzipped",
            goal=1.0,
            n=n,
            note=f"{size:,} bytes",
        )


def packed(content: bytes) -> int:
    """Bytes as sent with gzip."""
    return len(gzip.compress(content, 6))


def asset_size(name: str) -> int:
    """An asset's gzipped size; icons that are SVG too."""
    found = finders.find(re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", name))
    assert isinstance(found, str), f"no asset {name}"
    with open(found, "rb") as file:
        return packed(file.read())
