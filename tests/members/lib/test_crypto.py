"""Personal data at rest: what opens a sealed value, and what does not."""

import pytest

from members.lib import crypto
from members.lib.crypto import Keyring, Unreadable


def test_what_was_sealed_opens_again():
    ring = Keyring(["a key"])

    sealed = ring.seal(7, "+8613800138000")

    assert ring.open(7, sealed) == "+8613800138000"
    assert b"13800138000" not in sealed


def test_the_same_text_is_never_sealed_alike():
    ring = Keyring(["a key"])

    assert ring.seal(7, "王小明") != ring.seal(7, "王小明")


def test_a_value_of_another_merchant_does_not_open():
    ring = Keyring(["a key"])
    sealed = ring.seal(7, "王小明")

    with pytest.raises(Unreadable):
        ring.open(8, sealed)


@pytest.mark.parametrize("place", [0, 1, 5, 17, -1])
def test_a_changed_value_does_not_open(place):
    ring = Keyring(["a key"])
    sealed = bytearray(ring.seal(7, "王小明"))

    sealed[place] ^= 1

    with pytest.raises(Unreadable):
        ring.open(7, bytes(sealed))


@pytest.mark.parametrize("size", [0, 4, 20])
def test_a_value_cut_short_does_not_open(size):
    ring = Keyring(["a key"])

    with pytest.raises(Unreadable):
        ring.open(7, ring.seal(7, "王小明")[:size])


def test_after_a_rotation_old_values_open_and_new_ones_take_the_new_key():
    old = Keyring(["old"])
    ring = Keyring(["new", "old"])
    before = old.seal(7, "王小明")

    after = ring.seal(7, "王小明")

    assert ring.open(7, before) == "王小明"
    assert not ring.is_current(before)
    assert ring.is_current(after)
    with pytest.raises(Unreadable):
        old.open(7, after)


def test_a_ring_without_a_key_is_refused():
    with pytest.raises(ValueError, match="PII_KEYS"):
        Keyring([""])


def test_an_index_finds_the_same_number_of_the_same_merchant_only():
    assert crypto.blind_index(7, "+8613800138000") == crypto.blind_index(7, "+8613800138000")
    assert crypto.blind_index(7, "+8613800138000") != crypto.blind_index(8, "+8613800138000")
    assert crypto.tail_token(7, "+8613800138000") == crypto.tail_token(7, "+8613900138000")
    assert crypto.tail_token(7, "+8613800138000") != crypto.tail_token(8, "+8613800138000")


@pytest.mark.parametrize(
    ("name", "parts"),
    [("王小明", ("王", "小明")), ("Ann Lee", ("ann", "lee")), (" ＡＮＮ ", ("ann", "")), ("", ("", ""))],
)
def test_a_name_is_found_by_its_parts(name, parts):
    assert crypto.name_parts(name) == parts
