"""Files of codes: what is taken, what is left out and why, and where a file is refused whole."""

from __future__ import annotations

import pytest

from benefits.lib import pools
from benefits.lib.prices import text_lines
from members.lib.refusals import Invalid


def read(text: str) -> pools.CodeSheet:
    return pools.read(text_lines(text.encode()))


def test_plain_text_gives_a_code_a_line_each_once_and_says_which_lines_are_left_out():
    long = "x" * 101
    sheet = read(f"AAA-111\nBBB-222\n\nAAA-111\n1.23457E+15\n{long}\nCCC\x07\nBBB-222\nDDD 444\n")

    assert sheet.codes == ["AAA-111", "BBB-222", "DDD 444"]
    assert sheet.repeated == 2
    assert [line for line, _reason in sheet.rejects] == [4, 5, 6, 7, 8]
    assert "line 1 " in sheet.rejects[0][1]


@pytest.mark.parametrize("head", ["code", "兑换码", "Voucher Code"])
def test_of_several_columns_the_one_that_is_named_holds_the_codes(head):
    assert read(f"no,{head},note\n1,AAA,x\n2,BBB,\n3,,y\n").codes == ["AAA", "BBB"]


@pytest.mark.parametrize("text", ["", "\n\n", "1,AAA\n2,BBB\n", "\n".join(map(str, range(20_001)))])
def test_a_file_of_which_nobody_can_say_what_it_holds_is_refused_whole(text):
    with pytest.raises(Invalid) as caught:
        read(text)
    assert "file" in caught.value.errors


@pytest.mark.parametrize(
    ("code", "shown"), [("ABCDEFGHIJ", "****GHIJ"), ("ABCDEFGH", "****"), ("AB", "****"), ("", "")]
)
def test_staff_see_the_last_signs_alone(code, shown):
    assert pools.masked(code) == shown


@pytest.mark.parametrize(("free", "total", "low"), [(0, 0, True), (10, 100, True), (11, 100, False)])
def test_a_tenth_left_is_low(free, total, low):
    assert pools.is_low(free, total) is low
