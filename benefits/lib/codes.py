"""Codes that a till reads or a person types: short, not to be guessed, with a check character.

Nine random signs of 32 (45 bits) and a check sign. The alphabet leaves out I, L, O and U, so what is typed for 1 and 0
is understood; case, spaces and hyphens do not matter. The check sign is a weighted sum in the field of 32 elements: one
wrong sign, or any two that changed places, is noticed before anything is looked up.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

import numpy as np

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM = 9
LENGTH = RANDOM + 1
LONGEST_TYPED = 64
_VALUE = {sign: value for value, sign in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_SPACED = re.compile(r"[\s\-‐-―_.]+")


def _powers() -> list[int]:
    """The powers of the field's generator: x^5 = x^2 + 1."""
    found = [1]
    while len(found) < 31:
        doubled = found[-1] << 1
        found.append(doubled ^ 0b100101 if doubled & 32 else doubled)
    return found


_POWERS = _powers()
_LOG = {value: exponent for exponent, value in enumerate(_POWERS)}
# What a sign in a place adds to the check sign.
_WEIGHED = np.array(
    [
        [_POWERS[(_LOG[value] + place) % 31] if value else 0 for value in range(32)]
        for place in range(1, LENGTH)
    ],
    dtype=np.uint8,
)
_SIGNS = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)


def new_codes(number: int) -> list[str]:
    """So many new codes. Two alike are a matter of chance, so whoever stores them looks for that."""
    values = np.frombuffer(secrets.token_bytes(number * RANDOM), dtype=np.uint8).reshape(number, RANDOM) & 31
    check = np.zeros(number, dtype=np.uint8)
    for place in range(RANDOM):
        check ^= _WEIGHED[place][values[:, place]]
    signs = _SIGNS[np.column_stack([values, check])]
    return [row.tobytes().decode() for row in signs]


def new_code() -> str:
    """One new code."""
    return new_codes(1)[0]


def read_code(typed: str) -> str | None:
    """The code that was meant; None for what cannot be one: another length, another sign, or a wrong check sign."""
    if len(typed) > LONGEST_TYPED:
        return None
    plain = _SPACED.sub("", unicodedata.normalize("NFKC", typed)).upper()
    if len(plain) != LENGTH or any(sign not in _VALUE for sign in plain):
        return None
    values = [_VALUE[sign] for sign in plain]
    check = 0
    for place, value in enumerate(values[:-1]):
        check ^= int(_WEIGHED[place][value])
    return "".join(ALPHABET[value] for value in values) if check == values[-1] else None


def shown(code: str) -> str:
    """A code as people read it out: two groups of five."""
    return f"{code[:5]}-{code[5:]}"
