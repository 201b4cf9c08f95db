"""The formula of draws: fair over many seeds, and a proof of which no byte can be another (domain 8, docs/draws.md)."""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
from collections import Counter
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from benefits.lib import draws as rule
from tests.benefits.draws import script
from tests.environment import sized

SALT = "5a17" * 8
RULES: dict[str, Any] = {
    "draw": "d4h8s2v6c9f3j7np", "kind": "lucky_draw", "name": "春日抽奖", "currency": "CNY",
    "opens_at": "2024-02-01T04:00:00+00:00", "closes_at": "2024-02-10T04:00:00+00:00", "terms": "One “entry” each.\n",
    "claim_days": 7, "points": 0, "entries": 1, "places": None, "price_minor": None, "salt": SALT,
    "prizes": [
        {"name": "Pot", "value_minor": 30_000, "count": 1, "one_in": None},
        {"name": "Tea", "value_minor": 8_800, "count": 2, "one_in": 2},
        {"name": "Cup", "value_minor": 900, "count": None, "one_in": 4},
    ],
}  # fmt: skip


def made(people: int = 9, seed: str = "ab" * 32, rules: dict[str, Any] = RULES) -> dict[str, Any]:
    """A proof, as the service makes it."""
    entrants = [rule.entrant_of(SALT, f"member{n}", 1) for n in range(people)]
    root, rules_hash = rule.root_of(entrants), rule.sha(rule.canonical(rules))
    won = rule.winners(seed=seed, root=root, rules_hash=rules_hash, entrants=entrants, prizes=rules["prizes"])
    return rule.proof_of(
        rules=rules,
        rules_hash=rules_hash,
        commitment=rule.commitment_of(seed),
        seed=seed,
        root=root,
        entrants=entrants,
        won=won,
    )


CODE = compile(script(), "docs/draws.md", "exec")


