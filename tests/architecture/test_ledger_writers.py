"""Who writes the points ledger: a few services, by name, and nobody else (docs: architecture, domain 6)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
GUARDED = {"PointsAccount", "PointsLot", "PointsEntry", "PointsAllocation", "PendingPoints"}
TABLES = "pointsaccount|pointslot|pointsentry|pointsallocation|pendingpoints"
WRITING = re.compile(
    rf"\b(insert\s+into|update|delete\s+from|truncate|merge\s+into|copy)\s+(members_({TABLES}))\b", re.I
)
WRITES = {
    "create", "acreate", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "update", "delete", "save",
    "insert", "add", "_upsert",
}  # fmt: skip
# What each may write, and why it is no other's business.
WRITERS = {
    "members/services/points_desk.py": {
        "PointsAccount",
        "PointsLot",
        "PointsEntry",
        "PointsAllocation",
    },  # one act
    "members/services/points_daily.py": GUARDED,  # the daily jobs, set-based
    "members/services/posting.py": {"PointsAccount"},  # makes an account to lock
    "members/services/posting_rows.py": GUARDED,  # what folds of orders changed
    "members/services/point_rules.py": {"PointsLot"},  # the switch from never dates old lots
    "members/services/programs.py": {"PointsLot"},  # a closure's end moves expiries
}
OF_TABLE = {name.lower(): name for name in GUARDED}


def written(source: str) -> Iterator[str]:
    """The guarded models that a module writes: by SQL in its texts, a call on a model, or handing it to `bulk`."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (OF_TABLE[table.lower()] for *_, table in WRITING.findall(node.value))
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in WRITES:
                parts = [node.func, *node.args]
                names = (each.id for part in parts for each in ast.walk(part) if isinstance(each, ast.Name))
                yield from (name for name in names if name in GUARDED)


def test_only_the_services_named_write_the_ledger():
    found = {
        str(path.relative_to(ROOT)): set(written(path.read_text(encoding="utf-8")))
        for label in ("members", "benefits", "compliance", "config")
        for path in (ROOT / label).rglob("*.py")
        if "migrations" not in path.parts
    }

    assert {path: models for path, models in found.items() if models} == WRITERS


@pytest.mark.parametrize(
    "planted",
    [
        "PointsAccount.objects.filter(pk=1).update(available=5)",
        "PointsLot.objects.of(1).create(number=1)",
        "PointsEntry.objects.of(1).filter(sequence=1).delete()",
        "bulk.insert(PointsEntry, 1, [], [])",
        "_upsert(PendingPoints, 1, [], [], [])",
        "cursor.execute('update members_pointsaccount set available = 1')",
        'SQL = f"""with x as (\n  INSERT INTO members_pointsentry ({names}) values (1))"""',
        "cursor.execute('delete  from members_pointslot l using x')",
    ],
)
def test_a_planted_writer_is_noticed(planted):
    assert set(written(planted))


@pytest.mark.parametrize(
    "harmless",
    [
        "PointsAccount.objects.of(1).filter(member_id=2).first() or PointsAccount()",
        "cursor.execute('select * from members_pointsentry for update')",
        "Order.objects.filter(pk=1).update(posted=5)",
        "bulk.update(Order, 1, ['id'], [], rows)",
    ],
)
def test_reading_is_not_writing(harmless):
    assert not set(written(harmless))
