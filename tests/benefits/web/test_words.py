"""What a benefit gives, in one phrase."""

import pytest
from django.utils import translation

from benefits.web.words import NOTHING, gives


@pytest.mark.parametrize(
    ("kind", "settings", "english", "chinese"),
    [
        ("member_price", {"percent": "90"}, "10% off", "9 折"),
        ("member_price", {"percent": 85}, "15% off", "8.5 折"),
        ("member_price", {"off_minor": 500}, "¥5.00 off", "减 ¥5.00"),
        ("member_price", {"fixed_minor": 7_000}, "¥70.00", "¥70.00"),
        ("coupon", {"off_percent": 10}, "10% off", "9 折"),
        ("member_price", {}, NOTHING, NOTHING),
    ],
)
def test_what_a_benefit_gives_is_said_in_words_and_never_as_its_settings(kind, settings, english, chinese):
    assert gives(kind, settings, "CNY") == english
    with translation.override("zh-hans"):
        assert gives(kind, settings, "CNY") == chinese
