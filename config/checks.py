"""`make check`: every check that is no test, one after the other; all are run, and any failure fails the whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from config import embedded, env

PY = sys.executable
PRODUCTION = {"DEBUG": "false", "DEMO": "false", "HTTPS": "true", "ALLOWED_HOSTS": "liushui.example"}
SOURCES = ("config", "members", "benefits", "compliance", "templates", "locale")


def main() -> int:
    """Run them all. Returns the exit code."""
    env.load_dotenv(embedded.BASE_DIR / ".env")
    os.chdir(embedded.BASE_DIR)
    if not embedded.has_own_database() and embedded.urls() is None:
        embedded.ensure_postgres()
    checks: list[tuple[str, list[str], dict[str, str]]] = [
        ("format", [PY, "-m", "ruff", "format", "--check", "--quiet", "."], {}),
        ("lint", [PY, "-m", "ruff", "check", "--quiet", "."], {}),
        ("templates", [PY, "-m", "djlint", "--quiet", "--lint", "templates"], {}),
        ("types", [PY, "-m", "mypy", "--no-error-summary"], {}),
        ("import contracts", [str(Path(PY).parent / "lint-imports"), "--no-logo"], {}),
        ("security", [PY, "-m", "bandit", "-q", "-ll", "-c", "pyproject.toml", "-r", *SOURCES[:4]], {}),
        ("migrations", [PY, "manage.py", "makemigrations", "--check", "--dry-run"], {}),
        ("deployment", [PY, "manage.py", "check", "--deploy", "--fail-level", "WARNING"], PRODUCTION),
        ("packages", ["sh", "-c", f"! {PY} -m pip check | grep -v -e '^lifetimes ' -e '^No broken'"], {}),
    ]
    failed = [name for name, command, extra in checks if not _passes(name, command, extra)]
    if not _translations():
        failed.append("translations")
    print(f"check: {'failed: ' + ', '.join(failed) if failed else 'all passed'}")
    return 1 if failed else 0


def _passes(name: str, command: list[str], extra: dict[str, str]) -> bool:
    begun = time.monotonic()
    done = subprocess.run(
        command,
        env=os.environ | extra,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout.rstrip())
    return _verdict(name, done.returncode == 0, begun)


def _verdict(name: str, passed: bool, begun: float) -> bool:
    print(
        f"check: {name:<18} {'passed' if passed else 'FAILED'} ({time.monotonic() - begun:.1f} s)", flush=True
    )
    return passed


def _translations() -> bool:
    """Whether every message of the sources has its translation, judged on a copy so that nothing here changes."""
    begun = time.monotonic()
    if shutil.which("xgettext") is None:
        print(
            "check: gettext is missing, so only the catalogues as they are were looked at (Debian: gettext)"
        )
        done = subprocess.run([PY, "-m", "config.translations", "--check"], check=False)
        return _verdict("translations", done.returncode == 0 and not env.flag("CI", False), begun)
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for folder in SOURCES:
            if Path(folder).is_dir():
                shutil.copytree(folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
        languages = [path.name for path in (copy / "locale").glob("*") if path.is_dir()]
        if languages:
            words = [word for language in languages for word in ("--locale", language)]
            subprocess.run(
                [
                    PY,
                    "-m",
                    "django",
                    "makemessages",
                    *words,
                    "--no-obsolete",
                    "--no-wrap",
                    "--verbosity",
                    "0",
                ],
                cwd=copy,
                env={key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"},
                check=True,
            )
        done = subprocess.run([PY, "-m", "config.translations", "--check", str(copy / "locale")], check=False)
    return _verdict("translations", done.returncode == 0 and bool(languages), begun)


if __name__ == "__main__":
    sys.exit(main())
