"""Prove the points ledger: every entry against balances, pending points and lots; closed months against the entries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from members.management import base, shops
from members.services import ledger_proof


class Command(base.Command):
    """`prove_ledger [--merchant M]`: exit code 1 when anything does not add up."""

    help = "Replay the points ledger and compare it with balances, pending points and lots."

    def arguments(self, parser: CommandParser) -> None:
        """One merchant or all."""
        shops.add_option(parser)

    def work(self, *, at: dt.datetime, merchant: str = "", **_: Any) -> Mapping[str, Any]:
        """JSON: members, entries, mismatches, statements (closed months that no longer agree), the first of both."""
        only = next(iter(shops.named(merchant))) if merchant else None
        return ledger_proof.prove(at=at, merchant_id=only).as_json()

    def fails(self, result: Mapping[str, Any]) -> str:
        """Not zero is an alarm."""
        people = f"{result['mismatches']} members do not add up" if result["mismatches"] else ""
        months = ", ".join(
            f"{each['month']} of merchant {each['merchant_id']}" for each in result["wrong_statements"][:5]
        )
        wrong = (
            f"{result['statements']} statements no longer agree ({months})" if result["statements"] else ""
        )
        return "; ".join(part for part in (people, wrong) if part)
