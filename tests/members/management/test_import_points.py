"""The command that imports points: what it prints, that a dry run changes nothing, and that it undoes."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from members.lib import tenant as tenancy
from members.models import ImportJob, PointsAccount, PointsEntry
from tests.conftest import NOON
from tests.factories import ledger

FILE = "Kundennr,points,expires_on\nu1,100,2024-12-31\nu2,50,\nu3,7,\n"
MAP = ("--map", "member_key=Kundennr")


@pytest.fixture
def shop(cast, settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path / "uploads"
    ledger.open_shop(cast.shop, NOON)
    for name in ("u1", "u2"):
        ledger.join(cast.shop, NOON, name)
    return cast.shop


@pytest.fixture
def told(shop, tmp_path):
    """Run the command; what it printed as JSON."""

    def tell(*more: str, text: str = FILE, at=NOON) -> dict:
        path, out = tmp_path / "points.csv", io.StringIO()
        path.write_text(text)
        what = [] if "--undo" in more else [str(path), "--channel", "web"]
        call_command(
            "import_points",
            shop.slug,
            *what,
            "--at",
            at.isoformat(),
            "--json",
            *more,
            stdout=out,
            stderr=io.StringIO(),
        )
        return json.loads(out.getvalue())

    return tell


def total(shop) -> int:
    with tenancy.tenant(shop.pk):
        return sum(PointsAccount.objects.values_list("available", flat=True))


def test_a_dry_run_tells_all_and_changes_nothing(told, shop):
    said = told("--dry-run", *MAP)

    assert said["rejects_file"].endswith(".rejects.csv") and said.pop("rejects_file")
    assert said == {
        "import": None, "rows": 3, "credits": 2, "points": 150, "members": 2, "unchanged": 0, "rejected": 1,
        "months": [["2024-12", 100], ["never", 50]],
    }  # fmt: skip
    with tenancy.tenant(shop.pk):
        assert not ImportJob.objects.exists() and not PointsEntry.objects.exists()


def test_an_import_its_repetition_and_its_undoing(told, shop):
    first = told(*MAP)
    again = told(*MAP)

    assert (first["rows"], first["credits"], first["points"], first["rejected"]) == (3, 2, 150, 1)
    assert (again["credits"], again["unchanged"], total(shop)) == (0, 2, 150)
    undone = told("--undo", first["import"])
    assert undone == told("--undo", first["import"])
    assert undone == {"import": first["import"], "rows": 2, "taken": 150, "expired": 0, "left": 0}
    assert total(shop) == 0 and ledger.mismatches(NOON) == 0


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ((), "member_key"),
        (("--map", "points=Nothing"), "no column “Nothing”"),
        (("--map", "points"), "write it like"),
        (("--undo", "nothing"), "no such import"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_changes_nothing(told, shop, more, why):
    with pytest.raises(CommandError, match=why):
        told(*more)

    assert total(shop) == 0


def test_undoing_after_72_hours_is_refused(told, shop):
    first = told(*MAP)

    with pytest.raises(CommandError, match="72 hours"):
        told("--undo", first["import"], at=NOON + timedelta(hours=73))
    assert total(shop) == 150
