"""What all commands share: exit code 1 and one clear line on stderr, in English, whatever is wrong."""

from __future__ import annotations

import pytest
from django.core.management import get_commands
from django.utils import translation

from tests.commands import run

# `migrate` is Django's own, only quicker: it says what is wrong as Django does.
OURS = sorted(
    name
    for name, app in get_commands().items()
    if app in ("members", "benefits", "compliance") and name != "migrate"
)


@pytest.mark.parametrize("name", OURS)
def test_an_argument_nobody_knows_is_one_line(name):
    ended = run(name, "--no-such-option")

    assert (ended.code, ended.out, len(ended.err)) == (1, [], 1)
    assert "required" in ended.err[0] or "--no-such-option" in ended.err[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("create_merchant", "Shop"), "required: --owner"),
        (("recalculate_tiers", "--at", "2024-06-27T23:00"), "no offset"),
        (("recalculate_tiers", "--at", "yester\nday"), "is not a time"),
        (("recalculate_tiers", "--at", "0001-01-01T00:00+08:00"), "years 1900 to 2999"),
        (("import_orders", "shop", "file", "--channel", "moon"), "invalid choice"),
        (("play",), "required: FILE.jsonl"),
    ],
)
def test_a_bad_argument_is_said_in_one_line(arguments, says):
    ended = run(*arguments)

    assert (ended.code, ended.out, len(ended.err)) == (1, [], 1)
    assert says in ended.err[0]


@pytest.mark.parametrize("name", OURS)
def test_help_is_no_failure(name):
    ended = run(name, "--help")

    assert (ended.code, ended.err) == (0, [])
    assert ended.out[0].startswith("usage: ")


def test_a_refusal_is_said_in_english_whatever_the_language(transactional_db):
    with translation.override("zh-hans"):
        ended = run("create_merchant", " ", "--owner", "new@example.com")

    assert (ended.code, ended.err) == (1, ["Refused: Give the shop a name."])
