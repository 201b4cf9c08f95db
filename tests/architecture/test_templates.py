"""What the content security policy would refuse in a browser is refused here first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
COMMENT = re.compile(r"{#.*?#}|{%\s*comment.*?endcomment\s*%}|<!--.*?-->", re.S)


def source(path: Path) -> str:
    return COMMENT.sub("", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT / "templates")))
class TestEveryTemplate:
    """One test a template."""

    def test_no_inline_style_or_handler(self, path):
        found = re.findall(r"<[a-zA-Z][^<>]*?\s(style|on[a-z]+)\s*=", source(path))

        assert not found, "the browser refuses style=… and on…=: use a class, an SVG attribute or liushui.js"

    def test_scripts_and_styles_carry_the_nonce(self, path):
        tags = re.findall(r"<(?:script|style)\b[^>]*>", source(path))

        bare = [tag for tag in tags if "nonce=" not in tag and "application/json" not in tag]
        if path.name == "shell.html":  # kept on devices, where a nonce must not be: files of our own alone
            bare = [
                tag for tag in bare if not re.fullmatch(r"<script src=\"{% static '\w+\.js' %}\" defer>", tag)
            ]
        assert not bare

    def test_swapping_links_have_an_address(self, path):
        links = re.findall(r"<a\b[^>]*data-hx-get[^>]*>", source(path), re.S)

        assert all("href=" in link for link in links)

    def test_htmx_is_written_as_valid_html(self, path):
        assert not re.search(r"<[^>]*\shx-[a-z]", source(path)), "write data-hx-…"
