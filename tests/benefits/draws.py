"""A shop with draws, for tests: the real services, told shortly. Entries open on DAY and close on CLOSE."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.db import transaction

from benefits.lib import draws as rule
from benefits.models import Benefit, Draw, DrawEntry, DrawWin
from benefits.selectors import draws as selectors
from benefits.services import drawing, draws
from config.embedded import BASE_DIR
from members.lib import tenant as tenancy
from tests.benefits.counter import Counter
from tests.factories.benefits import given
from tests.members.services.till import JOB, at

DAY, CLOSE, AFTER = "2024-02-01", "2024-02-10", "2024-02-11"


class DrawShop(Counter):
    """An open shop whose draws run from DAY to CLOSE unless told."""

    def draw(
        self, kind: str = "lucky_draw", when: str = "2024-01-15", *, opens: str = DAY, **more: Any
    ) -> Benefit:
        """Publish a draw; `more` are settings."""
        stock, audience = more.pop("stock", None), more.pop("audience", "everyone")
        settings = {name: value for name, value in (given(kind) | more).items() if value is not None}
        return self.publish(
            kind, when, name="Spring", from_at=at(opens), to_at=at(CLOSE), settings=settings,
            stock=stock, audience=audience,
        )  # fmt: skip

    def enter(
        self, benefit: Benefit, when: str | dt.datetime = "2024-02-02", *, member: str = "m", key: str = ""
    ) -> DrawEntry:
        with tenancy.tenant(self.id):
            made, _is_new = draws.enter(
                merchant_id=self.id,
                at=at(when),
                actor=JOB,
                member_id=self.members[member],
                benefit_id=benefit.pk,
                key=self._key(key),
            )
        return made

    def hold_draws(self, when: str = CLOSE) -> int:
        """Draw what closed."""
        with tenancy.platform():
            return drawing.draw_due(at=at(when))

    def behind(self, benefit: Benefit) -> Draw:
        with tenancy.tenant(self.id), transaction.atomic():
            return Draw.objects.of(self.id).get(benefit_id=benefit.pk)

    def entered(self, benefit: Benefit) -> list[DrawEntry]:
        with tenancy.tenant(self.id), transaction.atomic():
            rows = DrawEntry.objects.of(self.id).filter(draw__benefit_id=benefit.pk)
            return list(rows.select_related("member").order_by("id"))

    def wins(self, benefit: Benefit) -> list[DrawWin]:
        with tenancy.tenant(self.id), transaction.atomic():
            return list(selectors.wins(Draw.objects.of(self.id).get(benefit_id=benefit.pk)))

    def proof(self, benefit: Benefit) -> dict[str, Any] | None:
        with tenancy.tenant(self.id), transaction.atomic():
            return selectors.proof(Draw.objects.of(self.id).get(benefit_id=benefit.pk))

    def held(self, people: int = 6, **settings: Any) -> Benefit:
        """A draw that so many members entered and that was drawn."""
        benefit = self.draw(**settings)
        for n in range(people):
            self.join(f"p{n}")
            self.enter(benefit, member=f"p{n}")
        self.hold_draws()
        return benefit


def script() -> str:
    """The verifier as docs/draws.md prints it."""
    text = (BASE_DIR / "docs/draws.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```python\n(.*?)```", text, re.S)
    return found


def verify(raw: bytes, folder: Path, *published: str) -> tuple[bool, str]:
    """Run the script of the docs on a proof file: whether it accepts it, and what it says."""
    folder.joinpath("verify.py").write_text(script(), encoding="utf-8")
    folder.joinpath("proof.json").write_bytes(raw)
    done = subprocess.run(
        [sys.executable, "-I", "verify.py", "proof.json", *published],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


def as_file(proof: Any) -> bytes:
    return rule.proof_bytes(json.loads(json.dumps(proof)))
