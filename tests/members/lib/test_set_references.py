"""References checked a statement at a time hold as foreign keys do (members.lib.schema, SetReferences)."""

from __future__ import annotations

import threading

import psycopg
import pytest
from django.db import connections

from members.lib import tenant as tenancy
from members.lib.databases import owner_connection
from members.services import orders
from members.services.audit import Actor
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)
LINE = (
    "insert into members_orderline (merchant_id, order_id, number, sku, quantity, amount_minor, refunded_minor) "
    "select {shop}, o, 9 + n, 'x', 1, 1, 0 from unnest(array[{orders}]::bigint[]) with ordinality as o (o, n)"
)


@pytest.fixture
def database():
    """The suite's database, as the tables' owner: no policy stands between it and the triggers."""
    with owner_connection(connections["default"].settings_dict["NAME"]) as connection:
        yield connection


@pytest.fixture
def order(cast):
    """A stored order of the shop, its id."""
    with tenancy.tenant(cast.shop.pk):
        done = orders.put_order(
            merchant_id=cast.shop.pk,
            at=NOON,
            actor=Actor.job("test"),
            order=orders.OrderIn(external_id="o", lines=[orders.LineIn("x", 1, 100)]),
        )
    return done.order.id


def lines(database):
    return database.execute("select count(*) from members_orderline").fetchone()[0]


def test_rows_that_name_a_row_that_is_not_there_are_refused_whole(cast, order, database):
    before = lines(database)

    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="order_id = 999"):
        database.execute(LINE.format(shop=cast.shop.pk, orders="999"))

    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="order_id = 999"):
        database.execute(LINE.format(shop=cast.shop.pk, orders="999, 999"))
    assert lines(database) == before


def test_a_row_of_another_merchant_is_not_there(cast, order, database):
    before = lines(database)

    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        database.execute(LINE.format(shop=cast.other.pk, orders=order))
    assert lines(database) == before


def test_a_row_cannot_move_to_a_parent_that_is_not_there(cast, order, database):
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        database.execute("update members_orderline set order_id = 999")

    found = database.execute("select distinct order_id from members_orderline").fetchall()
    assert found == [(order,)]


def test_a_row_that_others_name_is_neither_deleted_nor_given_another_key(order, database):
    for statement in ("delete from members_order", "update members_order set id = id + 1"):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            database.execute(statement)

    assert database.execute("select id from members_order").fetchall() == [(order,)]


def test_a_row_that_nobody_names_any_more_can_go(order, database):
    database.execute("delete from members_orderline")
    database.execute("delete from members_order")

    assert database.execute("select count(*) from members_order").fetchone() == (0,)


def test_a_parent_deleted_while_a_child_is_written_waits_and_is_refused(cast, order, database):
    database.execute("delete from members_orderline")
    name = connections["default"].settings_dict["NAME"]
    outcome = []

    def delete():
        with owner_connection(name) as other:
            try:
                other.execute("delete from members_order")
                outcome.append("deleted")
            except psycopg.errors.ForeignKeyViolation:
                outcome.append("refused")

    with owner_connection(name) as writer, writer.transaction():
        writer.execute(LINE.format(shop=cast.shop.pk, orders=order))
        deleter = threading.Thread(target=delete)
        deleter.start()
        while not database.execute(
            "select count(*) from pg_locks where not granted and relation = 'members_orderline'::regclass"
        ).fetchone()[0]:
            assert deleter.is_alive(), outcome
    deleter.join()

    assert outcome == ["refused"]
    assert lines(database) == 1


def test_one_missing_parent_among_many_rows_and_merchants_refuses_them_all(cast, order, database):
    before = lines(database)
    good = LINE.format(shop=cast.shop.pk, orders=", ".join([str(order)] * 3))
    bad = LINE.format(shop=cast.other.pk, orders=f"{order}").removeprefix(LINE.split("select", 1)[0])

    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=f"order_id = {order}"):
        database.execute(f"{good} union all {bad}")
    assert lines(database) == before

    database.execute(good)
    assert lines(database) == before + 3
