"""Which files an appeal takes: what they are is told from their content, never from their name (domain.md 3, Appeal).

A name is kept for people alone. Only formats that a reviewer looks at and that run nothing are taken.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from django.utils.translation import gettext as _

from members.lib.refusals import Invalid

MOST_FILES = 10  # of one appeal, those sent later included
MOST_BYTES = 5 << 20  # of one file
MOST_TOGETHER = MOST_FILES * MOST_BYTES  # what one form may send
LONGEST_NAME = 100  # characters
TAIL = 2048  # bytes at a PDF's end in which its mark must stand
TYPES = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
}
ENDINGS = {"pdf": (".pdf",), "png": (".png",), "jpg": (".jpg", ".jpeg"), "webp": (".webp",)}
ACCEPTED = ",".join(ending for endings in ENDINGS.values() for ending in endings)


class Upload(NamedTuple):
    """A file as it was handed in: the name that its sender gave it, and its bytes."""

    name: str
    content: bytes


class Checked(NamedTuple):
    """A file that may be kept: a name that is safe to offer, what it is (a key of TYPES), its bytes."""

    name: str
    kind: str
    content: bytes


def kind_of(content: bytes) -> str | None:
    """What some bytes are by their own marks, a key of TYPES; None for anything else."""
    if content.startswith(b"%PDF-") and b"%%EOF" in content[-TAIL:]:
        return "pdf"
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
        return "png"
    if content.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    return None


def check(uploads: list[Upload], *, held: int = 0) -> list[Checked]:
    """The files of one form, ready to be kept; `held` is how many the appeal has already.

    Raises Invalid at `attached`, naming the file and what to do, for too many, an empty, a large or another one.
    """
    if len(uploads) + held > MOST_FILES:
        problem = _(
            "An appeal has at most %(most)s files; with these it would have %(count)s. Leave some out."
        )
        raise Invalid.on("attached", problem % {"most": MOST_FILES, "count": len(uploads) + held})
    return [_checked(each) for each in uploads]


def check_size(name: str, size: int) -> None:
    """Raises Invalid at `attached` for a file that is too large, before its bytes are read."""
    if size > MOST_BYTES:
        problem = _(
            "“%(name)s” has %(size)s MB; a file has at most %(most)s MB. Make it smaller or send a part."
        )
        values = {"name": safe_name(name), "size": -(-size >> 20), "most": MOST_BYTES >> 20}
        raise Invalid.on("attached", problem % values)


def _checked(upload: Upload) -> Checked:
    name = safe_name(upload.name)
    check_size(name, len(upload.content))
    if not upload.content:
        raise Invalid.on("attached", _("“%(name)s” is empty. Choose it again.") % {"name": name})
    kind = kind_of(upload.content)
    if kind is None:
        problem = _(
            "“%(name)s” is no PDF, PNG, JPEG or WebP, whatever its name says. Save it as one of these and send that."
        )
        raise Invalid.on("attached", problem % {"name": name})
    return Checked(_ending_as(name, kind), kind, upload.content)


def safe_name(name: str) -> str:
    """The last part of a name, on one line, without control or direction characters, cut."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(char for char in last if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    plain = plain.strip(" .\"'")
    if len(plain) > LONGEST_NAME:
        stem, dot, ending = plain.rpartition(".")
        plain = (
            stem[: LONGEST_NAME - len(ending) - 1] + dot + ending if len(ending) < 6 else plain[:LONGEST_NAME]
        )
    return plain or "file"


def _ending_as(name: str, kind: str) -> str:
    """A name whose ending says what the file is."""
    if name.lower().endswith(ENDINGS[kind]):
        return name
    return f"{name[: LONGEST_NAME - 6]}{ENDINGS[kind][0]}"
