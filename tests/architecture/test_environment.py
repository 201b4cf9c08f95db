"""Every variable the product reads is explained in .env.example, and nothing there is read by nobody."""

from __future__ import annotations

import re

from config.embedded import BASE_DIR

READ = re.compile(
    r"""(?:env\.(?:text|flag|integer|decimal|duration|listing|choice|folder|url|is_set)\(\s*|secret\(\s*"[a-z-]+",\s*|"""
    r"""environ(?:\.get\(|\.setdefault\(|\[)|environment\[)"([A-Z][A-Z_]+)\""""
)
MAKE = {"SCALE", "ONLY"}  # read by the Makefile
FOREIGN = {"PATH", "DJANGO_SETTINGS_MODULE", "DJANGO_ALLOW_ASYNC_UNSAFE"}


def _read_somewhere() -> set[str]:
    found: set[str] = set()
    for folder in ("config", "members", "benefits", "compliance", "bench", "tests"):
        for path in (BASE_DIR / folder).rglob("*.py"):
            if path.name != "test_environment.py" and "test_env" not in path.name:
                found |= set(READ.findall(path.read_text(encoding="utf-8")))
    return found - FOREIGN


def test_the_example_names_every_variable_and_no_other() -> None:
    example = (BASE_DIR / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?([A-Z][A-Z_]+)=", example, flags=re.MULTILINE))

    read = _read_somewhere()

    assert read - named == set(), "read but not explained in .env.example"
    assert named - read - MAKE == set(), "explained in .env.example but read by nobody"
