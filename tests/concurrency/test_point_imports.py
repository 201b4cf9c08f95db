"""The real command, killed at any moment, credits each row of a file of points once and takes each back once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from bench import real_year
from compliance.play.stage import stage
from members.lib import tenant as tenancy
from members.models import ImportJob, Merchant
from members.services import ledger_proof, members
from members.services.audit import Actor
from tests.concurrency.test_order_imports import address, answer
from tests.conftest import NOON
from tests.environment import SOAK

KILLS = 15 if SOAK else 3
ROWS, PEOPLE = 600, 40
AT = "2024-05-15T12:00+08:00"
Command = Callable[..., subprocess.Popen]


@pytest.fixture(scope="module")
def points_file(tmp_path_factory) -> Path:
    """600 rows of 40 people."""
    path = tmp_path_factory.mktemp("points") / "points.csv"
    rows = [f"u{n % PEOPLE},{n % 90 + 1},2025-{n % 12 + 1:02}-28,{n}" for n in range(ROWS)]
    path.write_text("\n".join(["member_key,points,expires_on,row_id", *rows]) + "\n")
    return path


@pytest.fixture
def shop(django_db_blocker, tmp_path, points_file) -> Iterator[tuple[int, Command]]:
    """A shop with members in a database of its own, and the command against it."""
    with django_db_blocker.unblock(), stage() as database:
        merchant_id = real_year.build("Shop")
        with tenancy.platform(), transaction.atomic():
            slug = Merchant.objects.get(pk=merchant_id).slug
        with tenancy.tenant(merchant_id):
            for n in range(PEOPLE):
                members.join(
                    merchant_id=merchant_id,
                    at=NOON,
                    actor=Actor.job("test"),
                    channel="pos",
                    external_id=f"u{n}",
                )
        environment = os.environ | {
            "DATABASE_URL": address("default", database),
            "DATABASE_OWNER_URL": address("owner", database),
            "CELERY_BROKER_URL": "memory://",
            "DATA_DIR": str(tmp_path / "data"),
            "SECRET_KEY": settings.SECRET_KEY,
            "PII_KEYS": ",".join(settings.PII_KEYS)
            if isinstance(settings.PII_KEYS, list)
            else settings.PII_KEYS,
            "PII_INDEX_KEY": settings.PII_INDEX_KEY,
        }

        def command(*more: str) -> subprocess.Popen:
            what = more or (str(points_file), "--channel", "pos")
            return subprocess.Popen(
                [sys.executable, "manage.py", "import_points", slug, *what, "--at", AT, "--chunk", "25", "--json"],
                cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip

        yield merchant_id, command


def sums(merchant_id: int) -> tuple[int, int, int]:
    """(entries, what they add up to, what is available)."""
    with tenancy.tenant(merchant_id), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select count(*), coalesce(sum(points), 0) from members_pointsentry")
        entries, points = cursor.fetchone()
        cursor.execute("select coalesce(sum(available), 0) from members_pointsaccount")
        return int(entries), int(points), int(cursor.fetchone()[0])


def killed_again_and_again(start: Callable[[], subprocess.Popen]) -> None:
    """Started, and killed after some of its lines of progress."""
    dice = random.Random(7)
    for _kill in range(KILLS):
        process = start()
        assert process.stderr is not None
        for line in process.stderr:  # a line after each chunk
            if line[:1].isdigit() and dice.random() < 0.3:
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_a_killed_import_and_its_killed_undoing_double_nothing(shop):
    merchant_id, command = shop
    expected = sum(n % 90 + 1 for n in range(ROWS))

    killed_again_and_again(command)
    done = answer(command())

    assert done["credits"] + done["unchanged"] == ROWS
    assert sums(merchant_id) == (ROWS, expected, expected)

    with tenancy.tenant(merchant_id), transaction.atomic():
        job = ImportJob.objects.filter(points__gt=0).latest("id")
        assert job.points == expected
    killed_again_and_again(lambda: command("--undo", job.public_id))
    undone = answer(command("--undo", job.public_id))

    assert (undone["rows"], undone["taken"], undone["left"]) == (ROWS, expected, 0)
    assert sums(merchant_id) == (2 * ROWS, 0, 0)
    assert ledger_proof.prove(at=NOON, merchant_id=merchant_id).mismatches == 0
