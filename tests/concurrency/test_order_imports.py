"""The real command, killed at any moment or run twice at once, imports a file once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection, connections, transaction

from bench import real_year
from compliance.play.stage import stage
from members.lib import tenant as tenancy
from members.models import Merchant
from tests.environment import SOAK
from tests.members.services.test_posting_bulk import facts

KILLS = 30 if SOAK else 5
ORDERS = 600
Command = Callable[..., subprocess.Popen]


def address(alias: str, database: str) -> str:
    """The URL of an alias's log-in and another database."""
    parameters = connections[alias].settings_dict
    return (
        f"postgres://{quote(parameters['USER'])}:{quote(parameters['PASSWORD'])}@{parameters['HOST']}:"
        f"{parameters['PORT']}/{database}"
    )


@pytest.fixture(scope="module")
def orders_file(tmp_path_factory) -> Path:
    """600 orders of 40 people, three lines each, every seventh in part refunded."""
    path = tmp_path_factory.mktemp("orders") / "orders.csv"
    rows = ["order_id,ordered_at,member_key,sku,quantity,amount,refund_id,refund_amount"]
    for n in range(ORDERS):
        for line in range(3):
            refund = f"R{n},1.00" if n % 7 == 0 and line == 1 else ","
            rows.append(
                f"A{n},2017-01-{n % 28 + 1:02d} 10:{n % 60:02d},u{n % 40},s{line},1,{n % 90 + 5}.{line}0,{refund}"
            )
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def shop(django_db_blocker, tmp_path, orders_file) -> Iterator[tuple[int, Command]]:
    """A shop in a database of its own, and the command against it."""
    with django_db_blocker.unblock(), stage() as database:
        merchant_id = real_year.build("Shop")
        with tenancy.platform(), transaction.atomic():
            slug = Merchant.objects.get(pk=merchant_id).slug
        environment = os.environ | {
            "DATABASE_URL": address("default", database),
            "DATABASE_OWNER_URL": address("owner", database),
            "CELERY_BROKER_URL": "memory://",
            "DATA_DIR": str(tmp_path / "data"),
            **dict.fromkeys(
                ("SECRET_KEY", "PII_KEYS", "PII_INDEX_KEY"),
                "for this test alone: " + "0123456789" * 3,
            ),
        }

        def command(*more: str) -> subprocess.Popen:
            return subprocess.Popen(
                [
                    sys.executable, "manage.py", "import_orders", slug, str(orders_file), "--channel", "pos",
                    "--declare-members", "card", "--at", "2018-01-02T00:00+00:00", "--chunk", "25", "--json", *more,
                ],
                cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip

        yield merchant_id, command


def answer(process: subprocess.Popen) -> dict[str, Any]:
    """What a command that succeeded printed."""
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    return json.loads(out)


def position(merchant_id: int) -> int:
    """How far the import has come."""
    with tenancy.tenant(merchant_id), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select coalesce(max(position), 0) from members_importjob")
        return cursor.fetchone()[0]


def told(merchant_id: int) -> dict[str, list[Any]]:
    """Everything derived."""
    with tenancy.tenant(merchant_id), transaction.atomic():
        return facts(merchant_id)


@pytest.fixture(scope="module")
def undisturbed(django_db_setup, django_db_blocker, orders_file, tmp_path_factory) -> dict[str, list[Any]]:
    """What an import that nobody disturbs makes."""
    import io

    from django.core.management import call_command

    with django_db_blocker.unblock(), stage(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "UPLOADS_DIR", tmp_path_factory.mktemp("uploads"))
        merchant_id = real_year.build("Shop")
        with tenancy.platform(), transaction.atomic():
            slug = Merchant.objects.get(pk=merchant_id).slug
        call_command(
            "import_orders", slug, str(orders_file), "--channel", "pos", "--declare-members", "card",
            "--at", "2018-01-02T00:00+00:00", stdout=io.StringIO(),
        )  # fmt: skip
        return told(merchant_id)


def test_a_killed_import_goes_on_and_doubles_nothing(shop, undisturbed):
    merchant_id, command = shop
    dice = random.Random(7)

    for _kill in range(KILLS):
        before = position(merchant_id)
        process = command()
        assert process.stderr is not None
        for line in process.stderr:  # a line after each chunk
            if not line[:1].isdigit():
                continue
            if position(merchant_id) > before and dice.random() < 0.5:
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if position(merchant_id) >= ORDERS:
            break
    found = answer(command())

    assert told(merchant_id) == undisturbed
    assert (found["rows"], found["rejected"], found["members_created"]) == (ORDERS * 3, 0, 40) or found[
        "unchanged"
    ] == ORDERS
    again = answer(command())
    assert (again["orders"], again["unchanged"], again["members_created"]) == (0, ORDERS, 0)
    assert told(merchant_id) == undisturbed


def test_of_two_imports_at_once_one_works_and_nothing_is_doubled(shop, undisturbed):
    merchant_id, command = shop

    both = [command(), command()]
    ends = [(process.communicate(timeout=120), process.returncode) for process in both]

    refused = [error for (_out, error), code in ends if code]
    assert len(refused) < 2
    assert all("being imported by another process" in error for error in refused)
    assert told(merchant_id) == undisturbed
