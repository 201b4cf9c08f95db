"""The real command, killed at any moment, makes each row of a file a member once and takes each back once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from bench import real_year
from compliance.play.stage import stage
from members.lib import tenant as tenancy
from members.models import ImportJob, Merchant
from tests.concurrency.test_order_imports import address, answer
from tests.concurrency.test_point_imports import Command, killed_again_and_again

ROWS = 300
AT = "2024-05-15T12:00+08:00"


@pytest.fixture
def shop(django_db_blocker, tmp_path) -> Iterator[tuple[int, Command]]:
    """A shop in a database of its own, a file of 300 people, and the command against it."""
    path = Path(tmp_path) / "members.csv"
    rows = [f"card-{n},Person {n},{n % 12 + 1:02}-05" for n in range(ROWS)]
    path.write_text("\n".join(["member_key,name,birthday", *rows]) + "\n")
    with django_db_blocker.unblock(), stage() as database:
        merchant_id = real_year.build("Shop")
        with tenancy.platform(), transaction.atomic():
            slug = Merchant.objects.get(pk=merchant_id).slug
        secrets = dict.fromkeys(
            ("SECRET_KEY", "PII_KEYS", "PII_INDEX_KEY"), "for this test alone: " + "0123456789" * 3
        )
        environment = os.environ | {
            "DATABASE_URL": address("default", database),
            "DATABASE_OWNER_URL": address("owner", database),
            "CELERY_BROKER_URL": "memory://",
            "DATA_DIR": str(tmp_path / "data"),
            **secrets,
        }

        def command(*more: str) -> subprocess.Popen:
            what = more or (str(path), "--channel", "pos", "--source", "cards")
            return subprocess.Popen(
                [sys.executable, "manage.py", "import_members", slug, *what, "--at", AT, "--chunk", "20", "--json"],
                cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip

        yield merchant_id, command


def people(merchant_id: int) -> tuple[int, int, int]:
    """(members who are, who were taken back, identities that are somebody's)."""
    with tenancy.tenant(merchant_id), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select (select count(*) from members_member where status = 'active'), "
            "(select count(*) from members_member where status = 'erased'), "
            "(select count(*) from members_identity where member_id is not null)"
        )
        return tuple(map(int, cursor.fetchone()))


def test_a_killed_import_of_members_and_its_killed_undoing_double_nothing(shop):
    merchant_id, command = shop

    killed_again_and_again(command)
    done = answer(command())

    assert done["members_created"] + done["unchanged"] == ROWS
    assert people(merchant_id) == (ROWS, 0, ROWS)

    with tenancy.tenant(merchant_id), transaction.atomic():
        job = ImportJob.objects.filter(created__gt=0).latest("id")
        assert job.created == ROWS
    killed_again_and_again(lambda: command("--undo", job.public_id))
    undone = answer(command("--undo", job.public_id))

    assert (undone["rows"], undone["taken"], undone["kept"]) == (ROWS, ROWS, 0)
    assert people(merchant_id) == (0, ROWS, 0)