class Verifier:
    """The script of the docs, in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file, self.patch = folder / "proof.json", monkeypatch

    def refuses(self, raw: bytes, *published: str) -> str:
        """Why it refuses a file; "" when it does not."""
        self.file.write_bytes(raw)
        self.patch.setattr(sys, "argv", ["verify.py", str(self.file), *published])
        try:
            with redirect_stdout(StringIO()) as said:
                exec(CODE, {"__name__": "__main__"})
        except SystemExit as end:
            return str(end.code)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        assert said.getvalue().startswith("OK: ")
        return ""


@pytest.fixture
def verifier(tmp_path, monkeypatch) -> Verifier:
    return Verifier(tmp_path, monkeypatch)


def sealed(proof: dict[str, Any]) -> bytes:
    """A forged proof with the digest that fits it."""
    proof["digest"] = rule.sha(rule.canonical({k: v for k, v in proof.items() if k != "digest"}))
    return rule.proof_bytes(proof)


# ---- the script of the docs -----------------------------------------------------------------------------------------


def test_the_script_has_thirty_lines_and_asks_for_nothing_but_python(tmp_path):
    assert len(script().splitlines()) <= 30
    (tmp_path / "verify.py").write_text(script(), encoding="utf-8")
    (tmp_path / "proof.json").write_bytes(rule.proof_bytes(made()))
    call = [sys.executable, "-I", "-S", "verify.py", "proof.json"]

    good = subprocess.run(
        [*call, made()["commitment"]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    other = subprocess.run([*call, "0" * 64], cwd=tmp_path, capture_output=True, text=True, check=False)

    won = len(made()["winners"])
    assert (good.returncode, good.stdout) == (0, f"OK: {won} winners among 9 entrants follow from the seed\n")
    assert (other.returncode, other.stderr) == (1, "REFUSED: published\n")


@pytest.mark.parametrize("people", [0, 1, 2, 40])
def test_the_script_accepts_what_the_service_makes(verifier, people):
    for seed in ("00" * 32, "ab" * 32, "ff" * 32):
        assert verifier.refuses(rule.proof_bytes(made(people, seed))) == ""


def test_a_proof_changed_in_any_byte_is_refused(verifier):
    raw, dice = rule.proof_bytes(made(5)), random.Random(1)

    accepted = []
    for place in range(len(raw)):
        other = raw[:place] + bytes([(raw[place] + dice.randint(1, 255)) % 256]) + raw[place + 1 :]
        shorter, longer = raw[:place] + raw[place + 1 :], raw[:place] + b" " + raw[place:]
        tried = (other, shorter, longer) if place % 10 == 0 else (other,)
        accepted += [(place, each) for each in tried if not verifier.refuses(each)]

    assert not accepted and verifier.refuses(raw) == ""


def redrawn(proof: dict[str, Any], seed: str) -> None:
    """The same bytes of the seed in another spelling, with the winners that follow from that: whoever could choose the
    spelling would choose the winners."""
    named = {name: proof[name] for name in ("root", "rules_hash", "entrants")}
    won = rule.winners(seed=seed, prizes=proof["rules"]["prizes"], **named)
    proof.update(seed=seed, winners=[list(each) for each in won])


FORGED = [
    ("commitment", lambda p: p.update(commitment="0" * 64), "commitment"),
    ("seed", lambda p: p.update(seed="cd" * 32), "commitment"),
    ("seed in capitals", lambda p: redrawn(p, seed=p["seed"].upper()), "commitment"),
    ("seed with a space", lambda p: redrawn(p, seed=f"{p['seed'][:2]} {p['seed'][2:]}"), "commitment"),
    ("name of a prize", lambda p: p["rules"]["prizes"][0].update(name="Car"), "rules_hash"),
    ("pieces", lambda p: p["rules"]["prizes"][0].update(count=2), "rules_hash"),
    ("time", lambda p: p["rules"].update(closes_at="2025-01-01"), "rules_hash"),
    ("an entrant more", lambda p: p.update(entrants=sorted([*p["entrants"], "0" * 64])), "root"),
    ("an entrant less", lambda p: p["entrants"].pop(), "root"),
    ("an entrant twice", lambda p: p["entrants"].append(p["entrants"][-1]), "entrants"),
    ("root", lambda p: p.update(root="0" * 64), "root"),
    ("winner", lambda p: p["winners"][0].__setitem__(2, p["winners"][1][2]), "winners"),
    ("place", lambda p: p["winners"].reverse(), "winners"),
    ("no winner", lambda p: p.update(winners=[]), "winners"),
    ("formula", lambda p: p.update(formula="liushui-draw-2"), "formula"),
]


@pytest.mark.parametrize(("forge", "step"), [each[1:] for each in FORGED], ids=[each[0] for each in FORGED])
def test_a_forged_field_is_refused_at_its_step_though_the_digest_fits(verifier, forge, step):
    proof = copy.deepcopy(made())
    forge(proof)

    assert verifier.refuses(sealed(proof)) == f"REFUSED: {step}"


def test_rules_forged_with_their_hash_are_refused_beside_what_was_published(verifier):
    known, proof = made(), copy.deepcopy(made())
    proof["rules"]["prizes"][0]["name"] = "Car"
    whole = made(rules=proof["rules"])  # every hash and the winners fit

    raw = rule.proof_bytes(whole)
    assert verifier.refuses(raw) == ""
    assert verifier.refuses(raw, known["commitment"], known["rules_hash"]) == "REFUSED: published"


def test_a_file_that_says_the_same_in_another_form_is_refused(verifier):
    proof = made()

    for other in (json.dumps(proof), json.dumps(proof, indent=1), rule.canonical(proof) + "\n"):
        assert verifier.refuses(other.encode()) == "REFUSED: the file is not in canonical form"


# ---- fairness -------------------------------------------------------------------------------------------------------


def drawn(number: int, entrants: list[str], prizes: list[dict[str, Any]]) -> list[rule.Win]:
    return rule.winners(
        seed=rule.sha(f"seed {number}"), root="r", rules_hash="h", entrants=entrants, prizes=prizes
    )


def chi_square(found: Counter, expected: dict[Any, float]) -> float:
    return sum((found[each] - wanted) ** 2 / wanted for each, wanted in expected.items())


@pytest.mark.soak
def test_over_many_draws_everybody_wins_as_often_and_odds_are_what_they_say():
    draws = sized(100_000)
    people = [rule.entrant_of(SALT, f"m{n}", 1) for n in range(8)]
    prizes = [{"count": 1, "one_in": None}, {"count": 1, "one_in": None}, {"count": None, "one_in": 3}]
    firsts, pairs, odds = Counter(), Counter(), Counter()
    for number in range(draws):
        won = drawn(number, people, prizes)
        firsts[won[0].entrant] += 1
        pairs[won[0].entrant, won[1].entrant] += 1
        odds[len(won) - 2] += 1

    # Bounds that chance passes once in a thousand; the seeds are fixed, so that it is the same each time.
    assert chi_square(firsts, dict.fromkeys(people, draws / 8)) < 24.32
    assert chi_square(pairs, {(a, b): draws / 56 for a in people for b in people if a != b}) < 93.17
    shares = [64, 192, 240, 160, 60, 12, 1]  # six entries left, each with a chance of 1/3: of 729
    assert chi_square(odds, {n: draws * share / 729 for n, share in enumerate(shares)}) < 22.46


def test_pieces_are_never_more_than_published_and_an_entry_wins_once():
    people = [rule.entrant_of(SALT, f"m{n}", 1) for n in range(30)]
    prizes = [{"count": 3, "one_in": 2}, {"count": 0, "one_in": None}, {"count": 50, "one_in": None}]

    for number in range(200):
        won = drawn(number, people, prizes)
        tally = Counter(each.prize for each in won)
        assert tally[1] <= 3 and tally[2] == 0 and tally[1] + tally[3] == 30
        assert len({each.entrant for each in won}) == 30


def test_the_order_in_which_people_entered_changes_nothing():
    proof = made()
    entrants = list(proof["entrants"])
    random.Random(3).shuffle(entrants)
    again = rule.winners(
        seed=proof["seed"], root=rule.root_of(entrants), rules_hash=proof["rules_hash"], entrants=entrants,
        prizes=RULES["prizes"],
    )  # fmt: skip

    assert [list(each) for each in again] == proof["winners"]
