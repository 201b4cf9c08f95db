"""A channel's id of a person may be a phone number: it lies sealed, and is found by a blind index (domain.md 11)."""

from __future__ import annotations

import os

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor

from compliance.play.stage import pointed_to
from members.lib import crypto
from members.lib import tenant as tenancy
from members.lib.databases import drop_database, make_database
from members.models import Identity
from members.selectors import members as selectors
from members.selectors.members import MemberFilter
from members.services import idempotency, members, orders, programs, tier_rules
from members.services.audit import Actor
from members.services.orders import LineIn, OrderIn
from tests.conftest import NOON

JOB = Actor.job("test")
PHONE = "13800138000"
TABLES = "select tablename from pg_tables where schemaname = 'public' and tablename like 'members_%'"


def opened(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        tier_rules.configure(merchant_id=shop.pk, at=NOON, actor=JOB, ladder=[{"code": "base"}])
        programs.open_program(merchant_id=shop.pk, at=NOON, actor=JOB)
    return shop


@pytest.fixture
def shop(cast):
    return opened(cast.shop)


def join(shop, external_id, channel="web", **more):
    with tenancy.tenant(shop.pk):
        return members.join(
            merchant_id=shop.pk, at=NOON, actor=JOB, channel=channel, external_id=external_id, **more
        )


def buy(shop, order, buyer):
    with tenancy.tenant(shop.pk):
        order = OrderIn(order, [LineIn("s", 1, 10_00)], member_key=buyer)
        orders.put_order(merchant_id=shop.pk, at=NOON, actor=JOB, order=order)


def stored():
    """Every table's rows as text."""
    found = {}
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TABLES)
        for (table,) in cursor.fetchall():
            cursor.execute(f"select coalesce(string_agg(t::text, chr(10)), '') from \"{table}\" t")
            found[table] = cursor.fetchone()[0]
    return found


def test_no_table_holds_an_external_id_in_clear(shop):
    join(shop, PHONE, name="Ann Lee")
    buy(shop, "o1", "13900139000")
    buy(shop, "o2", PHONE)
    with tenancy.tenant(shop.pk), transaction.atomic():
        members.join_many(merchant_id=shop.pk, at=NOON, actor=JOB, people=[("jd", "13700137000", NOON)])

    for table, text in stored().items():
        for number in (PHONE, "13900139000", "13700137000"):
            assert number not in text and number.encode().hex() not in text, table


