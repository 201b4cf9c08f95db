"""One spelling for what people type."""

import pytest

from members.lib.phones import e164, e164_or_none, national
from members.lib.refusals import Invalid


@pytest.mark.parametrize(
    ("raw", "region", "number"),
    [
        ("13800138000", "CN", "+8613800138000"),
        ("138 0013-8000", "CN", "+8613800138000"),
        ("１３８００１３８０００", "CN", "+8613800138000"),
        ("+86 138 0013 8000", "US", "+8613800138000"),
        ("(212) 555-0142", "US", "+12125550142"),
    ],
)
def test_numbers_are_brought_to_one_spelling(raw, region, number):
    assert e164(raw, region) == number


@pytest.mark.parametrize("raw", ["138****1402", "12", "call me", "1380013800013800"])
def test_what_is_no_number_is_refused_and_left_out_of_lists(raw):
    with pytest.raises(Invalid, match="is not a phone number"):
        e164(raw)
    assert e164_or_none(raw) == ""


def test_a_number_is_shown_as_its_region_writes_it():
    assert national("+8613800138000", "CN") == "13800138000"
    assert national("+8613800138000", "US") == "+8613800138000"
