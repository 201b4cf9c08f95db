"""Sentences of rules are translated when they are read."""

from __future__ import annotations

import pytest

from members.lib import words
from members.lib.refusals import Invalid
from members.lib.words import sentence as _


@pytest.fixture
def english_afterwards():
    before = words._translate
    yield
    words.use(before)


@pytest.mark.usefixtures("english_afterwards")
def test_a_sentence_is_translated_each_time_it_is_read():
    words.use(lambda text: text)
    refusal = Invalid(_("Line %(line)s is wrong.", line=3))

    assert refusal.detail == "Line 3 is wrong."

    words.use({"Line %(line)s is wrong.": "第 %(line)s 行有误。"}.__getitem__)

    assert refusal.detail == "第 3 行有误。"


@pytest.mark.usefixtures("english_afterwards")
def test_a_sentence_without_values_may_hold_a_percent_sign():
    words.use(lambda text: text)

    assert str(_("100 % of it.")) == "100 % of it."
