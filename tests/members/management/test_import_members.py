"""The command that imports members: what it prints, that a dry run changes nothing, and that it undoes."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from members.lib import tenant as tenancy
from members.models import ImportJob, Member, MemberStatus
from tests.conftest import NOON
from tests.factories import ledger

FILE = "Kundennr,name,tier\nu1,Wu,\nnew,Li,silver\nlost,,lead\n"
MAP = ("--map", "member_key=Kundennr")
SOURCE = ("--source", "paper forms")


@pytest.fixture
def shop(cast, settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path / "uploads"
    ledger.open_shop(cast.shop, NOON)
    ledger.join(cast.shop, NOON, "u1", name="Sun")
    return cast.shop


@pytest.fixture
def told(shop, tmp_path):
    """Run the command; what it printed as JSON."""

    def tell(*more: str, at=NOON) -> dict:
        path, out = tmp_path / "members.csv", io.StringIO()
        path.write_text(FILE)
        what = [] if "--undo" in more else [str(path), "--channel", "web"]
        call_command(
            "import_members", shop.slug, *what, "--at", at.isoformat(), "--json", *more,
            stdout=out, stderr=io.StringIO(),
        )  # fmt: skip
        return json.loads(out.getvalue())

    return tell


def active(shop) -> int:
    with tenancy.tenant(shop.pk):
        return Member.objects.filter(status=MemberStatus.ACTIVE).count()


def test_a_dry_run_tells_all_and_changes_nothing(told, shop):
    said = told("--dry-run", *MAP, *SOURCE)

    assert said.pop("rejects_file").endswith(".rejects.csv")
    assert said == {
        "import": None, "rows": 3, "members_created": 1, "filled_in": 1, "unchanged": 0, "remarks": 1,
        "tiers": [["Silver", 1]], "rejected": 1,
    }  # fmt: skip
    with tenancy.tenant(shop.pk):
        assert not ImportJob.objects.exists() and active(shop) == 1


def test_an_import_its_repetition_and_its_undoing(told, shop):
    first = told(*MAP, *SOURCE)
    again = told(*MAP, *SOURCE)

    names = ("members_created", "filled_in", "unchanged", "remarks", "rejected")
    assert [first[name] for name in names] == [1, 1, 0, 1, 1]
    assert [again[name] for name in names] == [0, 0, 2, 1, 1]
    undone = told("--undo", first["import"])
    assert undone == told("--undo", first["import"]) == {
        "import": first["import"], "rows": 1, "taken": 1, "kept": 0,
    }  # fmt: skip
    assert active(shop) == 1


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (MAP, "--source says"),
        (SOURCE, "member_key"),
        ((*SOURCE, "--map", "member_key=Nothing"), "no column “Nothing”"),
        (("--undo", "nothing"), "no such import"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_changes_nothing(told, shop, more, why):
    with pytest.raises(CommandError, match=why):
        told(*more)

    assert active(shop) == 1


def test_undoing_after_72_hours_is_refused(told, shop):
    first = told(*MAP, *SOURCE)

    with pytest.raises(CommandError, match="72 hours"):
        told("--undo", first["import"], at=NOON + timedelta(hours=73))
    assert active(shop) == 2
