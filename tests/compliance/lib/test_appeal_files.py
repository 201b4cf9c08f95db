"""What a file is told from its content; which are taken, and what is said of the others."""

from __future__ import annotations

import pytest

from compliance.lib import appeal_files as rule
from compliance.lib.appeal_files import MOST_BYTES, Upload
from members.lib.refusals import Invalid

PDF = b"%PDF-1.7\nwords\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
JPG = b"\xff\xd8\xff\xe0words"
WEBP = b"RIFF\0\0\0\0WEBPVP8 "
EXE = b"MZ\x90\0\x03\0\0\0PE"


@pytest.mark.parametrize(("content", "kind"), [(PDF, "pdf"), (PNG, "png"), (JPG, "jpg"), (WEBP, "webp")])
def test_a_file_is_what_its_content_says(content, kind):
    assert rule.check([Upload("x.bin", content)])[0].kind == kind


@pytest.mark.parametrize(
    "content",
    [
        EXE,
        b"\x7fELF\x02\x01\x01",
        b"#!/bin/sh\nrm -rf /\n",
        b"<html><script>alert(1)</script></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"PK\x03\x04word/document.xml",
        b"GIF89a",
        b"%PDF-1.7 cut off",
        EXE + PDF,
        b"RIFF\0\0\0\0WAVE",
    ],
)
def test_what_is_none_of_the_four_is_refused_whatever_its_name(content):
    with pytest.raises(Invalid, match=r"“list\.pdf” is no PDF, PNG, JPEG or WebP"):
        rule.check([Upload("list.pdf", content)])


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("C:\\docs\\list.pdf", "list.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie: x.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe.pdf"),
        ("list.exe", "list.exe.pdf"),
        ("", "file.pdf"),
        ("单据.PDF", "单据.PDF"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
    ],
)
def test_a_name_is_made_safe_and_ends_as_the_content_is(name, kept):
    assert rule.check([Upload(name, PDF)])[0].name == kept


def test_size_and_number_have_limits_that_are_named():
    biggest = PDF + b"\n" * (MOST_BYTES - len(PDF) - 6) + b"%%EOF\n"
    assert rule.check([Upload("a.pdf", biggest)])
    with pytest.raises(Invalid, match=r"has 6 MB; a file has at most 5 MB\."):
        rule.check([Upload("a.pdf", biggest + b"\n")])
    with pytest.raises(Invalid, match="is empty"):
        rule.check([Upload("a.pdf", b"")])
    assert len(rule.check([Upload("a.pdf", PDF)] * 3, held=7)) == 3
    with pytest.raises(Invalid, match="at most 10 files; with these it would have 11"):
        rule.check([Upload("a.pdf", PDF)] * 3, held=8)
