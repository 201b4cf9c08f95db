"""Provable draws (domain 8): the documented formula, from a seed and the entrants to the winners. See docs/draws.md.

Pure: no clock, no chance. All hashes are SHA-256 as 64 hexadecimal digits; what is hashed is UTF-8 text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

FORMULA = "liushui-draw-1"
SEED_BYTES = 32
SPACE = 1 << 256  # of hashes read as numbers
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class Win(NamedTuple):
    """An entrant that won: the prize's number from 1, its place among the winners of that prize from 1."""

    prize: int
    place: int
    entrant: str


def sha(text: str) -> str:
    """The hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON in its one form: names sorted, no space, nothing escaped that need not be."""
    return _CANONICAL.encode(value)


def commitment_of(seed: str) -> str:
    """What is published of a seed (hexadecimal) before entries close: the hash of its bytes."""
    return hashlib.sha256(bytes.fromhex(seed)).hexdigest()


def entrant_of(salt: str, member: str, number: int) -> str:
    """The pseudonym of a member's entry: of the draw's salt, the member's public id and the entry's number from 1."""
    return sha(f"{salt}:{member}:{number}")


def root_of(entrants: Iterable[str]) -> str:
    """The hash of a closed list: of its entrants in order, each with a line feed."""
    found = hashlib.sha256()
    for each in sorted(entrants):
        found.update(f"{each}\n".encode())
    return found.hexdigest()


def winners(
    *, seed: str, root: str, rules_hash: str, entrants: Iterable[str], prizes: Sequence[Mapping[str, Any]]
) -> list[Win]:
    """Who wins, in the order of prizes and places.

    Entrants stand in the order of their tickets, the hash of seed, root, rules and entrant. Prize by prize the first
    `count` of those who have not won yet win it; of a prize with odds of one in `one_in` only those whose hash of
    ticket and prize number lies in that part of all hashes. Each entry wins at most once.
    """
    head = hashlib.sha256(f"{seed}:{root}:{rules_hash}:".encode())

    def hashed(text: str) -> bytes:
        each = head.copy()
        each.update(text.encode())
        return each.digest()

    left, found = sorted(entrants, key=hashed), []
    for number, prize in enumerate(prizes, start=1):
        odds = prize["one_in"]
        drawn = [e for e in left if odds is None or int.from_bytes(hashed(f"{e}:{number}")) * odds < SPACE]
        won = drawn[: prize["count"]]
        found += [Win(number, place, entrant) for place, entrant in enumerate(won, start=1)]
        gone = set(won)
        left = [each for each in left if each not in gone]
    return found


def proof_of(
    *,
    rules: Mapping[str, Any],
    rules_hash: str,
    commitment: str,
    seed: str,
    root: str,
    entrants: Iterable[str],
    won: Iterable[Win],
) -> dict[str, Any]:
    """The proof file as JSON values. `digest` is the hash of all the rest in its canonical form."""
    proof: dict[str, Any] = {
        "formula": FORMULA,
        "rules": rules,
        "rules_hash": rules_hash,
        "commitment": commitment,
        "seed": seed,
        "entrants": sorted(entrants),
        "root": root,
        "winners": [[each.prize, each.place, each.entrant] for each in won],
    }
    return proof | {"digest": _digest_of(proof)}


def _digest_of(proof: Mapping[str, Any]) -> str:
    """The hash of a value's canonical form, which is never whole in memory: it names each entrant."""
    found = hashlib.sha256()
    for piece in _CANONICAL.iterencode(proof):
        found.update(piece.encode())
    return found.hexdigest()


def proof_bytes(proof: Mapping[str, Any]) -> bytes:
    """The proof file: its canonical form and nothing else, so that no byte of it can be another."""
    return canonical(proof).encode()
