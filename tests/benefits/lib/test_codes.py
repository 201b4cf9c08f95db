"""Codes: what is typed is understood, a slip is noticed, nothing is guessed."""

from __future__ import annotations

import itertools
import json
import subprocess

import pytest

from benefits.lib.codes import ALPHABET, LENGTH, new_code, new_codes, read_code, shown
from config.assets import _node
from config.embedded import BASE_DIR


def test_a_code_is_ten_signs_of_the_alphabet_and_reads_as_itself():
    for code in new_codes(200):
        assert len(code) == LENGTH and set(code) <= set(ALPHABET)
        assert read_code(code) == code


def test_case_spaces_hyphens_and_full_width_signs_do_not_matter():
    code = new_code()

    for typed in (shown(code), code.lower(), f"  {code[:3]} {code[3:]} ", "–".join(code)):
        assert read_code(typed) == code
    assert read_code("".join(chr(ord(sign) + 0xFEE0) for sign in code)) == code


def test_o_is_read_as_0_and_i_and_l_as_1():
    code = next(each for each in iter(new_code, "") if "0" in each and "1" in each)

    for one in "IlLi":
        assert read_code(code.replace("0", "o").replace("1", one)) == code


def test_the_cashiers_page_reads_codes_without_a_server_as_the_server_does():
    typed = [*new_codes(30), "", "ABC", "l" * 65, "１２３４５６７８９０", "ßßßßßßßßßß"]
    typed += [f" {code[:4]}-{code[4:].lower()}" for code in new_codes(30)]
    typed += ["".join(reversed(code)) for code in new_codes(30)] + [
        code[:-1] + sign for code in new_codes(3) for sign in "0oilU*"
    ]
    node = _node()
    assert node is not None
    script = "import { readCode } from './static/lib/codes.js';"
    script += "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(readCode)))"
    done = subprocess.run(
        [node[0], "--input-type=module", "-e", script, json.dumps(typed)],
        cwd=BASE_DIR,
        capture_output=True,
        check=True,
    )

    assert json.loads(done.stdout) == [read_code(each) for each in typed]


def test_one_wrong_sign_is_noticed_wherever_it_is():
    code = new_code()

    wrong = [code[:place] + sign + code[place + 1 :] for place in range(LENGTH) for sign in ALPHABET]
    assert {read_code(each) for each in wrong} == {None, code}
    assert sum(read_code(each) == code for each in wrong) == LENGTH


def test_two_signs_that_changed_places_are_noticed():
    for code in new_codes(20):
        for here, there in itertools.combinations(range(LENGTH), 2):
            signs = list(code)
            signs[here], signs[there] = signs[there], signs[here]
            assert read_code("".join(signs)) == (code if code[here] == code[there] else None)


@pytest.mark.parametrize(
    "typed", ["", "0", "U" * LENGTH, "0" * 9, "0" * 11, "\x00" * LENGTH, "码" * LENGTH, "0" * 10**6]
)
def test_what_cannot_be_a_code_is_none(typed):
    assert read_code(typed) is None


def test_codes_spread_over_the_whole_alphabet():
    codes = new_codes(20_000)

    assert len(set(codes)) == len(codes)
    for place in range(LENGTH):
        assert {code[place] for code in codes} == set(ALPHABET)
