"""Compiles the catalogues in locale/ with Babel, so that nobody needs gettext (`make translations`).

With `--check [FOLDER]` it says which catalogue lacks which message instead, and fails if any does.
"""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).resolve().parent.parent / "locale"


def catalogues(folder: Path = LOCALE) -> list[Path]:
    """Every catalogue of a folder."""
    return sorted(folder.glob("*/LC_MESSAGES/*.po"))


def read(path: Path) -> Catalog:
    """One catalogue, its language taken from its folder."""
    with path.open("rb") as file:
        return read_po(file, locale=None, domain=path.stem)


def compile_all() -> int:
    """Write each .mo whose .po is newer. Returns the exit code."""
    written = 0
    for path in catalogues():
        target = path.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= path.stat().st_mtime:
            continue
        part = target.with_suffix(".part")
        with part.open("wb") as file:
            write_mo(file, read(path))
        part.replace(target)
        written += 1
    print(f"translations: {written} compiled, {len(catalogues()) - written} up to date")
    return 0


def check(folder: Path) -> int:
    """Name every message that has no translation, or an unsure one. Returns the exit code."""
    missing = 0
    found = catalogues(folder)
    for path in found:
        for message in read(path):
            texts = message.string if isinstance(message.string, list | tuple) else [message.string]
            if message.id and (message.fuzzy or not all(texts)):
                missing += 1
                print(f"{path.relative_to(folder.parent)}:{message.lineno}: {message.id!r}")
    print(f"translations: {missing} missing in {len(found)} catalogues")
    return 1 if missing else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        sys.exit(check(Path(sys.argv[2]) if len(sys.argv) > 2 else LOCALE))
    sys.exit(compile_all())
