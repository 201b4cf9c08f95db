"""The command that imports orders: what it prints, and that a dry run changes nothing."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from members.lib import tenant as tenancy
from members.models import ImportJob, Member, Order
from members.services import programs
from members.services.audit import Actor
from tests.conftest import NOON

HEAD = "order_id,ordered_at,member_key,sku,quantity,amount\n"
FILE = (
    HEAD
    + "A1,2024-05-01,li,s1,1,10\nA1,2024-05-01,li,s2,1,10\nA2,2024-05-01,wu,s1,1,x\nA3,2024-05-01,wu,s1,1,5\n"
)


@pytest.fixture
def shop(cast, settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path / "uploads"
    with tenancy.tenant(cast.shop.pk):
        programs.open_program(merchant_id=cast.shop.pk, at=NOON, actor=Actor.job("test"))
    return cast.shop


@pytest.fixture
def told(shop, tmp_path):
    """Run the command on a text; what it printed as JSON."""

    def tell(text: str, *more: str) -> dict:
        path = tmp_path / "orders.csv"
        path.write_text(text)
        out = io.StringIO()
        options = ["--channel", "pos", "--at", NOON.isoformat(), "--json", *more]
        call_command("import_orders", shop.slug, str(path), *options, stdout=out, stderr=io.StringIO())
        return json.loads(out.getvalue())

    return tell


def test_it_prints_what_became_of_the_file(told, shop):
    found = told(FILE, "--declare-members", "paper forms")

    with open(found.pop("rejects_file"), encoding="utf-8-sig") as rejects:
        assert rejects.read().splitlines()[1].startswith("4,")
    assert found == {
        "rows": 4, "orders": 2, "lines": 3, "members_created": 2, "unchanged": 0, "rejected": 1, "notes": [],
    }  # fmt: skip
    assert told(FILE, "--declare-members", "paper forms") | {"rejects_file": ""} == {
        "rows": 4, "orders": 0, "lines": 0, "members_created": 0, "unchanged": 2, "rejected": 1, "rejects_file": "",
        "notes": [],
    }  # fmt: skip


def test_a_dry_run_says_the_same_and_changes_nothing(told, shop):
    found = told(FILE, "--declare-members", "paper forms", "--dry-run")

    assert (found["rows"], found["orders"], found["lines"], found["members_created"], found["rejected"]) == (
        4,
        2,
        3,
        2,
        1,
    )
    with tenancy.tenant(shop.pk):
        assert not Order.objects.exists() and not Member.objects.exists() and not ImportJob.objects.exists()


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_file_that_may_be_cut_off_says_which_line_to_check(told, more):
    found = told(FILE.rstrip("\n"), *more)

    assert found["notes"] == ["The last line has no line break: if the file was cut off, check line 5."]
    assert (found["rows"], found["orders"]) == (4, 2)


def test_columns_are_named_where_their_names_do_not_tell(told):
    assert told(FILE.replace("amount", "sum"), "--map", "amount=sum")["orders"] == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The file is empty"),
        (FILE.replace("amount", "sum"), "columns are missing: amount"),
    ],
)
def test_what_cannot_be_imported_is_one_clear_line(told, text, says):
    with pytest.raises(CommandError, match=says):
        told(text)


def test_a_merchant_or_file_that_is_not_there_is_said(shop, tmp_path):
    with pytest.raises(CommandError, match="no merchant"):
        call_command("import_orders", "nobody", "x.csv", "--channel", "pos")
    with pytest.raises(CommandError, match="no file"):
        call_command("import_orders", shop.slug, str(tmp_path / "no.csv"), "--channel", "pos")
    with translation.override("en"), pytest.raises(CommandError, match="invalid choice"):
        call_command("import_orders", shop.slug, "x.csv", "--channel", "pigeon")