def test_a_stored_answer_is_sealed_and_a_request_leaves_nothing_to_guess_by(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        asked = {"merchant_id": shop.pk, "key": "k", "body_hash": "ab" * 32, "at": NOON}
        assert idempotency.claim(**asked) is None
        idempotency.keep(merchant_id=shop.pk, key="k", status=201, text=f'{{"external_id":"{PHONE}"}}')
        again = idempotency.claim(**asked)

    assert again == idempotency.FirstAnswer(201, f'{{"external_id":"{PHONE}"}}')
    kept = stored()["members_idempotencyrow"]
    assert PHONE not in kept and PHONE.encode().hex() not in kept and "ab" * 32 not in kept


def test_an_id_comes_back_to_its_own_shop(shop):
    member = join(shop, PHONE)

    with tenancy.tenant(shop.pk), transaction.atomic():
        (identity,) = selectors.identities_of(merchant_id=shop.pk, member_id=member.pk)
        (row,) = selectors.rows_of(merchant=shop, members=[member])

    assert identity.external_id == row.identity == PHONE
    assert PHONE not in str(identity)


def test_equal_ids_of_two_shops_or_channels_have_nothing_in_common(shop, cast):
    opened(cast.other)
    join(shop, PHONE)
    join(shop, PHONE, channel="jd")
    join(cast.other, PHONE)

    with tenancy.platform(), transaction.atomic():
        known = list(Identity.objects.values_list("external_index", "external_id"))

    assert len({bytes(index) for index, _sealed in known}) == 3
    assert len({bytes(sealed) for _index, sealed in known}) == 3


def test_a_member_is_found_by_the_id_with_and_without_its_channel(shop):
    member = join(shop, "TB-1", channel="taobao")
    join(shop, "TB-2", channel="taobao")

    def found(**asked):
        with tenancy.tenant(shop.pk), transaction.atomic():
            return [row.pk for row in selectors.find(merchant=shop, **asked)]

    with tenancy.tenant(shop.pk), transaction.atomic():
        listed = list(selectors.listed(merchant=shop, wanted=MemberFilter(search=" TB-1 ")))
    assert [row.pk for row in listed] == [member.pk]
    assert found(external_id="TB-1") == found(external_id="TB-1", channel="taobao") == [member.pk]
    assert found(external_id="TB-1", channel="jd") == found(external_id="tb-1") == []


def test_of_many_keys_those_known_and_those_new_are_told_apart(shop):
    keys = [("web", f"u{n}") for n in (5, 1, 5, 3)]
    with tenancy.tenant(shop.pk), transaction.atomic():
        before = members.identify_many(merchant_id=shop.pk, at=NOON, keys=keys[:2])
        after = members.identify_many(merchant_id=shop.pk, at=NOON, keys=keys)

    assert {key: row.id for key, row in before.items()}.items() <= {k: r.id for k, r in after.items()}.items()
    assert {key: row.is_new for key, row in after.items()} == {
        ("web", "u5"): False,
        ("web", "u1"): False,
        ("web", "u3"): True,
    }


OLD = [("members", "0002_tenancy")]


@pytest.fixture
def old_database(django_db_blocker):
    """A database of the time when ids lay in clear."""
    name = f"test_liushui_old_{os.getpid()}"
    with django_db_blocker.unblock():
        make_database(name)
        with pointed_to(name):
            call_command("migrate", "members", "0002", database="owner", verbosity=0, interactive=False)
            yield name
        drop_database(name)


def fill(shops=2, people=25):
    """Rows as they were."""
    apps = MigrationExecutor(connections["owner"]).loader.project_state(OLD).apps
    merchant, identity = (apps.get_model("members", name) for name in ("Merchant", "Identity"))
    answer = apps.get_model("members", "IdempotencyRow")
    ids = []
    for n in range(shops):
        made = merchant.objects.using("owner").create(slug=f"s{n}", name=f"Shop {n}", created_at=NOON)
        ids.append(made.pk)
        identity.objects.using("owner").bulk_create(
            identity(merchant_id=made.pk, channel="web", external_id=f"1380013{k:04}", at=NOON)
            for k in range(people)
        )
        answer.objects.using("owner").create(
            merchant_id=made.pk, key="k", body_hash="ab" * 32, status=200, answer=f'{{"n":{n}}}', at=NOON
        )
    return ids


def migrate(target=None):
    call_command(
        "migrate", "members", *([target] if target else []), database="owner", verbosity=0, interactive=False
    )


def test_ids_in_clear_are_sealed_batch_by_batch_and_a_broken_off_migration_goes_on(old_database, monkeypatch):
    from members.migrations import _sealing

    shops = fill()
    with connections["owner"].cursor() as cursor:
        cursor.execute("select merchant_id, id, external_id from members_identity order by 1, 2")
        clear = cursor.fetchall()
    monkeypatch.setattr(_sealing, "BATCH", 7)
    whole, batches = _sealing._seal_identities, []

    def breaks_off(cursor, rows):
        batches.append(len(rows))
        if len(batches) == 3:
            raise KeyboardInterrupt
        whole(cursor, rows)

    migrate("0003")
    monkeypatch.setattr(_sealing, "_seal_identities", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        migrate("0004")
    with connections["owner"].cursor() as cursor:
        cursor.execute("select count(*) from members_identity where external_index is not null")
        assert cursor.fetchone() == (14,)
    migrate("0004")
    with connections["owner"].cursor() as cursor:  # what a process of before writes meanwhile
        cursor.execute(
            "insert into members_identity (merchant_id, channel, external_id, at) values (%s, 'jd', 'late', %s) "
            "returning merchant_id, id, external_id",
            [shops[0], NOON],
        )
        clear.append(cursor.fetchone())
    migrate()

    assert sum(batches) == 14 + 7 + 36 + 1
    ring = crypto.keyring()
    with connections["owner"].cursor() as cursor:
        cursor.execute("select merchant_id, id, external_id, channel, external_index from members_identity")
        sealed = cursor.fetchall()
        cursor.execute("select merchant_id, answer, body_hash from members_idempotencyrow order by 1")
        answers = cursor.fetchall()
    opened = {(merchant, pk): ring.open(merchant, value) for merchant, pk, value, _channel, _index in sealed}
    assert opened == {(merchant, pk): text for merchant, pk, text in clear}
    for merchant, pk, _value, channel, index in sealed:
        assert bytes(index) == crypto.identity_index(merchant, channel, opened[merchant, pk])
    assert [ring.open(merchant, text) for merchant, text, _hash in answers] == ['{"n":0}', '{"n":1}']
    assert answers[0][2] == crypto.keyed_hash(shops[0], "request", "ab" * 32)


def test_the_table_is_written_anew_since_a_dropped_column_stays_in_its_file(old_database):
    def file():
        with connections["owner"].cursor() as cursor:
            cursor.execute("select pg_relation_filenode('members_identity')")
            return cursor.fetchone()[0]

    fill(shops=1, people=3)
    migrate("0005")
    before = file()

    migrate()

    assert file() != before
