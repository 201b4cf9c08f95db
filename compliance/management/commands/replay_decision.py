"""`manage.py replay_decision RUN PROGRAM`: a decision of a run recomputed from history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from compliance.lib import rules
from compliance.lib.calendar import PLATFORM_ZONE
from compliance.selectors import decision_replay
from members.management import base


def shown(value: Any) -> Any:
    """A fact as JSON holds it; instants in the platform's zone."""
    if isinstance(value, dt.datetime):
        return value.astimezone(PLATFORM_ZONE).isoformat()
    return value.isoformat() if isinstance(value, dt.date) else value


class Command(base.Command):
    """Exit code 1 when one fact is not what was written down."""

    help = (
        "Recompute the decision of one program at one run from stored history and the policy of that day, and name "
        "every fact beside the one written down."
    )
    takes_at = False

    def arguments(self, parser: CommandParser) -> None:
        """Which decision."""
        parser.add_argument("run", metavar="RUN", help="the run's period, 2024-06")
        parser.add_argument("program", metavar="PROGRAM", help="the merchant's short name")

    def work(self, *, at: dt.datetime, run: str = "", program: str = "", **_: Any) -> Mapping[str, Any]:
        """JSON: period, merchant, rules (the reading that decided), rules_known, changes (read otherwise since then),
        equal, facts [{name, stored, replayed, equal}].
        """
        with transaction.atomic():
            found = decision_replay.find(run=run, program=program)
        return {
            "period": found.period,
            "merchant": program,
            "rules": found.rules,
            "rules_known": found.is_comparable,
            "changes": [str(text) for text in rules.changes_since(found.rules)],
            "equal": found.is_equal,
            "facts": [
                {
                    "name": fact.name,
                    "stored": shown(fact.stored),
                    "replayed": shown(fact.replayed),
                    "equal": fact.is_equal,
                }
                for fact in found.facts
            ],
        }

    def summary(self, result: Mapping[str, Any]) -> str:
        """One line a fact, after the reading of the rules that decided."""
        lines = [f"{result['period']} {result['merchant']}: {'equal' if result['equal'] else 'NOT EQUAL'}"]
        lines.append(f"  decided under rule revision {result['rules']}")
        lines += [f"  since then: {text}" for text in result["changes"]]
        for fact in result["facts"]:
            mark = "=" if fact["equal"] else "<> replayed"
            value = "--" if fact["stored"] is None else fact["stored"]
            other = "" if fact["equal"] else f" {'--' if fact['replayed'] is None else fact['replayed']}"
            lines.append(f"  {fact['name']}: {value} {mark}{other}")
        return "\n".join(lines)

    def fails(self, result: Mapping[str, Any]) -> str:
        """Named facts that differ; a reading that is not known is no comparison at all."""
        if not result["rules_known"]:
            return (
                f"the decision was made under rule revision {result['rules']}, which this version of the program does "
                f"not know (it knows 1 to {rules.REVISION}); nothing was compared"
            )
        names = [fact["name"] for fact in result["facts"] if not fact["equal"]]
        return f"the decision differs from its replay in: {', '.join(names)}" if names else ""
