"""Arguments that several commands take."""

from __future__ import annotations

from argparse import ArgumentTypeError


def pair(text: str) -> tuple[str, str]:
    """FIELD=HEADER of the command line. Raises ArgumentTypeError."""
    name, mark, header = text.partition("=")
    if not mark or not name or not header:
        raise ArgumentTypeError(f"“{text}”: write it like amount=实付款")
    return name, header
