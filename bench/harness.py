"""What every bench file shares: rows, the table, `var/bench.json`, a scratch database, fair timing.

A bench file is `bench/p<number>_<topic>.py` with `run(scale) -> Iterable[Row]`; `scale` is "small" or "full".
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SCALES = {"small": 1, "full": 10}


@dataclass(frozen=True)
class Row:
    """One measured ratio. limit: what it was measured against, with its time; goal: the largest ratio (or, with
    `at_least`, the smallest) that is good enough; n: how many things were worked on."""

    name: str
    ratio: float
    limit: str
    goal: float
    n: int
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal was reached."""
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal

    def as_json(self) -> dict[str, Any]:
        """The row of `var/bench.json`."""
        row = asdict(self)
        row.pop("at_least")
        return row | {"ratio": round(self.ratio, 3), "met": self.met}


def say(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)


def seconds(work: Callable[[], Any]) -> float:
    """How long one call takes."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median(work: Callable[[], Any], *, times: int = 3) -> float:
    """The median of several calls."""
    return statistics.median(seconds(work) for _ in range(times))


@contextmanager
def scratch() -> Iterator[str]:
    """A migrated, empty, durable database to which both connections point; dropped afterwards."""
    from compliance.play.stage import stage

    with stage(is_durable=True) as name:
        yield name


def table(rows: Iterable[Row]) -> str:
    """The rows as text."""
    cells = [("job", "ratio", "goal", "", "n", "beside")]
    for row in rows:
        sign = ">=" if row.at_least else "<="
        verdict = "met" if row.met else "MISSED"
        cells.append(
            (row.name, f"{row.ratio:.2f}x", f"{sign} {row.goal:g}x", verdict, f"{row.n:,}", row.limit)
        )
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, 3, 5) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def write(rows: Iterable[Row], path: Path) -> None:
    """Put the rows into the file; rows of other benches measured before stay."""
    new = [row.as_json() for row in rows]
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    names = {row["name"] for row in new}
    kept = [row for row in old if row["name"] not in names]
    path.parent.mkdir(parents=True, exist_ok=True)
    found = sorted([*kept, *new], key=lambda row: row["name"])
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
