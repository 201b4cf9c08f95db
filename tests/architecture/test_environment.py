"""Every variable the product reads is explained in .env.example, and nothing there is read by nobody."""

from __future__ import annotations

import re
from importlib.util import find_spec

from django.core.management import get_commands

from config.embedded import BASE_DIR

READ = re.compile(
    r"""(?:env\.[a-z_]+\(\s*|secret(?:s_of)?\(\s*"[a-z-]+",\s*|"""
    r"""environ(?:\.get\(|\.setdefault\(|\[)|environment\[)"([A-Z][A-Z_]+)\""""
)
MAKE = {"SCALE", "ONLY"}  # read by the Makefile
FOREIGN = {"PATH", "DJANGO_SETTINGS_MODULE", "DJANGO_ALLOW_ASYNC_UNSAFE", "PYTHONPYCACHEPREFIX"}


def _read_somewhere() -> set[str]:
    found: set[str] = set()
    for folder in ("config", "members", "benefits", "compliance", "bench", "tests"):
        for path in (BASE_DIR / folder).rglob("*.py"):
            if path.name != "test_environment.py" and "test_env" not in path.name:
                found |= set(READ.findall(path.read_text(encoding="utf-8")))
    return found - FOREIGN


def test_the_guide_to_own_servers_names_only_what_there_is() -> None:
    guide = (BASE_DIR / "docs/running.md").read_text(encoding="utf-8")
    example = (BASE_DIR / ".env.example").read_text(encoding="utf-8")

    variables = set(re.findall(r"`([A-Z][A-Z_]+)(?:=[a-z]+)?`", guide))
    commands = set(re.findall(r"manage\.py ([a-z_]+)", guide))
    modules = set(re.findall(r"python -m ([a-z.]+)", guide))

    assert len(variables) > 10 and len(commands) > 3 and modules == {"config.assets", "config.translations"}
    assert {name for name in variables if f"{name}=" not in example} == set()
    assert commands - set(get_commands()) == set()
    assert {name for name in modules if find_spec(name) is None} == set()


def test_the_example_names_every_variable_and_no_other() -> None:
    example = (BASE_DIR / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?([A-Z][A-Z_]+)=", example, flags=re.MULTILINE))

    read = _read_somewhere()

    assert read - named == set(), "read but not explained in .env.example"
    assert named - read - MAKE == set(), "explained in .env.example but read by nobody"
